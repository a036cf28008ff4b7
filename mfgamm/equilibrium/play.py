"""A search for an equilibrium so far: its last state, its best, and all of its rounds."""

from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from mfgamm.core import safe_divide
from mfgamm.equilibrium.equilibrium import Rounds
from mfgamm.equilibrium.solver import SolverState


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


class Play(eqx.Module):
    """A search so far.

    Attributes:
        state: after the last round.
        best: after the round of least relative exploitability.
        rounds: all of them.
    """

    state: SolverState
    best: SolverState
    rounds: Rounds

    @classmethod
    def opened(cls, state: SolverState, seconds: float) -> "Play":
        """A search of one round."""
        return cls(state, state, Rounds.none().with_round(state.certificate, seconds, 0.0))

    def continued(self, state: SolverState, seconds: float) -> "Play":
        """The search with one round more."""
        better = float(state.certificate.relative) <= float(self.best.certificate.relative)
        monotonicity = float(_monotonicity(self.state, state))
        rounds = self.rounds.with_round(state.certificate, seconds, monotonicity)
        return Play(state, state if better else self.best, rounds)

    @property
    def progress(self) -> Progress:
        return Progress(
            self.rounds.count,
            float(self.state.certificate.exploitability),
            float(self.state.certificate.relative),
            float(self.best.certificate.relative),
        )


@eqx.filter_jit
def _monotonicity(old: SolverState, new: SolverState) -> Float[Array, ""]:
    """Cosine of the angle between the changes of flows and of prices."""
    flows = [jnp.stack([state.settlement.supply, state.settlement.demand]) for state in (old, new)]
    prices = [jnp.stack([-state.prices.sell, state.prices.buy]) for state in (old, new)]
    moved, repriced = jnp.ravel(flows[1] - flows[0]), jnp.ravel(prices[1] - prices[0])
    lengths = jnp.linalg.norm(moved) * jnp.linalg.norm(repriced)
    return safe_divide(moved @ repriced, lengths, 0.0)
