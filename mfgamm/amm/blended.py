"""Blends of bonding curves: a convex combination of schedules is a schedule."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from mfgamm.amm.bonding_curve import AbstractBondingCurve
from mfgamm.core import InvalidInput, Tariff, concrete


class Blended(AbstractBondingCurve):
    """A weighted mean of bonding curves.

    Only the proportions of the weights matter: they are divided by their sum. To tune them
    freely, pass a softmax of unconstrained numbers.

    Attributes:
        curves: what is blended.
        weights: of each curve, nonnegative.

    Raises:
        InvalidInput: if there is no curve or not one weight for each, or if a weight is
            negative or not finite, or all are zero.
    """

    curves: tuple[AbstractBondingCurve, ...] = eqx.field(converter=tuple)
    weights: Float[Array, " curve"] = eqx.field(converter=jnp.asarray)

    def __check_init__(self):
        if not self.curves or self.weights.shape != (len(self.curves),):
            raise InvalidInput(
                "blended.weights",
                f"shape {self.weights.shape} for {len(self.curves)} curve(s)",
                "give at least one curve, and one weight for each",
            )
        weights = concrete(self.weights)
        if weights is None:
            return
        if not np.all(np.isfinite(weights)) or np.any(weights < 0) or weights.sum() == 0:
            raise InvalidInput(
                "blended.weights",
                weights.tolist(),
                "weights must be finite and nonnegative, and at least one positive; "
                "jax.nn.softmax turns any numbers into such weights",
            )

    def schedule(self, sold: Float[Array, "*#batch"], tariff: Tariff) -> Float[Array, "*batch"]:
        return self._mean([curve.schedule(sold, tariff) for curve in self.curves])

    def average(self, sold: Float[Array, "*#batch"], tariff: Tariff) -> Float[Array, "*batch"]:
        return self._mean([curve.average(sold, tariff) for curve in self.curves])

    def _mean(self, prices: list[Float[Array, "*batch"]]) -> Float[Array, "*batch"]:
        shares = self.weights / self.weights.sum()
        return jnp.tensordot(shares, jnp.stack(prices), axes=1)
