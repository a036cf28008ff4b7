"""Fictitious play in flow space: everybody keeps answering the average of what was played."""

import equinox as eqx
import jax
import jax.numpy as jnp

from mfgamm.core import InvalidInput
from mfgamm.equilibrium.community import Game
from mfgamm.equilibrium.line_search import indifferent_weight
from mfgamm.equilibrium.solver import AbstractSolver, SolverState, answer
from mfgamm.lp import InteriorPoint
from mfgamm.prosumer import MixedStrategy, Plan


class FictitiousPlay(AbstractSolver):
    """Average best replies until nobody gains by deviating.

    The plans averaged are not kept: a mixture to start from is averaged too.

    Attributes:
        oracle: settings of the best responses.
        step: "harmonic" mixes the k-th reply with weight 2/(k + 2); "line-search" with the
            weight at which the community, at the prices of the mixture itself, is indifferent
            between reply and strategy (an exact line search where a potential exists).
    """

    oracle: InteriorPoint = eqx.field(default_factory=lambda: InteriorPoint(tolerance=1e-8))
    step: str = eqx.field(static=True, default="line-search")

    def __check_init__(self):
        if self.step not in ("harmonic", "line-search"):
            raise InvalidInput("solver.step", self.step, "must be 'harmonic' or 'line-search'")

    def init(self, game: Game, start: Plan | MixedStrategy) -> SolverState:
        strategy = start.average(game.types) if isinstance(start, MixedStrategy) else start
        return answer(game, strategy, None, self.oracle, jnp.asarray(0))

    def advance(self, game: Game, state: SolverState) -> SolverState:
        return answer(game, _mix(self, game, state), None, self.oracle, state.round + 1)


@eqx.filter_jit
def _mix(solver: FictitiousPlay, game: Game, state: SolverState) -> Plan:
    if solver.step == "harmonic":
        weight = 2.0 / (state.round + 2.0)
    else:
        weight = indifferent_weight(game, state.strategy, state.reply)
    return jax.tree.map(lambda old, new: old + weight * (new - old), state.strategy, state.reply)
