"""Path following: smoothed equilibria for ever smaller barriers, until the exact one is close.

A coarse smoothing has one equilibrium, found from anywhere; every next one is close to the last.
Where the exact game has several equilibria, the path's limit is the one that is returned.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from mfgamm.core import InvalidInput, Prices, concrete
from mfgamm.equilibrium.central_path import (
    GameProgram,
    PathPoint,
    Smoothing,
    Target,
    approach,
    open_path,
)
from mfgamm.equilibrium.community import Game
from mfgamm.equilibrium.solver import AbstractSolver, SolverState, answer, with_fields
from mfgamm.lp import InteriorPoint
from mfgamm.prosumer import MixedStrategy, Plan, read_plan

# The first barrier, in units of what a household's typical power costs over a step; from there on
# a share of that, and the blur with it.
COARSEST, COARSEST_BLUR = 4.0, 0.3
FINEST, FINEST_BLUR = 1e-12, 1e-13
# A smoothed equilibrium need not be exact to lead on, but so near that it is not mistaken
# for another: prices within this share of what retail and feed-in differ by.
CENTRALITY, PRICE_SHARE, MAX_STEPS, MAX_RELAXED = 0.1, 1e-3, 20, 150
# Prices are not told apart below this, €/kWh.
ROUNDING = 1e-10
# Newton's method is fast; where it fails, relaxation is slow but goes on even where the path turns
# back: it ends on another branch.
NEWTON, RELAXATIONS = 0.0, (10.0, 100.0)
# Steps this short, as a share of the barrier, that still fail are taken all the same. If ever
# shorter ones fail the path is lost, and followed anew from its coarse end: at another pace it
# comes to other branches, of which some go all the way. Paces are powers of the first one, from the
# gentlest to 1, spread by the golden ratio.
SHORT_STEP, LOST_STEP = 0.8, 0.98
GENTLEST, GOLDEN = 0.4, 0.6180339887498949


class PathState(SolverState):
    """Where the path stands.

    Attributes:
        point: the last smoothed equilibrium.
        smoothing: its smoothing.
        pace: barrier to try next, as a share of this one.
        lost: how often the path was lost.
    """

    point: PathPoint
    smoothing: Smoothing
    pace: Float[Array, ""]
    lost: Int[Array, ""]


class PathFollowing(AbstractSolver):
    """Follow the central path of the game.

    Attributes:
        oracle: settings of the best responses.
        shrink: barrier after a round as a share of the one before, in (0, 1), where the path
            is easy to follow; between this and its power of 0.4 once the path was lost.
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
        prices = game.market.blurred(_coarsest(game).blur).prices(game.types.flows(plan))
        return self._opened(game, prices, jnp.asarray(0), jnp.asarray(0))

    def advance(self, game: Game, state: SolverState) -> PathState:
        """Go on to the next barrier, or back to the coarsest if the path is lost."""
        assert isinstance(state, PathState)
        goal = _next(game, state.smoothing, state.pace)
        point, reached = _try(game, state.point, goal, NEWTON)
        if reached:
            quicker = jnp.maximum(state.pace**2, self._first_pace(state.lost))
            return self._answer(game, goal, point, quicker, state.lost, state.round + 1)
        slower = jnp.sqrt(state.pace)
        goal = _next(game, state.smoothing, slower)
        for damping in (NEWTON, *RELAXATIONS):
            point, reached = _try(game, state.point, goal, damping)
            if reached:
                return self._answer(game, goal, point, slower, state.lost, state.round + 1)
        slowest = jnp.sqrt(slower)
        if slowest < SHORT_STEP:
            return eqx.tree_at(lambda s: (s.pace, s.round), state, (slowest, state.round + 1))
        if slowest < LOST_STEP:
            return self._answer(game, goal, point, slowest, state.lost, state.round + 1)
        sell, buy = state.point.prices
        return self._opened(game, Prices(sell=sell, buy=buy), state.lost + 1, state.round + 1)

    def _opened(
        self, game: Game, prices: Prices, lost: Int[Array, ""], round_: Int[Array, ""]
    ) -> PathState:
        """The path's coarse end, which is found from any prices."""
        smoothing = _coarsest(game)
        point = open_path(game, prices, self.oracle, smoothing)
        point, _ = _try(game, point, smoothing, NEWTON)
        return self._answer(game, smoothing, point, self._first_pace(lost), lost, round_)

    def _first_pace(self, lost: Int[Array, ""]) -> Float[Array, ""]:
        """Of a path that was lost so often before; it never goes faster."""
        return self.shrink ** (1 - (1 - GENTLEST) * (lost * GOLDEN % 1))

    def _answer(
        self, game: Game, smoothing: Smoothing, point: PathPoint, pace, lost, round_
    ) -> PathState:
        state = answer(game, _plan(game, point), None, self.oracle, round_)
        fields = {"point": point, "smoothing": smoothing, "pace": pace, "lost": lost}
        return with_fields(PathState, state, **fields)


def _coarsest(game: Game) -> Smoothing:
    barrier = COARSEST * _worth(game)
    return Smoothing(barrier, jnp.asarray(COARSEST_BLUR, barrier.dtype))


def _next(game: Game, smoothing: Smoothing, pace: Float[Array, ""]) -> Smoothing:
    return Smoothing(
        jnp.maximum(pace * smoothing.barrier, FINEST * _worth(game)),
        jnp.maximum(pace * smoothing.blur, FINEST_BLUR),
    )


def _try(
    game: Game, point: PathPoint, goal: Smoothing, damping: float
) -> tuple[PathPoint, Bool[Array, ""]]:
    """Where the way to a smoothed equilibrium ends, and whether that is one."""
    target = _target(game, goal, damping)
    ended, distance = approach(game, point, goal, target)
    finite = jnp.isfinite(ended.prices).all() & jnp.isfinite(ended.variables).all()
    reached = (distance.centrality <= target.centrality) & (distance.prices <= target.prices)
    # A way that ended in no numbers is not gone.
    kept = jax.tree.map(lambda new, old: jnp.where(finite, new, old), ended, point)
    return kept, finite & reached


def _worth(game: Game) -> Float[Array, ""]:
    """What a household's typical power costs over a step, €."""
    types = game.types
    power = jnp.mean(jnp.abs(types.generation - types.base_load))
    return types.step_hours * power * jnp.mean(jnp.abs(game.market.tariff.retail)) + 1e-12


def _target(game: Game, smoothing: Smoothing, damping: float) -> Target:
    # An error in prices may cost a household about as much as a barrier does.
    affordable = 10 * smoothing.barrier / game.types.step_hours
    spread = jnp.max(game.market.tariff.spread)
    return Target(
        prices=jnp.maximum(jnp.minimum(affordable, PRICE_SHARE * spread), ROUNDING),
        centrality=jnp.asarray(CENTRALITY),
        max_steps=jnp.asarray(MAX_RELAXED if damping else MAX_STEPS),
        damping=jnp.asarray(damping),
    )


@eqx.filter_jit
def _plan(game: Game, point: PathPoint) -> Plan:
    programs = GameProgram.of(game)
    return read_plan(game.types, programs.program, programs.origin + point.variables, exact=False)
