"""Solve a community's game: benchmark, rounds of a solver, certificate."""

import dataclasses
import time
from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from mfgamm.core import InvalidInput, NotConverged, Prices, Status, require_float64
from mfgamm.equilibrium.certificate import Certificate
from mfgamm.equilibrium.column_generation import ColumnGeneration
from mfgamm.equilibrium.community import Community, Game
from mfgamm.equilibrium.equilibrium import Benchmark, Equilibrium, Rounds
from mfgamm.equilibrium.solver import AbstractSolver, SolverState
from mfgamm.lp import InteriorPoint
from mfgamm.market import GridMarket
from mfgamm.prosumer import Plan, best_response, require_feasible

# Limits may be violated by this much, kW or kWh, before a profile no longer counts as feasible.
FEASIBILITY = 1e-6
# Gains are differences of costs, so the benchmark is solved tighter than the rounds need.
EXACT = 1e-9


class Progress(NamedTuple):
    """What a caller sees after each round.

    Attributes:
        round: rounds played so far.
        exploitability: of the current strategies, € per household-day.
        relative: the same relative to the community's gain.
        best_relative: the best of the rounds so far.
    """

    round: int
    exploitability: float
    relative: float
    best_relative: float


def solve_equilibrium(
    community: Community,
    solver: AbstractSolver | None = None,
    *,
    tolerance: float = 1e-2,
    max_rounds: int = 1000,
    throw: bool = True,
    on_round: Callable[[Progress], None] | None = None,
) -> Equilibrium:
    """Find strategies from which no household gains by deviating (AMM paper, "Stage-game BNE").

    Households are price takers in a mean field; strategies are mixtures of plans. Uniqueness is
    not claimed: the price map is not monotone in general.

    Args:
        community: the game.
        solver: how to look for the equilibrium.
        tolerance: exploitability relative to the community's gain at which to stop.
        max_rounds: rounds after which to give up.
        throw: raise if the tolerance was not met; otherwise the status tells.
        on_round: called after every round. A `KeyboardInterrupt`, here or anywhere in the
            rounds, ends the solve: the best iterate so far is returned with
            `Status.INTERRUPTED`, whatever `throw` says.

    Raises:
        InvalidInput: if an argument is out of range, or single precision is in use.
        InfeasibleHousehold: naming every household without a plan.
        NotConverged: with the best equilibrium found attached, if `throw`.
    """
    types, market = community.population.types, community.market
    require_float64("community.population", types.generation)
    if not tolerance > 0:
        raise InvalidInput("tolerance", tolerance, "must be positive")
    if max_rounds < 1:
        raise InvalidInput("max_rounds", max_rounds, "must be at least 1")
    solver = ColumnGeneration() if solver is None else solver
    require_feasible(community.population, solver.oracle)
    benchmark = without_community(community, solver.oracle)
    game = Game(types, market, benchmark.cost)
    best, status, rounds = _play(game, solver, benchmark.plan, tolerance, max_rounds, on_round)
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
    settlement = grid.settle(plan.sell, plan.buy, types.weights, types.step_hours)
    return Benchmark(plan=plan, cost=response.cost, settlement=settlement)


def _play(
    game: Game,
    solver: AbstractSolver,
    start: Plan,
    tolerance: float,
    max_rounds: int,
    on_round: Callable[[Progress], None] | None,
) -> tuple[SolverState, Status, Rounds]:
    """Play rounds until one meets the tolerance; the best round's state is what is returned."""
    began = time.perf_counter()
    # Opened outside the try: before the first round there is nothing worth keeping.
    state = best = solver.init(game, start)
    records: list[tuple[float, float, float]] = []
    status = Status.MAX_ITERATIONS
    try:
        for played in range(1, max_rounds + 1):
            certificate = state.certificate
            progress = Progress(
                played,
                float(certificate.exploitability),
                float(certificate.relative),
                float(jnp.minimum(certificate.relative, best.certificate.relative)),
            )
            elapsed = time.perf_counter() - began
            records.append((progress.exploitability, progress.relative, elapsed))
            if progress.relative <= progress.best_relative:
                best = state
            if on_round is not None:
                on_round(progress)
            if is_equilibrium(certificate, tolerance):
                best, status = state, Status.CONVERGED
                break
            if played < max_rounds:
                state = solver.advance(game, state)
    except KeyboardInterrupt:
        status = Status.INTERRUPTED
    return best, status, Rounds.of(records)


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
