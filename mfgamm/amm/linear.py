"""Linear bonding curves: every kWh traded inside the community has one price, the anchor."""

import abc

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Float

from mfgamm.amm.bonding_curve import AbstractBondingCurve
from mfgamm.amm.price_ratio import root_price_ratio
from mfgamm.core import InvalidInput, Tariff, concrete


class AbstractAnchor(eqx.Module):
    """Where between the grid's prices a linear curve lies."""

    @abc.abstractmethod
    def price(self, tariff: Tariff) -> Float[Array, "*batch time"]:
        """The anchor λ, €/kWh."""


class MidMarket(AbstractAnchor):
    """The arithmetic mean of feed-in and retail price: buyers and sellers gain the same."""

    def price(self, tariff: Tariff) -> Float[Array, "*batch time"]:
        return tariff.feed_in + tariff.spread / 2


class GeometricMean(AbstractAnchor):
    """The geometric mean of feed-in and retail price: below mid-market, in the buyers' favour."""

    def price(self, tariff: Tariff) -> Float[Array, "*batch time"]:
        """The anchor √(feed_in·retail), €/kWh.

        Where feed_in is zero its true slope is infinite; the derivative there is zero instead.

        Raises:
            InvalidInput: where feed_in is negative.
        """
        return tariff.retail * root_price_ratio(tariff, "geometric")


class GivenPrice(AbstractAnchor):
    """A price that somebody agreed on.

    Attributes:
        value: the price, €/kWh; one for all steps or one per step.
    """

    value: Float[Array, "*#batch"] = eqx.field(converter=jnp.asarray)

    def price(self, tariff: Tariff) -> Float[Array, "*batch time"]:
        """The agreed price, €/kWh.

        Raises:
            InvalidInput: where it lies outside the tariff (not checked under `jit`).
        """
        price = jnp.broadcast_to(
            self.value, jnp.broadcast_shapes(self.value.shape, tariff.retail.shape)
        )
        self._require_within(tariff)
        return price

    def _require_within(self, tariff: Tariff) -> None:
        value = concrete(self.value)
        feed_in, retail = concrete(tariff.feed_in), concrete(tariff.retail)
        if value is None or feed_in is None or retail is None:
            return
        value, feed_in, retail = np.broadcast_arrays(value, feed_in, retail)
        outside = ~((feed_in <= value) & (value <= retail))
        if outside.any():
            first = tuple(int(index) for index in np.argwhere(outside)[0])
            raise InvalidInput(
                "linear.price",
                float(value[first]),
                f"lies outside the tariff [{feed_in[first]:g}, {retail[first]:g}] €/kWh at "
                f"position {first}: some households would rather trade with the grid; "
                "choose a price within it at every step",
            )


class Linear(AbstractBondingCurve):
    """A constant schedule ρ(u) = λ (AMM paper, "Bonding curves", ψ(M, E) = M + λE).

    Its market satisfies responsiveness only weakly: with excess supply the buyers' price is λ,
    with excess demand the sellers' price is λ, whatever the imbalance.

    Attributes:
        anchor: what λ is, given the tariff.
    """

    anchor: AbstractAnchor

    @classmethod
    def mid_market(cls) -> "Linear":
        """λ = (feed_in + retail)/2, the mid-market rate."""
        return cls(MidMarket())

    @classmethod
    def geometric(cls) -> "Linear":
        """λ = √(feed_in·retail), the geometric market rate; feed_in must not be negative."""
        return cls(GeometricMean())

    @classmethod
    def at(cls, price: ArrayLike) -> "Linear":
        """λ = `price`, €/kWh, which must lie within the tariff it is used with."""
        return cls(GivenPrice(jnp.asarray(price)))

    def schedule(self, sold: Float[Array, "*#batch"], tariff: Tariff) -> Float[Array, "*batch"]:
        anchor = self.anchor.price(tariff)
        return jnp.broadcast_to(anchor, jnp.broadcast_shapes(sold.shape, anchor.shape))

    def average(self, sold: Float[Array, "*#batch"], tariff: Tariff) -> Float[Array, "*batch"]:
        return self.schedule(sold, tariff)
