"""The best response: what each type does at given prices, and a bound that proves it."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from mfgamm.core import AbstractSolution, InvalidInput, NotConverged, Prices, Status, concrete
from mfgamm.lp import InteriorPoint, ProgramSolution, StorageProgram
from mfgamm.lp.interior_point import Measures
from mfgamm.prosumer.plan import Plan
from mfgamm.prosumer.population import HouseholdTypes, Population

# Markets compute the two prices apart; where they agree, rounding may swap them.
PRICE_ROUNDING = 1e-9


class BestResponse(AbstractSolution):
    """Best plans of all types.

    Where several plans are optimal, the analytic centre of the optimal face is returned; the
    optimal cost is unique, the plan is not.

    Attributes:
        value: the plans.
        cost: each type's objective, €.
        shadow_price: worth of one more kWh at each step, €/kWh (paper: θ, here per kWh and
            positive): within [sell, buy] while the household does not trade.
        status: a `Status` per type.
        residuals: measures of the kernel, scaled.
        history: interior point iterations per type.
        certificate: a rigorous lower bound on each type's best cost, €.
    """

    value: Plan
    cost: Float[Array, " type"]
    shadow_price: Float[Array, "type time"]
    status: Int[Array, " type"]
    residuals: Measures
    history: Int[Array, " type"]
    certificate: Float[Array, " type"]


def best_response(
    population: Population,
    prices: Prices,
    solver: InteriorPoint | None = None,
    *,
    throw: bool = True,
) -> BestResponse:
    """Each type's cost-minimising plan for given prices (AMM paper, "Best-Response LP").

    Args:
        population: the types. Infeasible ones are named by `require_feasible`, not here.
        prices: €/kWh, `[time]` or `[type, time]`; `[cluster, time]` if there are clusters.
        solver: the kernel's settings; a barrier above zero gives the smoothed best response.
        throw: raise if a type was not solved; otherwise its status tells.

    Raises:
        InvalidInput: if prices are missing, do not fit, or reward selling what is bought.
        NotConverged: with the response attached, if `throw` and a type was not solved.
    """
    _require_prices(population, prices)
    response = respond(population.types, prices, InteriorPoint() if solver is None else solver)
    if throw and not response.converged:
        status = np.asarray(response.status)
        first = int(np.argmax(status != Status.CONVERGED))
        raise NotConverged(
            f"{int(np.sum(status != Status.CONVERGED))} of {population.size} best responses did "
            f"not converge; the first is {population.names[first]} "
            f"({Status(int(status[first])).label}). Check `require_feasible`, loosen the tolerance "
            "or raise max_iterations.",
            response,
        )
    return response


def _require_prices(population: Population, prices: Prices) -> None:
    clusters = population.types.clusters
    rows = population.size if clusters is None else clusters.count
    fitting = ((population.steps,), (rows, population.steps))
    for name in ("sell", "buy"):
        price = getattr(prices, name)
        if price.shape not in fitting:
            raise InvalidInput(
                f"prices.{name}", f"shape {price.shape}", f"must be one of {fitting}"
            )
        known = concrete(price)
        if known is not None and not np.all(np.isfinite(known)):
            raise InvalidInput(f"prices.{name}", "nan or inf", "every price must be finite")
    sell, buy = concrete(prices.sell), concrete(prices.buy)
    if sell is None or buy is None:
        return
    excess = np.asarray(sell - buy)
    if np.any(excess > PRICE_ROUNDING):
        raise InvalidInput(
            "prices.sell",
            float(sell.ravel()[np.argmax(excess)]),
            f"exceeds the buying price by {float(excess.max()):.3g} €/kWh: households would earn "
            "by buying and selling at once, bounded by their connection alone",
        )


def respond(types: HouseholdTypes, prices: Prices, solver: InteriorPoint) -> BestResponse:
    """`best_response` on the bare numbers: pure, for use inside other transformations.

    Not compiled as a whole, so that every caller shares one compiled kernel.
    """
    program = _write(types, prices)
    return _read(types, prices, solver, program, solver.solve(program))


@eqx.filter_jit
def _write(types: HouseholdTypes, prices: Prices) -> StorageProgram:
    return types.program(prices)


@eqx.filter_jit
def _read(
    types: HouseholdTypes,
    prices: Prices,
    solver: InteriorPoint,
    program: StorageProgram,
    solution: ProgramSolution,
) -> BestResponse:
    plan = read_plan(types, program, solution.value.variables, solver.barrier == 0)
    hours = types.step_hours * types.discount
    return BestResponse(
        value=plan,
        cost=types.cost(plan, prices),
        shadow_price=-solution.value.multipliers.balance.T / hours,
        status=solution.status,
        residuals=solution.residuals,
        history=solution.history,
        certificate=solution.certificate,
    )


def read_plan(
    types: HouseholdTypes,
    program: StorageProgram,
    variables: Float[Array, "variable time lane"],
    exact: bool | Bool[Array, ""],
) -> Plan:
    """The plan behind a program's variables, with energy balanced to rounding.

    Exact plans are netted: selling while buying, or charging while discharging a lossless store,
    costs nothing where prices agree, and would leave the aggregate flows undetermined. States and
    trade follow from the device flows, so that both balances hold exactly.
    """
    parts = program.split(variables)
    charge, discharge = (jnp.moveaxis(x, -1, 0) for x in (parts.inflow, parts.outflow))
    sell, buy, curtailed = (x.T for x in parts.exchange)
    unwashed = types.unwashed(charge, discharge)
    charge, discharge = (
        jnp.where(exact, *pair) for pair in zip(unwashed, (charge, discharge), strict=True)
    )
    net = types.net_trade(curtailed, charge, discharge)
    surplus = 0.5 * (sell - buy - net)
    return Plan(
        sell=jnp.where(exact, jnp.maximum(net, 0.0), sell - surplus),
        buy=jnp.where(exact, jnp.maximum(-net, 0.0), buy + surplus),
        curtailed=curtailed,
        charge=charge,
        discharge=discharge,
        state_of_charge=types.follow_states(charge, discharge),
    )
