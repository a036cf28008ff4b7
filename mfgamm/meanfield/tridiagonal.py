"""Tridiagonal systems along the first axis, any number of them side by side."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

Band = Float[Array, "point *#rest"]
Columns = Float[Array, "point *rest"]


def solve_tridiagonal(lower: Band, diagonal: Band, upper: Band, right: Columns) -> Columns:
    """x with lower·x₋₁ + diagonal·x + upper·x₊₁ = right, without pivoting.

    For diagonally dominant systems. Derivatives and transposes are further solves.

    Args:
        lower, upper: the first of `lower` and the last of `upper` are not used.
    """

    def product(x: Columns) -> Columns:
        return diagonal * x + lower * _shift(x, 1) + upper * _shift(x, -1)

    def solve(_, given: Columns) -> Columns:
        return _eliminate(*jax.lax.stop_gradient((lower, diagonal, upper)), given)

    def solve_transposed(_, given: Columns) -> Columns:
        bands = jax.lax.stop_gradient((_shift(upper, 1), diagonal, _shift(lower, -1)))
        return _eliminate(*bands, given)

    return jax.lax.custom_linear_solve(product, right, solve, transpose_solve=solve_transposed)


def _shift(x: Columns, by: int) -> Columns:
    """Entry i − by at place i, and zero where there is none."""
    nothing = jnp.zeros_like(x[:1])
    return jnp.concatenate([nothing, x[:-1]] if by > 0 else [x[1:], nothing])


def _eliminate(lower: Band, diagonal: Band, upper: Band, right: Columns) -> Columns:
    """Thomas' recursion: a scan over points, wide over everything else."""

    def down(carry, row):
        factor, reduced = carry
        below, centre, above, given = row
        pivot = centre - below * factor
        factor = above / pivot
        reduced = (given - below * reduced) / pivot
        return (factor, reduced), (factor, reduced)

    def up(above, row):
        factor, reduced = row
        solved = reduced - factor * above
        return solved, solved

    nothing = jnp.zeros_like(diagonal[0]), jnp.zeros_like(right[0])
    _, rows = jax.lax.scan(down, nothing, (lower, diagonal, upper, right))
    return jax.lax.scan(up, jnp.zeros_like(right[0]), rows, reverse=True)[1]
