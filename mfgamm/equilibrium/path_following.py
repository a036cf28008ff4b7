"""Path following: smoothed equilibria for ever smaller barriers, until the exact one is close.

A coarse smoothing has one equilibrium, found from anywhere; every next one is close to the last.
Where the exact game has several equilibria, the path's limit is the one that is returned.
"""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from mfgamm.core import InvalidInput, concrete
from mfgamm.equilibrium.central_path import (
    Distance,
    GameProgram,
    PathPoint,
    Smoothing,
    Target,
    approach,
    open_path,
)
from mfgamm.equilibrium.community import Game
from mfgamm.equilibrium.solver import AbstractSolver, SolverState, answer
from mfgamm.lp import InteriorPoint
from mfgamm.prosumer import MixedStrategy, Plan, read_plan

# The first barrier, in units of what a household's typical power costs over a step; from there on
# a share of that, and the blur with it.
COARSEST, COARSEST_BLUR = 4.0, 0.3
FINEST, FINEST_BLUR = 1e-12, 1e-13
# A smoothed equilibrium need not be exact to lead on to the next.
CENTRALITY, MAX_STEPS = 0.5, 12
# How often a step along the path is cut in half, on a logarithmic scale, before it is accepted.
HALVINGS = 4


class PathState(SolverState):
    """Where the path stands.

    Attributes:
        point: the last smoothed equilibrium.
        smoothing: its smoothing.
        distance: how well it was reached.
    """

    point: PathPoint
    smoothing: Smoothing
    distance: Distance


class PathFollowing(AbstractSolver):
    """Follow the central path of the game.

    Attributes:
        oracle: settings of the best responses.
        shrink: barrier after a round as a share of the one before, in (0, 1).
    """

    oracle: InteriorPoint = eqx.field(default_factory=lambda: InteriorPoint(tolerance=1e-11))
    shrink: Float[Array, ""] = eqx.field(converter=jnp.asarray, default=0.1)

    def __check_init__(self):
        shrink = concrete(self.shrink)
        if shrink is not None and not 0 < shrink < 1:
            raise InvalidInput("solver.shrink", float(shrink), "must be a share in (0, 1)")

    def init(self, game: Game, start: Plan | MixedStrategy) -> PathState:
        """Open the path at the prices that `start` leads to."""
        plan = start.average(game.types) if isinstance(start, MixedStrategy) else start
        barrier = COARSEST * _worth(game)
        smoothing = Smoothing(barrier, jnp.asarray(COARSEST_BLUR, barrier.dtype))
        prices = game.market.blurred(smoothing.blur).prices(game.types.flows(plan))
        point = open_path(game, prices, self.oracle, smoothing)
        reached = approach(game, point, smoothing, _target(game, smoothing))
        return self._answer(game, smoothing, *reached, jnp.asarray(0))

    def advance(self, game: Game, state: SolverState) -> PathState:
        """Go on to the next barrier, or part of the way where that is too far."""
        assert isinstance(state, PathState)
        last, goal = state.smoothing, self._next(game, state.smoothing)
        point, distance = approach(game, state.point, goal, _target(game, goal))
        for _ in range(HALVINGS):
            if float(distance.centrality) <= CENTRALITY:
                break
            goal = jax.tree.map(lambda a, b: jnp.sqrt(a * b), last, goal)
            point, distance = approach(game, state.point, goal, _target(game, goal))
        return self._answer(game, goal, point, distance, state.round + 1)

    def _next(self, game: Game, smoothing: Smoothing) -> Smoothing:
        return Smoothing(
            jnp.maximum(self.shrink * smoothing.barrier, FINEST * _worth(game)),
            jnp.maximum(self.shrink * smoothing.blur, FINEST_BLUR),
        )

    def _answer(
        self, game: Game, smoothing: Smoothing, point: PathPoint, distance: Distance, round_
    ) -> PathState:
        state = answer(game, _plan(game, point), None, self.oracle, round_)
        fields = {f.name: getattr(state, f.name) for f in dataclasses.fields(state)}
        return PathState(**fields, point=point, smoothing=smoothing, distance=distance)


def _worth(game: Game) -> Float[Array, ""]:
    """What a household's typical power costs over a step, €."""
    types = game.types
    power = jnp.mean(jnp.abs(types.generation - types.base_load))
    return types.step_hours * power * jnp.mean(jnp.abs(game.market.tariff.retail)) + 1e-12


def _target(game: Game, smoothing: Smoothing) -> Target:
    # An error in prices may cost a household about as much as a barrier does.
    return Target(
        prices=10 * smoothing.barrier / game.types.step_hours,
        centrality=jnp.asarray(CENTRALITY),
        max_steps=jnp.asarray(MAX_STEPS),
    )


@eqx.filter_jit
def _plan(game: Game, point: PathPoint) -> Plan:
    programs = GameProgram.of(game)
    return read_plan(game.types, programs.program, programs.origin + point.variables, exact=False)
