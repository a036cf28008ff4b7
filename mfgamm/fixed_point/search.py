"""A search for a fixed point: where it stands, and how it goes on."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from mfgamm.core import Status
from mfgamm.fixed_point.method import AbstractMethod, SearchState, Vector, VectorMap, magnitude


class Search(eqx.Module):
    """A search so far.

    Attributes:
        state: where the method stands.
        point, residual: where the largest residual was least.
        history: largest residual after each iteration, the start's first, `nan` beyond.
        iterations: taken.
    """

    state: SearchState
    point: Vector
    residual: Vector
    history: Float[Array, " iteration"]
    iterations: Int[Array, ""]


def open_search(method: AbstractMethod, function: VectorMap, start: Vector) -> Search:
    """A search before its first iteration."""
    state = method.init(function, start)
    history = jnp.full(method.max_iterations + 1, jnp.nan, start.dtype)
    return Search(
        state=state,
        point=state.point,
        residual=state.residual,
        history=history.at[0].set(magnitude(state.residual)),
        iterations=jnp.zeros((), int),
    )


def carry_on(
    method: AbstractMethod, function: VectorMap, search: Search, until: Int[Array, ""] | int
) -> Search:
    """Iterate while there is something left to do, until so many iterations were taken."""

    def step(search: Search) -> Search:
        state = method.advance(function, search.state)
        size = magnitude(state.residual)
        better = size < magnitude(search.residual)
        return Search(
            state=state,
            point=jnp.where(better, state.point, search.point),
            residual=jnp.where(better, state.residual, search.residual),
            history=search.history.at[search.iterations + 1].set(size),
            iterations=search.iterations + 1,
        )

    return jax.lax.while_loop(
        lambda search: is_unfinished(method, search) & (search.iterations < until), step, search
    )


def is_unfinished(method: AbstractMethod, search: Search) -> Bool[Array, ""]:
    """Whether the tolerance is not met, the method not stuck and an iteration left."""
    sought = magnitude(search.residual) > method.tolerance
    return sought & ~search.state.stuck & (search.iterations < method.max_iterations)


def verdict(method: AbstractMethod, search: Search) -> Int[Array, ""]:
    """The `Status` code of a search that is finished."""
    size = magnitude(search.residual)
    broken = search.state.stuck | ~jnp.isfinite(size)
    failed = jnp.where(broken, int(Status.BREAKDOWN), int(Status.MAX_ITERATIONS))
    return jnp.where(size <= method.tolerance, int(Status.CONVERGED), failed)
