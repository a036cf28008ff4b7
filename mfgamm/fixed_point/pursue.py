"""Solve x = F(x, θ) in pieces: a search that can be watched, stopped, and taken up again."""

import time
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Int, PyTree

from mfgamm.core import Checkpoint, Journal, Status
from mfgamm.fixed_point.method import AbstractMethod, magnitude
from mfgamm.fixed_point.search import Search, carry_on, is_unfinished, open_search, verdict
from mfgamm.fixed_point.solution import FixedPoint
from mfgamm.fixed_point.vector_map import as_vector_map, require_floating

# What stops a search waits for about as long, or for an iteration.
PIECE_SECONDS = 0.5


def pursue_fixed_point(
    function: Callable[[PyTree, Any], PyTree],
    start: PyTree,
    parameters: Any,
    method: AbstractMethod,
    *,
    on_pause: Callable[[FixedPoint], None] | None = None,
    checkpoint: Checkpoint | None = None,
) -> FixedPoint:
    """Find x with x = F(x, θ) as `solve_fixed_point` does, iterating in pieces.

    Nothing is raised where the tolerance is not met, and the answer has no derivative. A
    `KeyboardInterrupt` ends the search: the best point so far is returned with
    `Status.INTERRUPTED`, if the search was not over.

    Args:
        function: F(x, parameters). A checkpoint knows it by its arrays and its name.
        start: x₀, floating-point arrays of any structure.
        parameters: θ.
        method: how to search.
        on_pause: called at the start and after every piece, an iteration or half a second, with
            what would be returned if the search ended there.
        checkpoint: where to save the search, and to take it up again from, so that it goes on as
            if it had never stopped.

    Raises:
        InvalidInput: if the start is not finite, the map returns another structure, or the
            checkpoint is another search's.
    """
    require_floating(start)
    problem = (function, start, parameters, method)
    journal = None if checkpoint is None else _journal(checkpoint, problem)
    # Opened outside the try: before it there is nothing worth keeping.
    search = None if journal is None else journal.load()
    if search is None:
        search = _opened(*problem)
    found, length = _concluded(start, method, search), 1
    try:
        while True:
            if on_pause is not None:
                on_pause(found)
            if found.status != Status.INTERRUPTED:
                break
            began = time.monotonic()
            onward = _continued(*problem, search, found.iterations + length)
            search, found = onward, jax.block_until_ready(_concluded(start, method, onward))
            pace = (time.monotonic() - began) / length
            length = max(1, int(PIECE_SECONDS / pace))
            if journal is not None:
                journal.save_if_due(search, int(found.iterations))
    except KeyboardInterrupt:
        pass
    if journal is not None:
        journal.save(search, int(found.iterations))
    return found


def _journal(checkpoint: Checkpoint, problem: tuple) -> Journal:
    def blank(_: int) -> Search:
        return eqx.filter_eval_shape(_opened, *problem)

    return Journal(checkpoint, problem, blank, "problem, method or start")


@eqx.filter_jit
def _opened(function, start: PyTree, parameters, method: AbstractMethod) -> Search:
    vector_map = as_vector_map(function, start, parameters)
    return open_search(method, vector_map, ravel_pytree(start)[0])


@eqx.filter_jit
def _continued(
    function,
    start: PyTree,
    parameters,
    method: AbstractMethod,
    search: Search,
    until: Int[Array, ""],
) -> Search:
    return carry_on(method, as_vector_map(function, start, parameters), search, until)


@eqx.filter_jit
def _concluded(start: PyTree, method: AbstractMethod, search: Search) -> FixedPoint:
    """What a search has found so far."""
    unflatten = ravel_pytree(start)[1]
    unfinished = is_unfinished(method, search)
    return FixedPoint(
        value=unflatten(search.point),
        status=jnp.where(unfinished, int(Status.INTERRUPTED), verdict(method, search)),
        residuals=unflatten(search.residual),
        history=search.history,
        certificate=magnitude(search.residual),
        iterations=search.iterations,
    )
