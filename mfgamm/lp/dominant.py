"""Diagonally dominant matrices, kept by what couples their rows and by what rows have in excess.

A symmetric matrix A with nonpositive off-diagonals and A·weight = excess ≥ 0 for some positive
weights is known by its couplings −A_ij and that excess alone. Diagonals and pivots are then sums of
positive numbers, however close to singular A is: Gaussian elimination subtracts nothing, and what
comes of it is right to a few roundings *in every entry* (Grassmann, Taksar and Heyman 1985;
O'Cinneide 1993). The identities hold for excesses of any sign; only the accuracy needs theirs.
"""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

PerStore = Float[Array, "store lane"]
Square = Float[Array, "store store lane"]


class Dominant(eqx.Module):
    """A batch of such matrices, lanes last.

    Attributes:
        coupling: −A_ij off the diagonal, zero on it.
        weight: positive.
        per_weight: their reciprocals, as given: 1/weight may round otherwise.
        excess: A·weight.
    """

    coupling: Square
    weight: PerStore
    per_weight: PerStore
    excess: PerStore

    def diagonal(self) -> PerStore:
        """The diagonal of A."""
        return (self.excess + times(self.coupling, self.weight)) * self.per_weight

    def reweighed(self, weight: PerStore, per_weight: PerStore) -> "Dominant":
        """The same matrix by other weights; the diagonal enters only where weights change."""
        shift = weight - self.weight
        moved = self.diagonal() * shift - times(self.coupling, shift)
        return Dominant(self.coupling, weight, per_weight, self.excess + moved)


class Triangle(eqx.Module):
    """Factors of A = L·P·Lᵀ.

    Attributes:
        below: minus what L has below its diagonal.
        per_pivot: reciprocals of the pivots P.
    """

    below: Square
    per_pivot: PerStore

    def solve(self, right: PerStore) -> PerStore:
        """A⁻¹·right, by substitution: unlike the inverse, it is stable backwards."""
        count = right.shape[0]
        solved = list(right)
        for k in range(count):
            for i in range(k + 1, count):
                solved[i] = solved[i] + self.below[i, k] * solved[k]
        for k in reversed(range(count)):
            solved[k] = solved[k] * self.per_pivot[k]
            for i in range(k + 1, count):
                solved[k] = solved[k] + self.below[i, k] * solved[i]
        return jnp.stack(solved) if solved else right


def invert(matrix: Dominant) -> tuple[Triangle, Square]:
    """Factors of a matrix, and its inverse, by the sweep operator."""
    count = matrix.excess.shape[0]
    excess, swept = matrix.excess, matrix.coupling
    below, per_pivots = jnp.zeros_like(swept), jnp.zeros_like(excess)
    for k in range(count):
        pivot = excess[k] + jnp.sum(swept[k, k + 1 :] * matrix.weight[k + 1 :], axis=0)
        per_pivot = reciprocal(pivot * matrix.per_weight[k])
        row = (swept[k] * per_pivot).at[k].set(per_pivot)
        later = jnp.arange(count)[:, None] > k
        below = below.at[:, k].set(jnp.where(later, row, 0.0))
        per_pivots = per_pivots.at[k].set(per_pivot)
        excess = excess + jnp.where(later, row * excess[k], 0.0)
        swept = swept + swept[:, k, None] * row.at[k].set(0.0)
        swept = swept.at[k].set(row).at[:, k].set(row)
    return Triangle(below, per_pivots), swept


def reciprocal(pivot: Float[Array, "..."]) -> Float[Array, "..."]:
    """1/pivot; zero for a pivot of zero: the multiplier of a dependent or empty equation."""
    lost = pivot <= jnp.finfo(pivot.dtype).tiny
    return jnp.where(lost, 0.0, 1.0 / jnp.where(lost, 1.0, pivot))


def times(matrix: Square, vector: PerStore) -> PerStore:
    """The product with a vector."""
    return jnp.sum(matrix * vector[None], axis=1)
