"""What learning in rounds arrives at: behaviour known by its flows, and what it left to gain."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from mfgamm.core import Flows, InvalidInput, Prices


class Behaviour(eqx.Module):
    """How a population behaves, as far as prices matter: the mean of many ways, or one.

    Attributes:
        flows: of a cluster's households on average, kW.
        besides: what a household pays apart from energy, expected, € over the horizon.
    """

    flows: Flows
    besides: Float[Array, " cluster"]

    @classmethod
    def costing(
        cls, flows: Flows, cost: Float[Array, " cluster"], prices: Prices, hours: Float[Array, ""]
    ) -> "Behaviour":
        """What costs so much, €, at these prices."""
        return cls(flows, cost - cls(flows, jnp.zeros_like(cost)).cost_at(prices, hours))

    def cost_at(self, prices: Prices, hours: Float[Array, ""]) -> Float[Array, " cluster"]:
        """€ over the horizon: linear in prices while behaviour stays.

        Args:
            prices: €/kWh, `[cluster, time]`.
            hours: length of a step.
        """
        energy = self.flows.demand * prices.buy - self.flows.supply * prices.sell
        return self.besides + hours * jnp.sum(energy, axis=-1)


class Play(eqx.Module):
    """Where learning arrived.

    Attributes:
        prices: that the behaviour leads to, €/kWh, `[cluster, time]`.
        behaviour: at the end.
        exploitability: what a household saved at most by leaving the behaviour with which each
            round began, € per household-day, in the game without entropy. That of `behaviour`
            itself comes after all of them.
    """

    prices: Prices
    behaviour: Behaviour
    exploitability: Float[Array, " round"]


def require_rounds(rounds: int) -> None:
    """Refuse to learn nothing.

    Raises:
        InvalidInput: if there is no round.
    """
    if rounds < 1:
        raise InvalidInput("rounds", rounds, "must be at least 1")
