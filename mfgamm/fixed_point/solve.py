"""Solve x = F(x, θ): the search, its verdict, and the derivative of its answer by θ."""

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, Int, PyTree

from mfgamm.core import InvalidInput, NotConverged, Status, concrete
from mfgamm.fixed_point.anderson import Anderson
from mfgamm.fixed_point.krylov import solve_tightly
from mfgamm.fixed_point.method import AbstractMethod, SearchState, Vector, VectorMap, magnitude
from mfgamm.fixed_point.solution import FixedPoint


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
    _require_floating(start)
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


class _Search(NamedTuple):
    state: SearchState
    point: Vector
    residual: Vector
    history: Float[Array, " iteration"]
    iterations: Int[Array, ""]


@eqx.filter_jit
def _solve(function, start: PyTree, parameters, method: AbstractMethod) -> FixedPoint:
    flat, unflatten = ravel_pytree(jax.lax.stop_gradient(start))

    def vector_map(point: Vector) -> Vector:
        returned = function(unflatten(point), parameters)
        _require_alike(start, returned)
        return ravel_pytree(returned)[0]

    def root(point: Vector) -> Vector:
        return point - vector_map(point)

    def search(_, opening: Vector) -> tuple[Vector, tuple]:
        done = _run(jax.lax.stop_gradient(method), vector_map, opening)
        # As numbers of the point's kind: `custom_root` knows no derivative of integers.
        counts = jnp.stack([done.iterations, _status(method, done)]).astype(opening.dtype)
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


def _run(method: AbstractMethod, function: VectorMap, start: Vector) -> _Search:
    """Step until the tolerance is met, the method is stuck or its iterations are used up."""

    def unfinished(search: _Search):
        sought = magnitude(search.residual) > method.tolerance
        return sought & ~search.state.stuck & (search.iterations < method.max_iterations)

    def step(search: _Search) -> _Search:
        state = method.advance(function, search.state)
        size = magnitude(state.residual)
        better = size < magnitude(search.residual)
        return _Search(
            state=state,
            point=jnp.where(better, state.point, search.point),
            residual=jnp.where(better, state.residual, search.residual),
            history=search.history.at[search.iterations + 1].set(size),
            iterations=search.iterations + 1,
        )

    state = method.init(function, start)
    history = jnp.full(method.max_iterations + 1, jnp.nan, start.dtype)
    opening = _Search(
        state=state,
        point=state.point,
        residual=state.residual,
        history=history.at[0].set(magnitude(state.residual)),
        iterations=jnp.asarray(0),
    )
    return jax.lax.while_loop(unfinished, step, opening)


def _status(method: AbstractMethod, search: _Search) -> Int[Array, ""]:
    size = magnitude(search.residual)
    broken = search.state.stuck | ~jnp.isfinite(size)
    failed = jnp.where(broken, int(Status.BREAKDOWN), int(Status.MAX_ITERATIONS))
    return jnp.where(size <= method.tolerance, int(Status.CONVERGED), failed)


def _poisoned(solution: FixedPoint) -> FixedPoint:
    """The solution with `nan` for a value that is none."""
    failed = solution.status != Status.CONVERGED
    poisoned = jax.tree.map(lambda each: jnp.where(failed, jnp.nan, each), solution.value)
    return eqx.tree_at(lambda each: each.value, solution, poisoned)


def _require_floating(start: PyTree) -> None:
    for leaf in jax.tree.leaves(start):
        if not jnp.issubdtype(jnp.asarray(leaf).dtype, jnp.floating):
            raise InvalidInput("start", str(jnp.asarray(leaf).dtype), "must hold floating-point x")
        known = concrete(leaf)
        if known is not None and not np.all(np.isfinite(known)):
            raise InvalidInput("start", "nan or inf", "must be finite; start from known prices")


def _require_alike(start: PyTree, returned: PyTree) -> None:
    """While tracing, so that it costs nothing once compiled."""
    wanted, given = (jax.tree.map(jnp.shape, tree) for tree in (start, returned))
    if wanted != given:
        raise InvalidInput(
            "function", f"returns {given}", f"must return what x looks like, {wanted}"
        )
