"""The equilibrium of the monotone market maker: the planner's problem with its potential."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from mfgamm.core import Flows, InvalidInput, Prices
from mfgamm.lp import InteriorPoint
from mfgamm.market import MonotoneMarket
from mfgamm.planner.exchange_cost import ExchangeCost
from mfgamm.planner.social_optimum import require_fitting
from mfgamm.planner.solution import (
    AbstractOptimum,
    benchmark_cost,
    make_goal,
    minimise_cost,
    returned,
    social_cost,
    status_of,
)
from mfgamm.prosumer import Plan, Population, respond

# The plans' own prices and those of the dual differ by the method's gap; so it is given this
# share of the tolerance.
SHARE = 0.1


class MonotoneEquilibrium(AbstractOptimum):
    """An equilibrium of `MonotoneMarket`: the plans that minimise its potential.

    `cost` is what households pay together before the rebate, the potential less what is left
    stored; `prices` are those that the plans lead to, and `gap` is therefore the exploitability
    over the horizon: what households could save by leaving their plans. The other attributes are
    as in `AbstractOptimum`.

    Attributes:
        exploitability_by_type: the same for each type, €.
        social_cost: of the plans after the rebate, € per household: what the planner minimises.
    """

    value: Plan
    prices: Prices
    cost: Float[Array, ""]
    certificate: Float[Array, ""]
    gap: Float[Array, ""]
    saving: Float[Array, ""]
    relative: Float[Array, ""]
    benchmark: Float[Array, " type"]
    status: Int[Array, ""]
    residuals: Float[Array, ""]
    history: Float[np.ndarray, " iteration"]
    exploitability_by_type: Float[Array, " type"]
    social_cost: Float[Array, ""]


def monotone_equilibrium(
    population: Population,
    market: MonotoneMarket,
    *,
    tolerance: float = 1e-6,
    max_iterations: int = 100,
    throw: bool = True,
    kernel: InteriorPoint | None = None,
) -> MonotoneEquilibrium:
    """Solve the monotone market's game as one convex program.

    Since prices are the slopes of a convex potential φ, homogeneous of degree one, a profile of
    plans is an equilibrium if and only if it minimises Σφ plus the households' own costs, and its
    exploitability is at least its distance from the minimum. Prices are unique where φ is
    strictly convex across the ratio of supply to demand, that is for every ν > 0.

    Args:
        population: the types, each feasible (`require_feasible`).
        market: its curvature positive; at zero its equilibrium is `social_optimum`.
        tolerance: exploitability relative to the community's saving at which to stop.
        max_iterations: after which to give up.
        throw: raise if the tolerance was not met; otherwise the status tells.
        kernel: settings of the households' own programs (benchmark, start and certificate).

    Raises:
        InvalidInput: if an argument is out of range, or single precision is in use.
        NotConverged: with the solution attached, if `throw`.
    """
    require_fitting(population, market.tariff, tolerance, max_iterations)
    if not float(market.potential.curvature) > 0:
        raise InvalidInput(
            "market.potential.curvature",
            float(market.potential.curvature),
            "must be positive: without curvature prices jump at balance; use social_optimum",
        )
    types, kernel = population.types, InteriorPoint() if kernel is None else kernel
    hours = (types.step_hours * types.discount)[None]
    exchange = ExchangeCost.monotone(market.potential, market.tariff, hours)
    generation = types.generation[None]
    benchmark = benchmark_cost(types, exchange, generation, kernel)
    goal = make_goal(SHARE * tolerance, benchmark, types)
    plans, run = minimise_cost(types, exchange, generation, goal, max_iterations, kernel)
    plan = jax.tree.map(lambda x: x[0], plans)
    flows = types.flows(plan)
    prices = market.prices(Flows(flows.supply, flows.demand))
    regret = types.cost(plan, prices) - respond(types, prices, kernel).certificate
    grid = ExchangeCost.grid_bill(market.tariff, hours)
    cost, shared = (social_cost(types, each, plans) for each in (exchange, grid))
    exploitability = types.weights @ regret
    met = goal._replace(tolerance=jnp.asarray(tolerance))
    scale = met.target(shared) / tolerance
    status = status_of(run, met, jnp.where(exploitability <= tolerance * scale, 0.0, jnp.inf))
    solution = MonotoneEquilibrium(
        value=plan,
        prices=prices,
        cost=cost,
        certificate=cost - exploitability,
        gap=exploitability,
        saving=types.weights @ benchmark - shared,
        relative=exploitability / scale,
        benchmark=benchmark,
        status=jnp.asarray(status),
        residuals=eqx.filter_jit(type(types).worst_violation)(types, plan),
        history=np.asarray(run.gaps[: int(run.iterations)]),
        exploitability_by_type=regret,
        social_cost=shared,
    )
    return returned(solution, throw)
