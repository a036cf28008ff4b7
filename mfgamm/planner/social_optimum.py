"""The social planner: what the community could do at best, and the prices that support it."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from mfgamm.core import InvalidInput, Tariff, require_float64
from mfgamm.lp import InteriorPoint
from mfgamm.planner.community_program import curtailment_limits
from mfgamm.planner.exchange_cost import ExchangeCost
from mfgamm.planner.solution import (
    PlannerSolution,
    benchmark_cost,
    make_goal,
    minimise_cost,
    returned,
    social_cost,
    status_of,
)
from mfgamm.prosumer import HouseholdTypes, Population


def social_optimum(
    population: Population,
    tariff: Tariff,
    *,
    tolerance: float = 1e-6,
    max_iterations: int = 100,
    throw: bool = True,
    kernel: InteriorPoint | None = None,
) -> PlannerSolution:
    """All households' plans that cost the community least against the grid's tariff.

    The community pays the grid for its net flows, retail·(D − S)⁺ − feed_in·(S − D)⁺ a step,
    households keep the worth of what they have stored, and what they pay each other cancels (AMM
    paper, "ex-ante welfare equivalence"). One aggregate linear program; its prices buy = sell lie
    within the tariff, and at them every household's own plan is a best response.

    Args:
        population: the types, each feasible (`require_feasible`).
        tariff: the grid's prices.
        tolerance: gap relative to the saving over life with the grid alone, at which to stop.
        max_iterations: after which to give up.
        throw: raise if the tolerance was not met; otherwise the status tells.
        kernel: settings of the households' own programs (benchmark and start).

    Raises:
        InvalidInput: if an argument is out of range, or single precision is in use.
        NotConverged: with the solution attached, if `throw`.
    """
    require_fitting(population, tariff, tolerance, max_iterations)
    types, kernel = population.types, InteriorPoint() if kernel is None else kernel
    certain = types.generation[None], jnp.ones(1)
    solution = optimise(types, tariff, *certain, tolerance, max_iterations, kernel)
    plan, prices = jax.tree.map(lambda x: x[0], (solution.value, solution.prices))
    solution = eqx.tree_at(lambda s: (s.value, s.prices), solution, (plan, prices))
    return returned(solution, throw)


def optimise(
    types: HouseholdTypes,
    tariff: Tariff,
    generation: Float[Array, "scenario type time"],
    probabilities: Float[Array, " scenario"],
    tolerance: float,
    max_iterations: int,
    kernel: InteriorPoint,
) -> PlannerSolution:
    """The optimum over scenarios, plans and prices `[scenario, …]`, devices alike in all."""
    hours = probabilities[:, None] * types.step_hours * types.discount
    exchange = ExchangeCost.grid_bill(tariff, hours)
    benchmark = benchmark_cost(types, exchange, generation, kernel)
    goal = make_goal(tolerance, benchmark, types)
    plans, run = minimise_cost(types, exchange, generation, goal, max_iterations, kernel)
    cost, bound = social_cost(types, exchange, plans), run.value - run.gap
    violation = eqx.filter_jit(eqx.filter_vmap(HouseholdTypes.worst_violation, in_axes=(None, 0)))
    return PlannerSolution(
        value=plans,
        prices=exchange.prices(run.point.dual),
        cost=cost,
        certificate=bound,
        gap=cost - bound,
        saving=types.weights @ benchmark - cost,
        relative=(cost - bound) * goal.tolerance / goal.target(cost),
        benchmark=benchmark,
        status=jnp.asarray(status_of(run, goal, cost - bound)),
        residuals=jnp.max(violation(_unlimited(types, generation), plans)),
        history=np.asarray(run.gaps[: int(run.iterations)]),
    )


def require_fitting(
    population: Population, tariff: Tariff, tolerance: float, max_iterations: int
) -> None:
    """Refuse what no planner's problem can work with.

    Raises:
        InvalidInput: if an argument is out of range, or single precision is in use.
    """
    require_float64("population", population.types.generation)
    if not tolerance > 0:
        raise InvalidInput("tolerance", tolerance, "must be positive")
    if max_iterations < 1:
        raise InvalidInput("max_iterations", max_iterations, "must be at least 1")
    steps = tariff.retail.shape
    if steps != (population.steps,):
        raise InvalidInput(
            "tariff", f"shape {steps}", f"must be one price a step, {population.steps} in all"
        )


def _unlimited(
    types: HouseholdTypes, generation: Float[Array, "scenario type time"]
) -> HouseholdTypes:
    """The types with the largest curtailment of any scenario, to judge plans of all of them."""
    limit = curtailment_limits(types, generation).max(axis=0)
    return eqx.tree_at(lambda t: t.curtailment_limit, types, limit)
