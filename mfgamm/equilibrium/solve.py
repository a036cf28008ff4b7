"""Solve a community's game: benchmark, rounds of a solver, certificate."""

import time
from collections.abc import Callable
from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from mfgamm.core import InvalidInput, NotConverged, Prices, Status, require_float64
from mfgamm.equilibrium.certificate import certify, gain_scale, horizon_days
from mfgamm.equilibrium.community import Community
from mfgamm.equilibrium.equilibrium import Benchmark, Equilibrium, Rounds
from mfgamm.equilibrium.fictitious_play import FictitiousPlay, PlayState
from mfgamm.market import AbstractMarket, GridMarket
from mfgamm.prosumer import HouseholdTypes, Plan, best_response, require_feasible


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
    solver: FictitiousPlay | None = None,
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
    require_feasible(community.population)
    solver = FictitiousPlay() if solver is None else solver
    benchmark = without_community(community)
    best, status, rounds = _play(types, market, solver, benchmark, tolerance, max_rounds, on_round)
    equilibrium = _conclude(community, benchmark, best, status, rounds)
    if throw and status not in (Status.CONVERGED, Status.INTERRUPTED):
        raise NotConverged(
            f"relative exploitability {float(equilibrium.certificate.relative):.2e} after "
            f"{len(rounds.relative)} rounds, above the tolerance {tolerance:.2e}; raise "
            "max_rounds, loosen the tolerance, or pass throw=False to use what was found",
            equilibrium,
        )
    return equilibrium


def without_community(community: Community) -> Benchmark:
    """Every household's best plan against the grid's tariff alone, re-optimised.

    Raises:
        NotConverged: if a household's program was not solved.
    """
    population, grid = community.population, GridMarket(community.market.tariff)
    prices = Prices(sell=grid.tariff.feed_in, buy=grid.tariff.retail)
    response = best_response(population, prices)
    types = population.types
    settlement = grid.settle(
        response.value.sell, response.value.buy, types.weights, types.step_hours
    )
    return Benchmark(plan=response.value, cost=response.cost, settlement=settlement)


def _play(
    types: HouseholdTypes,
    market: AbstractMarket,
    solver: FictitiousPlay,
    benchmark: Benchmark,
    tolerance: float,
    max_rounds: int,
    on_round: Callable[[Progress], None] | None,
) -> tuple[PlayState, Status, Rounds]:
    """Play rounds until one meets the tolerance; the best round's state is what is returned."""
    start = time.perf_counter()
    records: list[tuple[float, float, float]] = []
    # Opened outside the try: before the first round there is nothing worth keeping.
    state = best = solver.init(types, market, benchmark.plan)
    status = Status.MAX_ITERATIONS
    try:
        for played in range(1, max_rounds + 1):
            exploitability, relative = _gap(types, market, state, benchmark.cost)
            records.append((exploitability, relative, time.perf_counter() - start))
            if relative <= min(record[1] for record in records):
                best = state
            if on_round is not None:
                lowest = min(record[1] for record in records)
                on_round(Progress(played, exploitability, relative, lowest))
            if relative <= tolerance:
                status = Status.CONVERGED
                break
            if played < max_rounds:
                state = solver.advance(types, market, state)
    except KeyboardInterrupt:
        status = Status.INTERRUPTED
    return best, status, Rounds.of(records)


def _gap(types, market, state: PlayState, benchmark_cost) -> tuple[float, float]:
    relative = _relative_gap(types, market, state.strategy, state.exploitability, benchmark_cost)
    return float(state.exploitability), float(relative)


@eqx.filter_jit
def _relative_gap(
    types: HouseholdTypes,
    market: AbstractMarket,
    strategy: Plan,
    exploitability: Float[Array, ""],
    benchmark_cost: Float[Array, " type"],
) -> Float[Array, ""]:
    settlement = market.settle(strategy.sell, strategy.buy, types.weights, types.step_hours)
    cost = types.cost(strategy, market.prices(types.flows(strategy)))
    income = jnp.sum(settlement.operator_income * types.discount)
    gain = (types.weights @ (benchmark_cost - cost) + income) / horizon_days(types)
    return exploitability / gain_scale(types, gain, benchmark_cost)


def _conclude(
    community: Community, benchmark: Benchmark, best: PlayState, status: Status, rounds: Rounds
) -> Equilibrium:
    types, market = community.population.types, community.market
    strategy = best.strategy
    flows = types.flows(strategy)
    prices = market.prices(flows)
    settlement = market.settle(strategy.sell, strategy.buy, types.weights, types.step_hours)
    certificate = certify(
        types, market, strategy, prices, settlement, best.best_cost, benchmark.cost
    )
    return Equilibrium(
        value=strategy,
        community=community,
        prices=prices,
        flows=flows,
        settlement=settlement,
        benchmark=benchmark,
        status=jnp.asarray(np.int32(status)),
        residuals=certificate.residuals,
        certificate=certificate,
        history=rounds,
    )
