"""Solve x = F(x, θ): the search, its verdict, and the derivative of its answer by θ."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jaxtyping import PyTree

from mfgamm.core import NotConverged, Status, concrete
from mfgamm.fixed_point.anderson import Anderson
from mfgamm.fixed_point.krylov import solve_tightly
from mfgamm.fixed_point.method import AbstractMethod, Vector, magnitude
from mfgamm.fixed_point.search import carry_on, open_search, verdict
from mfgamm.fixed_point.solution import FixedPoint
from mfgamm.fixed_point.vector_map import as_vector_map, require_floating


def solve_fixed_point(
    function: Callable[[PyTree, Any], PyTree],
    start: PyTree,
    parameters: Any = None,
    method: AbstractMethod | None = None,
    *,
    throw: bool = True,
) -> FixedPoint:
    """Find x with x = F(x, θ).

    Derivatives of `value` by everything in `parameters` and `function` follow from the implicit
    function theorem, (I − F′)·dx = ∂F/∂θ·dθ, solved to nearly all digits, in forward and reverse
    mode; the iterations are never differentiated, and the start has no derivative. Where I − F′ is
    so ill-conditioned that GMRES fails, derivatives are `nan`. To find many fixed points at once,
    `jax.vmap`: lanes stop one by one.

    Args:
        function: F(x, parameters), which returns what x looks like; a function or a module with
            arrays of its own. It is compiled once for each function object.
        start: x₀, floating-point arrays of any structure.
        parameters: θ.
        method: how to search; `Anderson()` if None.
        throw: raise if the tolerance was not met. Under `jit`, `vmap` or a derivative nothing can
            be raised: the value is then `nan` where it was not met. If False, the status tells.

    Raises:
        InvalidInput: if the start is not finite, or the map returns another structure.
        NotConverged: with the best point found attached, if `throw`.
    """
    method = Anderson() if method is None else method
    require_floating(start)
    solution = _solve(function, start, parameters, method)
    if not throw:
        return solution
    status = concrete(jax.lax.stop_gradient(solution.status))
    if status is None:
        return _poisoned(solution)
    if status != Status.CONVERGED:
        raise NotConverged(
            f"{Status(int(status)).label} at residual {float(solution.certificate):.2e} after "
            f"{int(solution.iterations)} iterations (tolerance {float(method.tolerance):.2e}); "
            "damp more, allow more iterations, or pass throw=False to use what was found",
            solution,
        )
    return solution


@eqx.filter_jit
def _solve(function, start: PyTree, parameters, method: AbstractMethod) -> FixedPoint:
    flat, unflatten = ravel_pytree(jax.lax.stop_gradient(start))
    vector_map = as_vector_map(function, start, parameters)

    def root(point: Vector) -> Vector:
        return point - vector_map(point)

    def search(_, opening: Vector) -> tuple[Vector, tuple]:
        how = jax.lax.stop_gradient(method)
        done = carry_on(how, vector_map, open_search(how, vector_map, opening), how.max_iterations)
        # As numbers of the point's kind: `custom_root` knows no derivative of integers.
        counts = jnp.stack([done.iterations, verdict(method, done)]).astype(opening.dtype)
        return done.point, (done.residual, done.history, counts)

    value, (residual, history, counts) = jax.lax.custom_root(
        root, flat, search, solve_tightly, has_aux=True
    )
    iterations, status = jax.lax.stop_gradient(counts).astype(int)
    return FixedPoint(
        value=unflatten(value),
        status=status,
        residuals=unflatten(residual),
        history=history,
        certificate=magnitude(residual),
        iterations=iterations,
    )


def _poisoned(solution: FixedPoint) -> FixedPoint:
    """The solution with `nan` for a value that is none."""
    failed = solution.status != Status.CONVERGED
    poisoned = jax.tree.map(lambda each: jnp.where(failed, jnp.nan, each), solution.value)
    return eqx.tree_at(lambda each: each.value, solution, poisoned)
