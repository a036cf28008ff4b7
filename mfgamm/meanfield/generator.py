"""Implicit steps of a generator on cells: V ↦ (I − Δ·A)⁻¹V, unconditionally stable and positive.

A is the generator of a chain that jumps between neighbouring cells and never out of the walls, so
that probability is kept whatever the rates. Schemes differ in the rates only.
"""

from abc import abstractmethod

import jax.numpy as jnp
from jaxtyping import Array, Float

from mfgamm.core import InvalidInput, safe_divide
from mfgamm.meanfield.axis import Axis
from mfgamm.meanfield.scheme import AbstractScheme
from mfgamm.meanfield.tridiagonal import solve_tridiagonal

Rates = Float[Array, "point *rest"]
# Beyond this Péclet number exp overflows in single precision, and the scheme is upwind anyway.
STEEPEST = 80.0


class AbstractGenerator(AbstractScheme):
    """An implicit Euler step of a chain on cells."""

    @abstractmethod
    def rates(self, axis: Axis, drift: Rates, diffusion: Rates) -> tuple[Rates, Rates]:
        """Jumps per hour from each cell to the next above and to the next below it.

        Args:
            axis: the cells.
            drift: unit of the variable per hour.
            diffusion: ½·volatility², unit² per hour.
        """

    def expect(self, axis, value, drift, volatility, hours):
        if axis.ring:
            raise InvalidInput(
                "scheme", type(self).__name__, "has walls; on a circle use SemiLagrangian"
            )
        diffusion = jnp.zeros_like(drift) if volatility is None else volatility**2 / 2
        drift, diffusion = jnp.broadcast_arrays(drift, diffusion)
        place = jnp.arange(axis.count).reshape(-1, *(1,) * (drift.ndim - 1))
        above, below = self.rates(axis, drift, diffusion)
        above = hours * jnp.where(place < axis.count - 1, above, 0.0)
        below = hours * jnp.where(place > 0, below, 0.0)
        lower, middle, upper = (
            each.astype(value.dtype) for each in (-below, 1 + above + below, -above)
        )
        return solve_tridiagonal(lower, middle, upper, value)


class Upwind(AbstractGenerator):
    """First-order upwind differences (Achdou and Capuzzo-Dolcetta, 2010): robust, first order."""

    def rates(self, axis, drift, diffusion):
        spread = diffusion / axis.spacing**2
        up = spread + jnp.maximum(drift, 0) / axis.spacing
        return up, spread + jnp.maximum(-drift, 0) / axis.spacing


class ScharfetterGummel(AbstractGenerator):
    """Exponentially fitted rates (Scharfetter and Gummel, 1969): second order where noise is felt.

    The flux between two cells is that of a constant drift and diffusion there, their means; it
    becomes the upwind one where diffusion vanishes.
    """

    def rates(self, axis, drift, diffusion):
        up = _fitted(axis, _faces(drift, -1), _faces(diffusion, -1))
        return up, _fitted(axis, -_faces(drift, 1), _faces(diffusion, 1))


def _faces(cells: Rates, towards: int) -> Rates:
    """Means of each cell and its neighbour; across a wall it does not matter what."""
    return (cells + jnp.roll(cells, towards, axis=0)) / 2


def _fitted(axis: Axis, drift: Rates, diffusion: Rates) -> Rates:
    """Rate of jumps along `drift`: D/h²·B(−drift·h/D), B(z) = z/(eᶻ − 1)."""
    peclet = safe_divide(drift * axis.spacing, diffusion, 0.0)
    fitted = diffusion / axis.spacing**2 * _bernoulli(-peclet)
    return jnp.where(diffusion > 0, fitted, jnp.maximum(drift, 0) / axis.spacing)


def _bernoulli(z: Rates) -> Rates:
    """z/(eᶻ − 1) without overflow or cancellation: B(z) = B(|z|) + max(−z, 0)."""
    size = jnp.minimum(jnp.abs(z), STEEPEST)
    small = size < 1e-4
    safe = jnp.where(small, 1.0, size)
    return jnp.where(small, 1 - size / 2, safe / jnp.expm1(safe)) + jnp.maximum(-z, 0)
