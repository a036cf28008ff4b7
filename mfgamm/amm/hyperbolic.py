"""The hyperbolic bonding curve: concentrated liquidity, re-anchored at every session."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from mfgamm.amm.bonding_curve import AbstractBondingCurve, require_nonnegative_feed_in
from mfgamm.core import Tariff, safe_divide


class Hyperbolic(AbstractBondingCurve):
    """A Uniswap-v3 range position between feed-in and retail price.

    The trading function is (M + κ√feed_in)·(E + κ/√retail) = κ², with the liquidity
    κ = supply·√(feed_in·retail)/(√retail − √feed_in) chosen so that the pool starts with the
    whole supply and no money (AMM paper, "Bonding curves"). Along it 1/√price falls linearly
    in the share sold, from 1/√feed_in to 1/√retail:

        ρ(u) = feed_in / D²,   G(u)/u = feed_in / D,   D = 1 − u + u·√(feed_in/retail),

    so that G(1) = √(feed_in·retail). Written this way nothing diverges when the spread
    vanishes, although κ does. Where feed_in is zero, energy is free until the very last of it
    is sold; derivatives by feed_in that are infinite there (at u = 1) come out as zero.
    """

    def schedule(self, sold: Float[Array, "*#batch"], tariff: Tariff) -> Float[Array, "*batch"]:
        """Marginal price ρ(u), €/kWh.

        Raises:
            InvalidInput: where feed_in is negative.
        """
        average = self.average(sold, tariff)
        return safe_divide(
            average,
            _depletion(sold, tariff),
            fallback=jnp.broadcast_to(tariff.retail, average.shape),
        )

    def average(self, sold: Float[Array, "*#batch"], tariff: Tariff) -> Float[Array, "*batch"]:
        """Average price of the share sold, €/kWh: √(feed_in·ρ(u)).

        Raises:
            InvalidInput: where feed_in is negative.
        """
        require_nonnegative_feed_in(tariff, "hyperbolic")
        depletion = _depletion(sold, tariff)
        return safe_divide(
            jnp.broadcast_to(tariff.feed_in, depletion.shape), depletion, fallback=0.0
        )


def _depletion(sold: Float[Array, "*#batch"], tariff: Tariff) -> Float[Array, "*batch"]:
    """D = √(feed_in/ρ(u)): from 1 with a full pool to √(feed_in/retail) with an empty one."""
    ratio = safe_divide(tariff.feed_in, tariff.retail, fallback=1.0)
    # The slope of the root is infinite at zero and would meet a factor of zero: 0·∞.
    root = jnp.where(ratio == 0, 0.0, jnp.sqrt(jnp.where(ratio == 0, 1.0, ratio)))
    return (1 - sold) + sold * root
