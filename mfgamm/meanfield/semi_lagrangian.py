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

    The drift is stopped at the walls, noise is reflected by them. Half of the drift comes before
    the noise and half after it, for it goes on once a path has left the wall. At a distance x from
    a wall it adds 2b·∫E|x + s·W_u|du to E[X′²], and halves are the trapezoidal rule of that, exact
    in total over all x: E|x + s·W_u| − x then is s²u/2, linear in u, and so it is for points of
    noise, which have the variance of W. With constant s, walls are left with h^{3/2}. If all of the
    drift comes first (Bossy, Gobet and Talay, "A symmetrized Euler scheme for an efficient
    approximation of reflected diffusions", 2004) they have one of order h: a stationary E[f] is off
    by ¼s²h·b·V″·density at each wall, with E[f] + LV = f and b inward.

    Attributes:
        nodes: points of standard noise; three of Gauss and Hermite if not given.
        weights: their probabilities.

    Raises:
        InvalidInput: if noise has not mean 0 and variance 1; when it is used, if it was made in a
            lower precision than the values: probabilities would not sum to one.
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
        if jnp.finfo(self.weights.dtype).eps > jnp.finfo(value.dtype).eps:
            raise InvalidInput(
                "scheme.weights",
                f"{self.weights.dtype}, for values of {value.dtype}",
                "make the scheme after jax.config.update('jax_enable_x64', True)",
            )
        own = jnp.arange(axis.count).reshape(-1, *(1,) * (value.ndim - 1))
        advance = drift * hours / axis.spacing
        if volatility is None:
            return _interpolate(axis, value, _stop(axis, own + advance, 0.0))
        half, spread = advance / 2, volatility * jnp.sqrt(hours) / axis.spacing
        halfway = _stop(axis, own + half, axis.margin)
        parts = [
            self.weights[node].astype(value.dtype)
            * _interpolate(
                axis,
                value,
                _stop(axis, _reflect(axis, halfway + spread * self.nodes[node]) + half, 0.0),
            )
            for node in range(self.nodes.size)
        ]
        return sum(parts[1:], parts[0])


def _stop(axis: Axis, position: Float[Array, "..."], margin: float) -> Float[Array, "..."]:
    """Positions, counted in spacings, stopped so far beyond the last points."""
    return position if axis.ring else jnp.clip(position, -margin, axis.count - 1 + margin)


def _reflect(axis: Axis, position: Float[Array, "..."]) -> Float[Array, "..."]:
    """Positions, counted in spacings, mirrored at the walls."""
    if axis.ring:
        return position
    lower, upper = -axis.margin, axis.count - 1 + axis.margin
    folded = (position - lower) % (2 * (upper - lower))
    return lower + jnp.minimum(folded, 2 * (upper - lower) - folded)


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
