"""A graphon that is constant on the cells of a partition: what finitely many clusters see."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Float

from mfgamm.core import InvalidInput, Number, concrete
from mfgamm.graphon.aggregate import DenseAggregate
from mfgamm.graphon.exponential_of_distance import ClusterDistance
from mfgamm.graphon.kernel import AbstractKernel, require_weights
from mfgamm.graphon.low_rank import LowRankAggregate, low_rank_aggregate
from mfgamm.graphon.partition import Masses, as_masses, cell_of, midpoints
from mfgamm.graphon.spectrum import operator_spectrum


class StepGraphon(AbstractKernel):
    """W(x, y) = W_{κ(x)κ(y)} on cells I_p of [0, 1] (GMFG paper, eq. 14).

    A cell is a cluster of households, as wide as its share of them.

    Attributes:
        weights: W_pq in [0, 1], symmetric.
        masses: width of each cell; they sum to one, and may be zero.

    Raises:
        InvalidInput: if the weights are not square, symmetric and within [0, 1], or there is not
            one mass for each cell (values are not checked under `jit`).
    """

    weights: Float[Array, "cell cell"] = eqx.field(converter=lambda x: jnp.asarray(x, dtype=float))
    masses: Float[Array, " cell"] = eqx.field(converter=as_masses)

    def __check_init__(self):
        cells = self.masses.size
        if self.weights.shape != (cells, cells):
            raise InvalidInput(
                "weights",
                f"shape {self.weights.shape}",
                f"must be square, one row for each of the {cells} masses",
            )
        weights = concrete(self.weights)
        if weights is not None:
            require_weights("weights", weights)

    @classmethod
    def from_matrix(cls, weights: ArrayLike) -> "StepGraphon":
        """The step graphon of a matrix, on cells of equal mass."""
        matrix = jnp.asarray(weights, dtype=float)
        return cls(matrix, matrix.shape[0])

    @classmethod
    def from_kernel(cls, kernel: AbstractKernel, masses: Masses, points: int = 1) -> "StepGraphon":
        """A kernel on a partition: its values at the cells' midpoints, or its averages over cells.

        Where the kernel jumps inside a cell, or the cell is empty and lies on a jump, one of the
        two sides is taken: build the step graphon of a cluster matrix with `of_clusters`.

        Args:
            kernel: to be discretised.
            masses: the number of equal cells, or the width of each.
            points: of the Gauss–Legendre rule in each direction of each cell. One is the
                midpoint; two or more give the average, exactly for polynomials of degree
                2·points − 1, to second order across a kink.

        Raises:
            InvalidInput: if `points` is not positive, or the masses are none.
        """
        if points < 1:
            raise InvalidInput("points", points, "the rule needs at least one point")
        widths = as_masses(masses)
        nodes, shares = np.polynomial.legendre.leggauss(points)
        places = _quadrature_places(widths, nodes)
        values = kernel(places[:, None, :, None], places[None, :, None, :])
        return cls(_averages(values, shares / 2), widths)

    @classmethod
    def of_clusters(cls, distance: ClusterDistance, decay: Number | Array) -> "StepGraphon":
        """Clusters at electrical distances e_pq: W_pq = exp(−α·e_pq) (GMFG paper, eq. 14).

        Args:
            distance: between the clusters, with their masses.
            decay: α ≥ 0, dimensionless.
        """
        return cls(jnp.exp(-decay * distance.matrix), distance.masses)

    def __call__(
        self, x: Float[Array, "*#batch"], y: Float[Array, "*#batch"]
    ) -> Float[Array, "*batch"]:
        return self.weights[cell_of(x, self.masses), cell_of(y, self.masses)]

    @property
    def positions(self) -> Float[Array, " cell"]:
        """Midpoints of the cells in [0, 1]."""
        return midpoints(self.masses)

    @property
    def degree(self) -> Float[Array, " cell"]:
        """∫W(x, y)dy as seen from each cell: how much of the community it is coupled to."""
        return jnp.matmul(self.weights, self.masses, precision="highest")

    def spectrum(self) -> Float[Array, " cell"]:
        """Eigenvalues of (Tf)(x) = ∫W(x, y)f(y)dy on step functions, largest first.

        On all functions T has the eigenvalue zero besides. With a price that rises by c per unit
        of aggregate and curvature r of the households' own cost, the mode of eigenvalue λ is
        stable where r + c·λ > 0: the smallest and, for c < 0, the largest one decide.
        """
        return operator_spectrum(self.weights, self.masses)

    def aggregate(self, rank: int | None = None) -> DenseAggregate | LowRankAggregate:
        """The operator x ↦ Σ_q W_pq·x_q on flows that carry their cluster's mass (eq. 17).

        Args:
            rank: keep that many eigenvalues of the matrix W, largest in magnitude; all if None.

        Raises:
            InvalidInput: see `low_rank_aggregate`.
        """
        if rank is None:
            return DenseAggregate(self.weights)
        return low_rank_aggregate(self.weights, rank)


@jax.jit
def _quadrature_places(widths, nodes):
    return midpoints(widths)[:, None] + widths[:, None] / 2 * nodes


@jax.jit
def _averages(values, shares):
    inner = jnp.matmul(values, shares, precision="highest")
    return jnp.matmul(inner, shares, precision="highest")
