"""Coupling that fades with electrical distance: the kernel of clusters on a real network."""

from collections.abc import Callable

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from mfgamm.core import InvalidInput, concrete
from mfgamm.graphon.kernel import (
    AbstractKernel,
    as_tree,
    require_symmetric_function,
    require_weights,
)
from mfgamm.graphon.parameter import as_number, require_number
from mfgamm.graphon.partition import as_masses, cell_of


class ClusterDistance(eqx.Module):
    """Electrical distances between clusters, as a function of two points of [0, 1].

    Attributes:
        matrix: e_pq in [0, 1], symmetric, zero on the diagonal: exchange within a cluster is
            lossless (GMFG paper, §3.2).
        masses: share of households of each cluster; they sum to one, and may be zero.

    Raises:
        InvalidInput: if the matrix is not square or not such distances, or the shares are none.
    """

    matrix: Float[Array, "cluster cluster"] = eqx.field(
        converter=lambda x: jnp.asarray(x, dtype=float)
    )
    masses: Float[Array, " cluster"] = eqx.field(converter=as_masses)

    def __check_init__(self):
        clusters = self.masses.size
        if self.matrix.shape != (clusters, clusters):
            raise InvalidInput(
                "distance.matrix",
                f"shape {self.matrix.shape}",
                f"must be square, one row for each of the {clusters} clusters",
            )
        matrix = concrete(self.matrix)
        if matrix is None:
            return
        require_weights("distance.matrix", matrix)
        if np.any(np.diagonal(matrix) != 0):
            raise InvalidInput(
                "distance.matrix",
                np.diagonal(matrix).tolist(),
                "a cluster is at no distance from itself: set the diagonal to zero",
            )

    def __call__(
        self, x: Float[Array, "*#batch"], y: Float[Array, "*#batch"]
    ) -> Float[Array, "*batch"]:
        return self.matrix[cell_of(x, self.masses), cell_of(y, self.masses)]


class ExponentialOfDistance(AbstractKernel):
    """W(x, y) = exp(−α·e(x, y)) (GMFG paper, eq. 14).

    α = 0 couples everybody alike; as α grows only neighbours matter. Nothing makes such a kernel
    positive definite for a general distance e: look at `StepGraphon.spectrum`.

    Attributes:
        decay: α ≥ 0, dimensionless.
        distance: e, a symmetric function of two points with values in [0, 1]: `ClusterDistance`,
            or any function that broadcasts (see `FunctionKernel`).

    Raises:
        InvalidInput: if α is negative or not finite, or the distance is not symmetric or leaves
            [0, 1] on a grid of 33 × 33 points.
    """

    decay: Float[Array, ""] = eqx.field(converter=as_number)
    distance: Callable = eqx.field(converter=as_tree)

    def __check_init__(self):
        require_number("exponential.decay", self.decay, "must be finite and ≥ 0")
        require_symmetric_function("exponential.distance", self.distance)

    def __call__(
        self, x: Float[Array, "*#batch"], y: Float[Array, "*#batch"]
    ) -> Float[Array, "*batch"]:
        return jnp.exp(-self.decay * self.distance(x, y))
