"""The unit interval cut into cells, each as wide as a cluster's share of households."""

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Float, Int

from mfgamm.core import InvalidInput, Number, concrete

# The number of equal cells, or the share of each.
Masses = ArrayLike | Sequence[Number]


def as_masses(masses: Masses, field: str = "masses") -> Float[Array, " cell"]:
    """Widths of the cells of a partition of [0, 1], checked.

    Args:
        masses: the number of equal cells, or the share of each cell, which may be zero.
        field: whom to blame.

    Raises:
        InvalidInput: if there is no cell, a share is negative or not finite, or they do not sum
            to one (values are not checked under `jit`).
    """
    if isinstance(masses, int):
        if masses < 1:
            raise InvalidInput(field, masses, "needs at least one cell")
        return jnp.full(masses, 1 / masses)
    shares = jnp.asarray(masses, dtype=float)
    if shares.ndim != 1 or shares.size == 0:
        raise InvalidInput(field, f"shape {shares.shape}", "give one share for each cell")
    require_masses(field, shares)
    return shares


def require_masses(field: str, masses: Float[Array, " cell"]) -> None:
    """Refuse shares that are no partition of [0, 1].

    Raises:
        InvalidInput: if one is negative or not finite, or they do not sum to one.
    """
    values = concrete(masses)
    if values is None:
        return
    if not np.all(np.isfinite(values)) or np.any(values < 0):
        raise InvalidInput(field, values.tolist(), "shares must be finite and not negative")
    slack = 10 * values.size * np.finfo(values.dtype).eps
    if abs(values.sum() - 1) > slack:
        raise InvalidInput(field, float(values.sum()), "shares must sum to 1; divide by their sum")


def edges(masses: Float[Array, " cell"]) -> Float[Array, " edge"]:
    """Where the cells begin and end: 0, …, 1."""
    return jnp.concatenate([jnp.zeros_like(masses[:1]), jnp.cumsum(masses)])


def midpoints(masses: Float[Array, " cell"]) -> Float[Array, " cell"]:
    """The middle of each cell."""
    return jnp.cumsum(masses) - masses / 2


def cell_of(points: Float[Array, "*batch"], masses: Float[Array, " cell"]) -> Int[Array, "*batch"]:
    """The cell κ(x) that each point lies in (GMFG paper, §3.2).

    A point on an edge belongs to the cell on its right; cells of no mass hold no point.
    """
    inner = edges(masses)[1:-1]
    return jnp.searchsorted(inner, points, side="right", method="compare_all")
