"""Parameters of kernels: array leaves, checked where their values are known."""

import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Float

from mfgamm.core import InvalidInput, concrete


def as_number(value: ArrayLike) -> Float[Array, ""]:
    """A parameter as an array leaf, so that changing it does not recompile."""
    return jnp.asarray(value, dtype=float)


def require_number(
    field: str,
    value: Float[Array, ""],
    remedy: str,
    *,
    low: float = 0.0,
    high: float = np.inf,
    strict: bool = False,
) -> None:
    """Refuse a parameter that is not finite or outside [low, high], or at `low` if `strict`.

    Raises:
        InvalidInput: with the remedy; nothing is checked under `jit`.
    """
    number = concrete(value)
    if number is None or (np.isfinite(number) and low < number <= high):
        return
    if strict or number != low:
        raise InvalidInput(field, float(number), remedy)
