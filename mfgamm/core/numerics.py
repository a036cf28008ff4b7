"""Numerics that stay finite, gradients included, at removable singularities."""

import jax.core
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Shaped

from mfgamm.core.errors import InvalidInput

# A Python number: run-time type checkers do not take an int for a float.
Number = float | int


def safe_divide(
    numerator: Float[Array, "*#batch"] | Number,
    denominator: Float[Array, "*#batch"] | Number,
    fallback: Float[Array, "*#batch"] | Number,
) -> Float[Array, "*batch"]:
    """`numerator / denominator`, and `fallback` where the denominator is zero.

    The quotient is formed with a harmless denominator there (the double-`where`), so that
    neither value nor gradient is ever 0/0.
    """
    singular = denominator == 0
    quotient = numerator / jnp.where(singular, 1.0, denominator)
    return jnp.where(singular, fallback, quotient)


def concrete(array: Shaped[Array, "..."] | np.ndarray) -> np.ndarray | None:
    """The array as numpy if its values are known, `None` while it is being traced.

    Checks of values (bounds, signs) run on concrete arrays only; under `jit` they are skipped.
    """
    return None if isinstance(array, jax.core.Tracer) else np.asarray(array)


def require_float64(field: str, array: Shaped[Array, "..."]) -> None:
    """Refuse single precision where an accuracy beyond its reach was asked for.

    Raises:
        InvalidInput: if `array` is not float64.
    """
    if array.dtype != jnp.float64:
        raise InvalidInput(
            field,
            str(array.dtype),
            "float64 is needed for this accuracy; call "
            "jax.config.update('jax_enable_x64', True) before creating arrays",
        )
