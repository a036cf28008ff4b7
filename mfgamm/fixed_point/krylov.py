"""Linear systems given only by their products: GMRES, in arithmetic that keeps its precision."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax.scipy.sparse.linalg import gmres
from jaxtyping import Array, Float

Vector = Float[Array, "*unknown"]
Operator = Callable[[Vector], Vector]

# A derivative whose linear system is solved worse than this, relatively, is no derivative.
ACCEPTABLE = 1e-6


def solve_linear(
    operator: Operator,
    right: Vector,
    tolerance: Float[Array, ""] | float,
    *,
    restart: int,
    cycles: int,
    precondition: Operator | None = None,
) -> Vector:
    """GMRES until ‖right − A·x‖ ≤ tolerance·‖right‖, or the cycles are used up.

    It starts from zero, or with a preconditioner from what that makes of the right-hand side, and
    then measures residuals as the preconditioner leaves them.
    """
    # Modified Gram–Schmidt with Givens rotations, the robust variant, stops inside a cycle: the
    # other one does not look at the residual before a restart.
    solution, _ = gmres(
        operator,
        right,
        x0=None if precondition is None else precondition(right),
        M=precondition,
        tol=tolerance,  # pyright: ignore[reportArgumentType]  # a traced number will do
        restart=min(restart, right.size),
        maxiter=cycles,
        solve_method="incremental",
    )
    return solution


def solve_tightly(operator: Operator, right: Vector) -> Vector:
    """The solution to nearly all digits, and `nan` where GMRES does not get there.

    Linear in the right-hand side and transposable: what implicit derivatives need.
    """
    tolerance = 30 * float(jnp.finfo(right.dtype).eps)

    def solve(matrix: Operator, given: Vector) -> Vector:
        found = solve_linear(matrix, given, tolerance, restart=80, cycles=10)
        error = jnp.linalg.norm(given - matrix(found))
        acceptable = max(ACCEPTABLE, 30 * tolerance)
        return jnp.where(error <= acceptable * jnp.linalg.norm(given), found, jnp.nan)

    return jax.lax.custom_linear_solve(operator, right, solve, transpose_solve=solve)
