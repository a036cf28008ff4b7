"""What markets and populations exchange: tariffs, prices, flows.

Time is always the last axis; any leading axes (clusters, scenarios) are carried along.
"""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from mfgamm.core.errors import InvalidInput
from mfgamm.core.numerics import concrete


class Tariff(eqx.Module):
    """The grid's prices, which bound every price inside the community (paper: λ̲, λ̄).

    Attributes:
        feed_in: what the grid pays for exports, €/kWh.
        retail: what the grid charges for imports, €/kWh.

    Raises:
        InvalidInput: where a price is not finite, shapes differ, or feed_in exceeds retail.
    """

    feed_in: Float[Array, "*batch time"] = eqx.field(converter=jnp.asarray)
    retail: Float[Array, "*batch time"] = eqx.field(converter=jnp.asarray)

    def __check_init__(self):
        if self.feed_in.shape != self.retail.shape:
            raise InvalidInput(
                "tariff.feed_in",
                f"shape {self.feed_in.shape}",
                f"must have the shape of tariff.retail, {self.retail.shape}",
            )
        feed_in, retail = concrete(self.feed_in), concrete(self.retail)
        if feed_in is None or retail is None:
            return
        for name, value in (("tariff.feed_in", feed_in), ("tariff.retail", retail)):
            if not np.all(np.isfinite(value)):
                raise InvalidInput(name, "nan or inf", "every price must be a finite number")
        if np.any(feed_in > retail):
            worst = int(np.argmax((feed_in - retail).ravel()))
            raise InvalidInput(
                "tariff.feed_in",
                float(feed_in.ravel()[worst]),
                f"exceeds the retail price {float(retail.ravel()[worst])} at position {worst}: "
                "households would earn by trading with the grid alone; swap or lower it",
            )

    @property
    def spread(self) -> Float[Array, "*batch time"]:
        """Retail minus feed-in price, €/kWh: what a kWh traded inside is worth together."""
        return self.retail - self.feed_in


class Prices(eqx.Module):
    """Prices that a household faces, €/kWh.

    Attributes:
        sell: revenue per kWh sold (paper: r).
        buy: cost per kWh bought (paper: c), at least `sell`.
    """

    sell: Float[Array, "*batch time"] = eqx.field(converter=jnp.asarray)
    buy: Float[Array, "*batch time"] = eqx.field(converter=jnp.asarray)


class Flows(eqx.Module):
    """Aggregate flows, kW per household on average.

    Attributes:
        supply: sold into the community's pool (paper: s).
        demand: bought from it (paper: d).
    """

    supply: Float[Array, "*batch time"] = eqx.field(converter=jnp.asarray)
    demand: Float[Array, "*batch time"] = eqx.field(converter=jnp.asarray)
