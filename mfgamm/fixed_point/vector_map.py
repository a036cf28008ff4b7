"""Maps of any structure as maps of vectors."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import PyTree

from mfgamm.core import InvalidInput, concrete
from mfgamm.fixed_point.method import Vector, VectorMap


def as_vector_map(
    function: Callable[[PyTree, Any], PyTree], like: PyTree, parameters: Any
) -> VectorMap:
    """x ↦ F(x, θ) on what `like` looks like, flattened.

    The map raises InvalidInput, while it is traced, if F returns another structure.
    """
    unflatten = ravel_pytree(like)[1]

    def vector_map(point: Vector) -> Vector:
        returned = function(unflatten(point), parameters)
        _require_alike(like, returned)
        return ravel_pytree(returned)[0]

    return vector_map


def require_floating(start: PyTree) -> None:
    """Refuse a start that is not made of finite floating-point numbers.

    Raises:
        InvalidInput: if it is not.
    """
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
