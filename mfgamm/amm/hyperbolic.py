"""The hyperbolic bonding curve: concentrated liquidity, re-anchored at every step."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from mfgamm.amm.bonding_curve import AbstractBondingCurve
from mfgamm.amm.price_ratio import root_price_ratio
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
        depletion = _depletion(sold, tariff)
        return safe_divide(
            jnp.broadcast_to(tariff.feed_in, depletion.shape), depletion, fallback=0.0
        )


def _depletion(sold: Float[Array, "*#batch"], tariff: Tariff) -> Float[Array, "*batch"]:
    """D = √(feed_in/ρ(u)): from 1 with a full pool to √(feed_in/retail) with an empty one."""
    return (1 - sold) + sold * root_price_ratio(tariff, "hyperbolic")
