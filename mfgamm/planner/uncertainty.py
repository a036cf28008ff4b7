"""Plans under uncertain generation: made before it is known (ex ante), or after (ex post).

AMM paper, "Mechanism comparison: AMM vs VCG". Ex ante, devices follow one plan whatever comes,
while trade and curtailment adapt; ex post, everything does. So welfare can only fall from

    ex post (what VCG achieves)  ≥  the ex-ante planner  ≥  any ex-ante plans, such as an AMM's.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from mfgamm.core import InvalidInput, Tariff, concrete
from mfgamm.lp import InteriorPoint
from mfgamm.planner.community_program import curtailment_limits
from mfgamm.planner.exchange_cost import ExchangeCost
from mfgamm.planner.social_optimum import optimise, require_fitting
from mfgamm.planner.solution import PlannerSolution, in_scenario, returned, social_cost
from mfgamm.prosumer import HouseholdTypes, Plan, Population


class Scenarios(eqx.Module):
    """What generation may turn out to be.

    Attributes:
        generation: before curtailment, kW.
        probabilities: of each scenario; they sum to one.

    Raises:
        InvalidInput: if generation is negative or not finite, or the probabilities are none.
    """

    generation: Float[Array, "scenario type time"] = eqx.field(converter=jnp.asarray)
    probabilities: Float[Array, " scenario"] = eqx.field(converter=jnp.asarray)

    def __check_init__(self):
        generation, chances = concrete(self.generation), concrete(self.probabilities)
        if generation is None or chances is None:
            return
        if not (np.all(np.isfinite(generation)) and np.all(generation >= 0)):
            raise InvalidInput("scenarios.generation", "negative or nan", "must be ≥ 0 kW")
        if not (np.all(chances >= 0) and abs(chances.sum() - 1) <= 1e-9):
            raise InvalidInput(
                "scenarios.probabilities", chances.tolist(), "must be ≥ 0 and sum to 1"
            )


def ex_ante_optimum(
    population: Population,
    tariff: Tariff,
    scenarios: Scenarios,
    *,
    tolerance: float = 1e-6,
    max_iterations: int = 100,
    throw: bool = True,
    kernel: InteriorPoint | None = None,
) -> PlannerSolution:
    """The least expected cost if devices must follow one plan in all scenarios.

    Args and errors as in `social_optimum`. Households must be feasible in every scenario with one
    device plan. The benchmark is life with the grid alone *knowing* the scenario, so the saving
    may be negative.
    """
    require_fitting(population, tariff, tolerance, max_iterations)
    _require_scenarios(population, scenarios)
    kernel = InteriorPoint() if kernel is None else kernel
    chances = scenarios.generation, scenarios.probabilities
    solution = optimise(population.types, tariff, *chances, tolerance, max_iterations, kernel)
    return returned(solution, throw)


def ex_post_optimum(
    population: Population,
    tariff: Tariff,
    scenarios: Scenarios,
    *,
    tolerance: float = 1e-6,
    max_iterations: int = 100,
    throw: bool = True,
    kernel: InteriorPoint | None = None,
) -> PlannerSolution:
    """The least expected cost if every plan may depend on the scenario.

    Args and errors as in `social_optimum`; the status is the worst of the scenarios'.
    """
    require_fitting(population, tariff, tolerance, max_iterations)
    _require_scenarios(population, scenarios)
    kernel = InteriorPoint() if kernel is None else kernel
    parts = [
        optimise(
            in_scenario(population.types, produced),
            tariff,
            produced[None],
            jnp.ones(1),
            tolerance,
            max_iterations,
            kernel,
        )
        for produced in scenarios.generation
    ]

    def expected(name: str) -> Float[Array, "..."]:
        return jnp.tensordot(
            scenarios.probabilities, jnp.stack([getattr(part, name) for part in parts]), 1
        )

    def joined(name: str):
        return jax.tree.map(lambda *each: jnp.concatenate(each), *(getattr(p, name) for p in parts))

    solution = PlannerSolution(
        value=joined("value"),
        prices=joined("prices"),
        cost=expected("cost"),
        certificate=expected("certificate"),
        gap=expected("gap"),
        saving=expected("saving"),
        relative=jnp.max(jnp.stack([part.relative for part in parts])),
        benchmark=expected("benchmark"),
        status=jnp.max(jnp.stack([part.status for part in parts])),
        residuals=jnp.max(jnp.stack([part.residuals for part in parts])),
        history=np.concatenate([part.history for part in parts]),
    )
    return returned(solution, throw)


@eqx.filter_jit
def adapted(types: HouseholdTypes, plan: Plan, scenarios: Scenarios) -> Plan:
    """A device plan carried out in every scenario, `[scenario, …]`: trade makes up the balance.

    Production is turned down by what the plan turns down, as far as there is any, and by what the
    connection cannot carry. A deficit beyond the connection shows as a violated limit.
    """

    def carried_out(produced, limit):
        here = eqx.tree_at(lambda t: t.generation, types, produced)
        curtailed = jnp.minimum(plan.curtailed, limit)
        net = here.net_trade(curtailed, plan.charge, plan.discharge)
        excess = jnp.maximum(net - types.trade_limit[:, None], 0.0)
        curtailed = jnp.minimum(curtailed + excess, limit)
        net = here.net_trade(curtailed, plan.charge, plan.discharge)
        sold, bought = jnp.maximum(net, 0.0), jnp.maximum(-net, 0.0)
        return Plan(sold, bought, curtailed, plan.charge, plan.discharge, plan.state_of_charge)

    limits = curtailment_limits(types, scenarios.generation)
    return eqx.filter_vmap(carried_out)(scenarios.generation, limits)


def expected_cost(
    types: HouseholdTypes, tariff: Tariff, plans: Plan, scenarios: Scenarios
) -> Float[Array, ""]:
    """Expected cost of plans `[scenario, …]` to the community, € per household."""
    hours = scenarios.probabilities[:, None] * types.step_hours * types.discount
    return social_cost(types, ExchangeCost.grid_bill(tariff, hours), plans)


def _require_scenarios(population: Population, scenarios: Scenarios) -> None:
    expected = (population.size, population.steps)
    if scenarios.generation.shape[1:] != expected:
        raise InvalidInput(
            "scenarios.generation",
            f"shape {scenarios.generation.shape}",
            f"must be [scenario, type, time] with {expected} types and steps",
        )
