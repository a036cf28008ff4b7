"""To a smoothing of one's choice: along the central path, and from one smoothing to another."""

import jax
import jax.numpy as jnp

from mfgamm.core import NotConverged
from mfgamm.equilibrium.central_path import PathPoint, Smoothing
from mfgamm.equilibrium.community import Game
from mfgamm.equilibrium.path_following import PathFollowing, PathState
from mfgamm.equilibrium.smoothed import polish
from mfgamm.prosumer import Plan

# How often the way between two smoothings is cut in half before it is given up.
DEPTH = 4
# Rounds of a path that leads nowhere.
MAX_ROUNDS = 40


def smoothed_equilibrium(game: Game, start: Plan, smoothing: Smoothing) -> PathPoint:
    """The smoothed equilibrium that the central path leads to, to about rounding.

    Args:
        game: the community's numbers.
        start: what everybody follows where the path opens; its coarse end forgets it.
        smoothing: where to stop.

    Raises:
        NotConverged: with the last point reached, if the path cannot be followed so far.
    """
    solver = PathFollowing()
    state = last = solver.init(game, start)
    for _ in range(MAX_ROUNDS):
        if float(state.smoothing.barrier) <= float(smoothing.barrier):
            break
        last, state = state, solver.advance(game, state)
    try:
        return polish(game, state.point, smoothing)
    except NotConverged:
        assert isinstance(last, PathState)
        return resmooth(game, last.point, last.smoothing, smoothing)


def resmooth(game: Game, point: PathPoint, origin: Smoothing, goal: Smoothing) -> PathPoint:
    """From the smoothed equilibrium at one smoothing to that at another.

    Args:
        game: the community's numbers.
        point: near the smoothed equilibrium at `origin`.
        origin, goal: smoothings.

    Raises:
        NotConverged: if steps an eighth as long, on a logarithmic scale, are too long still.
    """
    return _resmooth(game, point, origin, goal, DEPTH)


def _resmooth(game: Game, point, origin: Smoothing, goal: Smoothing, depth: int) -> PathPoint:
    try:
        return polish(game, point, goal)
    except NotConverged:
        if depth == 0:
            raise
    between = jax.tree.map(lambda a, b: jnp.sqrt(a * b), origin, goal)
    halfway = _resmooth(game, point, origin, between, depth - 1)
    return _resmooth(game, halfway, between, goal, depth - 1)
