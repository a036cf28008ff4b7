"""The square root of feed-in over retail price, on which geometric curves are built."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from mfgamm.core import InvalidInput, Tariff, concrete, safe_divide


def root_price_ratio(tariff: Tariff, curve: str) -> Float[Array, "*batch time"]:
    """√(feed_in/retail), and one where both are zero.

    Where feed_in is zero the root's slope is infinite; the derivative there is zero instead.
    Under `jit` signs are unknown and not checked: a negative ratio gives nan.

    Args:
        tariff: the grid's prices, €/kWh.
        curve: the name of the curve that needs the root, for the error.

    Raises:
        InvalidInput: where the feed-in price is negative.
    """
    feed_in = concrete(tariff.feed_in)
    if feed_in is not None and np.any(feed_in < 0):
        raise InvalidInput(
            "tariff.feed_in",
            float(feed_in.min()),
            f"the {curve} curve takes the square root of the feed-in price, so it must not be "
            "negative; use Linear.mid_market(), Linear.at(price) or a Learned curve instead",
        )
    ratio = safe_divide(tariff.feed_in, tariff.retail, fallback=1.0)
    # An infinite slope would meet factors of zero further on: 0·∞ is nan.
    return jnp.where(ratio == 0, 0.0, jnp.sqrt(jnp.where(ratio == 0, 1.0, ratio)))
