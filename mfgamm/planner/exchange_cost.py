"""What aggregate flows cost the community, as norms, and the prices that are their slopes."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from mfgamm.amm import MonotonePotential
from mfgamm.core import Prices, Tariff


class ExchangeCost(eqx.Module):
    """A convex cost of demand D and supply S, homogeneous of degree one, at every moment:

        φ = hours·[L·(D − S) + h·‖a·D + b·S‖],   with L the middle and h half the spread.

    Since ‖y‖ is the largest u·y over the unit ball, φ is the largest of linear costs, and each
    u in the ball gives prices buy = L + h·u·a and sell = L − h·u·b: at any of them, what
    households pay at most bounds φ from below. With one coordinate, a = 1 and b = −1, φ is the
    grid's bill, and buy = sell is a competitive price; with two it is `MonotonePotential`.

    Attributes:
        tariff: the grid's prices, €/kWh, `[time]`.
        hours: weight of each moment: its length, h, times its discount and probability.
        demand_axis, supply_axis: a and b.
    """

    tariff: Tariff
    hours: Float[Array, "scenario time"]
    demand_axis: Float[Array, " coordinate"]
    supply_axis: Float[Array, " coordinate"]

    @classmethod
    def grid_bill(cls, tariff: Tariff, hours: Float[Array, "scenario time"]) -> "ExchangeCost":
        """The grid's bill for the community's net flows."""
        return cls(tariff, hours, jnp.ones(1), -jnp.ones(1))

    @classmethod
    def monotone(
        cls, potential: MonotonePotential, tariff: Tariff, hours: Float[Array, "scenario time"]
    ) -> "ExchangeCost":
        """What households pay together in the monotone market."""
        root = jnp.sqrt(1 + potential.curvature)
        width = jnp.sqrt(potential.curvature)
        one = jnp.ones(())
        return cls(tariff, hours, jnp.stack([one, width]) / root, jnp.stack([-one, width]) / root)

    @property
    def middle(self) -> Float[Array, " time"]:
        """L, €/kWh."""
        return self.tariff.feed_in + self.tariff.spread / 2

    def pull(
        self, demand: Float[Array, "scenario time"], supply: Float[Array, "scenario time"]
    ) -> Float[Array, "scenario time coordinate"]:
        """hours·h·(a·D + b·S), €, of flows in kW: the arguments of the norms."""
        worth = self.hours * self.tariff.spread / 2
        return worth[..., None] * self._direction(demand, supply)

    def value(
        self, demand: Float[Array, "scenario time"], supply: Float[Array, "scenario time"]
    ) -> Float[Array, ""]:
        """Σφ, €, of aggregate flows in kW."""
        norms = jnp.linalg.norm(self.pull(demand, supply), axis=-1)
        return jnp.sum(self.hours * self.middle * (demand - supply)) + jnp.sum(norms)

    def prices(self, dual: Float[Array, "scenario time coordinate"]) -> Prices:
        """Prices, €/kWh, at a dual point in the ball: inside the tariff, and never crossed."""
        half = self.tariff.spread / 2
        buy = self.middle + half * (dual @ self.demand_axis)
        sell = self.middle - half * (dual @ self.supply_axis)
        # Where rounding crosses them, their mean is a point of the ball.
        mean, crossed = 0.5 * (buy + sell), sell > buy
        return Prices(
            sell=jnp.clip(jnp.where(crossed, mean, sell), self.tariff.feed_in, self.tariff.retail),
            buy=jnp.clip(jnp.where(crossed, mean, buy), self.tariff.feed_in, self.tariff.retail),
        )

    def _direction(self, demand, supply):
        return demand[..., None] * self.demand_axis + supply[..., None] * self.supply_axis
