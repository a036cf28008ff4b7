"""Column generation (simplicial decomposition): mix the plans found so far, then find better ones.

Averaging replies, as fictitious play does, gives each of them the same weight for every household.
Here a household type weighs its own plans, and the weights of all types are solved for together,
with prices as exact functions of them; a few rounds then reach the accuracy of the best responses.
"""

import dataclasses

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from mfgamm.core import InvalidInput, concrete
from mfgamm.equilibrium.certificate import horizon_days
from mfgamm.equilibrium.community import Game
from mfgamm.equilibrium.line_search import indifferent_weight
from mfgamm.equilibrium.newton_master import solve_master
from mfgamm.equilibrium.restricted_game import RestrictedGame
from mfgamm.equilibrium.solver import AbstractSolver, SolverState, answer
from mfgamm.lp import InteriorPoint
from mfgamm.prosumer import MixedStrategy, Plan

# A restricted game solved to less than this share of its regret is worth following.
PROGRESS = 0.5
# Measured: fewer of either cost rounds, more cost time in every round.
FEWEST_PLANS, PLANS_PER_STEP = 8, 4


class ColumnGeneration(AbstractSolver):
    """Mix the best replies found so far so that no household prefers another of its own.

    Attributes:
        oracle: settings of the best responses.
        capacity: plans that a type holds at most (static), at least 2; the lightest gives way to
            a new one. None takes what a population of its size needs.
        accuracy: to which the game restricted to the plans held is solved, as a share of what
            there is to gain from the new plans.
    """

    oracle: InteriorPoint = eqx.field(default_factory=lambda: InteriorPoint(tolerance=1e-11))
    capacity: int | None = eqx.field(static=True, default=None)
    accuracy: Float[Array, ""] = eqx.field(converter=jnp.asarray, default=1e-3)

    def __check_init__(self):
        if self.capacity is not None and self.capacity < 2:
            raise InvalidInput("solver.capacity", self.capacity, "must be at least 2")
        accuracy = concrete(self.accuracy)
        if accuracy is not None and not 0 < accuracy < PROGRESS:
            raise InvalidInput(
                "solver.accuracy", float(accuracy), f"must be positive and below {PROGRESS}"
            )

    def init(self, game: Game, start: Plan | MixedStrategy) -> SolverState:
        """Open the search; a plan to start from is netted where it is an average."""
        if game.types.clusters is not None:
            raise InvalidInput(
                "solver",
                "ColumnGeneration",
                "weighs the plans of one community; use PathFollowing for clusters",
            )
        plans = start if isinstance(start, MixedStrategy) else MixedStrategy.pure(start)
        needed = _needed_capacity(*game.types.generation.shape)
        mixture = plans.with_capacity(self.capacity or needed)
        return answer(game, _average(game, mixture), mixture, self.oracle, jnp.asarray(0))

    def advance(self, game: Game, state: SolverState) -> SolverState:
        mixture, strategy = _mix(self, game, state)
        return answer(game, strategy, mixture, self.oracle, state.round + 1)


def _needed_capacity(types: int, steps: int) -> int:
    """Plans a type holds: to bring about given prices, about a plan per step beyond one per type
    is needed, and few types have to find them all among their own."""
    return FEWEST_PLANS + -(-PLANS_PER_STEP * steps // types)


def _visible_regret(oracle: InteriorPoint, game: Game) -> Float[Array, ""]:
    """Regret, €, below which the best responses are not exact enough for more to matter."""
    return 0.1 * oracle.tolerance * (game.types.weights @ jnp.abs(game.benchmark_cost))


@eqx.filter_jit
def _average(game: Game, mixture: MixedStrategy) -> Plan:
    return mixture.average(game.types)


@eqx.filter_jit
def _mix(solver: ColumnGeneration, game: Game, state: SolverState) -> tuple[MixedStrategy, Plan]:
    """Add the reply to everybody's plans and weigh all of them anew."""
    assert state.mixture is not None
    mixture = state.mixture.with_plan(state.reply)
    # Regret before a plan gave way: what that disturbs must be made up for as well.
    regret = state.certificate.exploitability * horizon_days(game.types)
    goal = jnp.maximum(solver.accuracy * regret, _visible_regret(solver.oracle, game))
    solution = solve_master(RestrictedGame.of(game, mixture), mixture.weights, goal)
    # A step towards the reply alone is short, but safe.
    step = indifferent_weight(game, state.strategy, state.reply)
    safe = state.mixture.with_plan(state.reply, step).weights
    weights = jnp.where(solution.regret < PROGRESS * regret, solution.weights, safe)
    mixture = dataclasses.replace(mixture, weights=weights / jnp.sum(weights, axis=0))
    return mixture, mixture.average(game.types)
