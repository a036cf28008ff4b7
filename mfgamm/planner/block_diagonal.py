"""Small blocks on the diagonal of one matrix."""

import jax.numpy as jnp
from jaxtyping import Array, Float


def block_diagonal(
    blocks: Float[Array, "moment coordinate coordinate"],
) -> Float[Array, "row column"]:
    """The matrix, rows and columns by moment and then by coordinate."""
    moments, size = blocks.shape[:2]
    spread = jnp.einsum("tij,ts->tisj", blocks, jnp.eye(moments))
    return spread.reshape(moments * size, moments * size)
