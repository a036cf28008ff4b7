"""Semi-Lagrangian steps: follow the drift, add a few points of noise, interpolate linearly.

Camilli and Silva, "A semi-discrete approximation for a first order mean field game problem" (2012).
Steps may be as long as the dynamics allow; interpolation keeps means exactly away from the walls,
and spreads a density by at most a quarter of the squared spacing a step. Where the drift covers
whole spacings (a lattice aligned with the rated power) it does not spread it at all.
"""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from mfgamm.core import InvalidInput, concrete
from mfgamm.meanfield.axis import Axis
from mfgamm.meanfield.scheme import AbstractScheme

# Up to so many points, weights of all of them cost less than looking up two.
FEW_POINTS = 40


class SemiLagrangian(AbstractScheme):
    """Linear interpolation of V where the drift leads, averaged over points of noise.

    The drift is stopped at the walls, noise is reflected by them.

    Attributes:
        nodes: points of standard noise; three of Gauss and Hermite if not given.
        weights: their probabilities.

    Raises:
        InvalidInput: if noise has not mean 0 and variance 1.
    """

    nodes: Float[Array, " node"] = eqx.field(
        converter=jnp.asarray, default=(-np.sqrt(3), 0.0, np.sqrt(3))
    )
    weights: Float[Array, " node"] = eqx.field(converter=jnp.asarray, default=(1 / 6, 2 / 3, 1 / 6))

    def __check_init__(self):
        nodes, weights = concrete(self.nodes), concrete(self.weights)
        if nodes is None or weights is None:
            return
        moments = [float(np.sum(weights * nodes**power)) for power in range(3)]
        if np.any(weights < 0) or not np.allclose(moments, (1, 0, 1), atol=1e-5):
            raise InvalidInput(
                "scheme.nodes", moments, "total, mean and variance of the noise must be 1, 0, 1"
            )

    def expect(self, axis, value, drift, volatility, hours):
        own = jnp.arange(axis.count).reshape(-1, *(1,) * (value.ndim - 1))
        led = own + drift * hours / axis.spacing
        if not axis.ring:
            led = jnp.clip(led, 0, axis.count - 1)
        if volatility is None:
            return _interpolate(axis, value, led)
        spread = volatility * jnp.sqrt(hours) / axis.spacing
        parts = [
            self.weights[node].astype(value.dtype)
            * _interpolate(axis, value, _reflect(axis, led + spread * self.nodes[node]))
            for node in range(self.nodes.size)
        ]
        return sum(parts[1:], parts[0])


def _reflect(axis: Axis, position: Float[Array, "..."]) -> Float[Array, "..."]:
    """Positions, counted in spacings, mirrored at the walls and stopped at the last points."""
    if axis.ring:
        return position
    lower, upper = -axis.margin, axis.count - 1 + axis.margin
    folded = (position - lower) % (2 * (upper - lower))
    inside = lower + jnp.minimum(folded, 2 * (upper - lower) - folded)
    return jnp.clip(inside, 0, axis.count - 1)


def _interpolate(
    axis: Axis, value: Float[Array, "point *rest"], position: Float[Array, "point *#rest"]
) -> Float[Array, "point *rest"]:
    if axis.count <= FEW_POINTS and not axis.ring:
        return _weigh(axis, value, position)
    below = jnp.floor(position)
    if axis.ring:
        weight = (position - below).astype(value.dtype)
        low = below.astype(jnp.int32) % axis.count
        high = (low + 1) % axis.count
    else:
        below = jnp.minimum(below, axis.count - 2)
        weight = (position - below).astype(value.dtype)
        low = below.astype(jnp.int32)
        high = low + 1
    return (1 - weight) * _take(value, low) + weight * _take(value, high)


def _weigh(
    axis: Axis, value: Float[Array, "point *rest"], position: Float[Array, "point *#rest"]
) -> Float[Array, "point *rest"]:
    """The same by weights of all points: more to add up, but nothing to look up or to scatter."""
    below = jnp.clip(jnp.floor(position), 0, axis.count - 2)
    weight, below = (position - below)[:, None].astype(value.dtype), below[:, None]
    place = jnp.arange(axis.count).reshape(1, -1, *(1,) * (value.ndim - 1))
    # Chosen by place, not as hats max(1 − |…|, 0): their derivatives at a point do not sum to zero.
    weights = jnp.where(place == below, 1 - weight, 0) + jnp.where(place == below + 1, weight, 0)
    return jnp.sum(weights * value[None], axis=1)


def _take(value: Float[Array, "point *rest"], index) -> Float[Array, "point *rest"]:
    return jnp.take_along_axis(value, jnp.broadcast_to(index, value.shape), axis=0)
