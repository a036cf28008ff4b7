"""Solve a community's game: benchmark, rounds of a solver, certificate."""

import dataclasses
import time
from collections.abc import Callable
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from mfgamm.core import (
    Checkpoint,
    InvalidInput,
    Journal,
    NotConverged,
    Prices,
    Status,
    one_blas_thread,
    require_float64,
)
from mfgamm.equilibrium.certificate import Certificate
from mfgamm.equilibrium.community import Community, Game
from mfgamm.equilibrium.equilibrium import Benchmark, Equilibrium, Rounds
from mfgamm.equilibrium.path_following import PathFollowing
from mfgamm.equilibrium.play import Play, Progress
from mfgamm.equilibrium.solver import AbstractSolver, SolverState
from mfgamm.lp import InteriorPoint
from mfgamm.market import GridMarket
from mfgamm.prosumer import MixedStrategy, Plan, best_response, require_feasible

# Limits may be violated by this much, kW or kWh, before a profile no longer counts as feasible.
FEASIBILITY = 1e-6
# Gains are differences of costs, so the benchmark is solved tighter than the rounds need.
EXACT = 1e-9


class Stopping(NamedTuple):
    """When a search ends.

    Attributes:
        tolerance: relative exploitability that is good enough.
        max_rounds: rounds after which to give up.
    """

    tolerance: float
    max_rounds: int


def solve_equilibrium(
    community: Community,
    solver: AbstractSolver | None = None,
    *,
    start: Plan | Equilibrium | None = None,
    tolerance: float = 1e-4,
    max_rounds: int = 1000,
    throw: bool = True,
    on_round: Callable[[Progress], None] | None = None,
    checkpoint: Checkpoint | None = None,
) -> Equilibrium:
    """Find strategies from which no household gains by deviating (AMM paper, "Stage-game BNE").

    Households are price takers in a mean field; strategies are mixtures of plans. Uniqueness is
    not claimed: the price map is not monotone in general.

    Args:
        community: the game.
        solver: how to look for the equilibrium; `PathFollowing` if None.
        start: what everybody follows at first: feasible plans, or another solve's result; the
            benchmark's plans if None.
        tolerance: exploitability relative to the community's gain at which to stop.
        max_rounds: rounds after which to give up.
        throw: raise if the tolerance was not met; otherwise the status tells.
        on_round: called after every round. A `KeyboardInterrupt`, here or anywhere in the
            rounds, ends the solve: the best iterate so far is returned with
            `Status.INTERRUPTED`, whatever `throw` says.
        checkpoint: where to save the search, and to take it up again from, so that it goes on as
            if it had never stopped.

    Raises:
        InvalidInput: if an argument is out of range, the start does not fit, the checkpoint is
            another search's, or single precision is in use.
        InfeasibleHousehold: naming every household without a plan.
        NotConverged: with the best equilibrium found attached, if `throw`.
    """
    types, market = community.population.types, community.market
    require_float64("community.population", types.generation)
    if not tolerance > 0:
        raise InvalidInput("tolerance", tolerance, "must be positive")
    if max_rounds < 1:
        raise InvalidInput("max_rounds", max_rounds, "must be at least 1")
    solver = PathFollowing() if solver is None else solver
    require_feasible(community.population, solver.oracle)
    benchmark = without_community(community, solver.oracle)
    game = Game(types, market, benchmark.cost)
    plans = _starting_plans(community, start, benchmark)
    stopping = Stopping(tolerance, max_rounds)
    with one_blas_thread():
        best, status, rounds = _search(game, solver, plans, stopping, on_round, checkpoint)
    equilibrium = _conclude(community, benchmark, best, status, rounds)
    if throw and status not in (Status.CONVERGED, Status.INTERRUPTED):
        certificate = equilibrium.certificate
        raise NotConverged(
            f"relative exploitability {float(certificate.relative):.2e} after "
            f"{len(rounds.relative)} rounds (tolerance {tolerance:.2e}), limits violated by "
            f"{float(certificate.residuals.feasibility):.1e} kW or kWh; raise max_rounds, loosen "
            "the tolerance, or pass throw=False to use what was found",
            equilibrium,
        )
    return equilibrium


