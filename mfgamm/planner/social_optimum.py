"""The social planner: what the community could do at best, and the prices that support it."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from mfgamm.core import InvalidInput, Tariff, require_float64
from mfgamm.lp import InteriorPoint
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
from mfgamm.prosumer import Population


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
    exchange = ExchangeCost.grid_bill(tariff, (types.step_hours * types.discount)[None])
    generation = types.generation[None]
    benchmark = benchmark_cost(types, exchange, generation, kernel)
    goal = make_goal(tolerance, benchmark, types)
    plans, run = minimise_cost(types, exchange, generation, goal, max_iterations, kernel)
    cost = social_cost(types, exchange, plans)
    bound = run.value - run.gap
    plan = jax.tree.map(lambda x: x[0], plans)
    scale = goal.target(cost) / goal.tolerance
    solution = PlannerSolution(
        value=plan,
        prices=jax.tree.map(lambda x: x[0], exchange.prices(run.point.dual)),
        cost=cost,
        certificate=bound,
        gap=cost - bound,
        saving=types.weights @ benchmark - cost,
        relative=(cost - bound) / scale,
        benchmark=benchmark,
        status=jnp.asarray(status_of(run, goal, cost - bound)),
        residuals=eqx.filter_jit(type(types).worst_violation)(types, plan),
        history=np.asarray(run.gaps[: int(run.iterations)]),
    )
    return returned(solution, throw)


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