def without_community(community: Community, kernel: InteriorPoint | None = None) -> Benchmark:
    """Every household's best plan against the grid's tariff alone, re-optimised.

    Args:
        community: whose households are asked.
        kernel: settings of the linear programs.

    Raises:
        NotConverged: if a household's program was not solved.
    """
    population, grid = community.population, GridMarket(community.market.tariff)
    prices = Prices(sell=grid.tariff.feed_in, buy=grid.tariff.retail)
    kernel = InteriorPoint() if kernel is None else kernel
    exact = dataclasses.replace(kernel, tolerance=jnp.minimum(kernel.tolerance, EXACT))
    response = best_response(population, prices, exact)
    types, plan = population.types, response.value
    settlement = grid.settle(plan.sell, plan.buy, types.members, types.step_hours)
    return Benchmark(plan=plan, cost=response.cost, settlement=settlement)


def _search(
    game: Game,
    solver: AbstractSolver,
    start: Plan | MixedStrategy,
    stopping: Stopping,
    on_round: Callable[[Progress], None] | None,
    checkpoint: Checkpoint | None,
) -> tuple[SolverState, Status, Rounds]:
    """Play rounds until one meets the tolerance; the best round's state is what is returned."""
    began = time.perf_counter()
    journal = None if checkpoint is None else _journal(checkpoint, game, solver, start)
    # Opened outside the try: before the first round there is nothing worth keeping.
    current = None if journal is None else journal.load()
    if current is None:
        current = Play.opened(solver.init(game, start), time.perf_counter() - began)
    else:
        began -= current.rounds.seconds[-1]
    best, status = current.best, Status.MAX_ITERATIONS
    try:
        while True:
            if on_round is not None:
                on_round(current.progress)
            if is_equilibrium(current.state.certificate, stopping.tolerance):
                best, status = current.state, Status.CONVERGED
                break
            if current.rounds.count >= stopping.max_rounds:
                break
            state = solver.advance(game, current.state)
            current = current.continued(state, time.perf_counter() - began)
            best = current.best
            if journal is not None:
                journal.save_if_due(current, current.rounds.count)
    except KeyboardInterrupt:
        status = Status.INTERRUPTED
    if journal is not None:
        journal.save(current, current.rounds.count)
    return best, status, current.rounds


def _journal(
    checkpoint: Checkpoint, game: Game, solver: AbstractSolver, start: Plan | MixedStrategy
) -> Journal:
    def blank(rounds: int) -> Play:
        state = eqx.filter_eval_shape(solver.init, game, start)
        return Play(state, state, Rounds.none(rounds))

    return Journal(checkpoint, (game, solver, start), blank, "community, solver or start")


def _starting_plans(
    community: Community, start: Plan | Equilibrium | None, benchmark: Benchmark
) -> Plan | MixedStrategy:
    """What everybody follows at first.

    Raises:
        InvalidInput: if the plans do not fit the population, or break its limits.
    """
    if start is None:
        return benchmark.plan
    plan = start.value if isinstance(start, Equilibrium) else start
    shapes, expected = (jax.tree.map(jnp.shape, each) for each in (plan, benchmark.plan))
    if shapes != expected:
        raise InvalidInput(
            "start",
            f"plans of shape {plan.charge.shape}",
            f"the population needs [type, device, time] = {benchmark.plan.charge.shape}",
        )
    violation = float(community.population.types.worst_violation(plan))
    if violation > FEASIBILITY:
        raise InvalidInput(
            "start", f"limits violated by {violation:.1e} kW or kWh", "`project` the plan first"
        )
    mixture = start.mixture if isinstance(start, Equilibrium) else None
    return plan if mixture is None else mixture


def is_equilibrium(certificate: Certificate, tolerance: float) -> bool:
    """Whether nobody gains by deviating, and every plan keeps its limits."""
    feasible = float(certificate.residuals.feasibility) <= FEASIBILITY
    return feasible and float(certificate.relative) <= tolerance


def _conclude(
    community: Community, benchmark: Benchmark, best: SolverState, status: Status, rounds: Rounds
) -> Equilibrium:
    return Equilibrium(
        value=best.strategy,
        mixture=best.mixture,
        community=community,
        prices=best.prices,
        flows=community.population.types.flows(best.strategy),
        settlement=best.settlement,
        benchmark=benchmark,
        status=jnp.asarray(np.int32(status)),
        residuals=best.certificate.residuals,
        certificate=best.certificate,
        history=rounds,
    )
