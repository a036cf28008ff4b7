"""The factorisation behind every Newton step: block tridiagonal over time, by a Riccati sweep.

With w = state variances (inverse barrier curvatures) and M_t the flows' contribution, the matrix
of the storage multipliers λ is

    K_tt = M_t + W_t + a²·W_{t−1},      K_{t,t−1} = −a·W_{t−1}.

Plain elimination would subtract numbers that agree to all digits whenever a store idles with its
state strictly inside its bounds (W large, M tiny). The sweep carries R_t = S_t − W_t instead,

    R_t = M_t + a²·W_{t−1} (W_{t−1} + R_{t−1})⁻¹ R_{t−1},

the *parallel sum* of W and R, in which nothing is subtracted.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


class BlockTridiagonalFactor(eqx.Module):
    """Factor of a symmetric positive definite block tridiagonal matrix, lanes last.

    Attributes:
        inverse: inverses of the pivot blocks S_t.
        coupling: a·W_{t−1}, minus the (diagonal) off-diagonal block between t−1 and t.
    """

    inverse: Float[Array, "time store store lane"]
    coupling: Float[Array, "time store lane"]


def factorise(
    flow_block: Float[Array, "time store store lane"],
    state_variance: Float[Array, "time store lane"],
    retention: Float[Array, "store lane"],
) -> BlockTridiagonalFactor:
    """Factorise K from its parts M (`flow_block`), W (`state_variance`) and a (`retention`)."""
    identity = jnp.eye(flow_block.shape[1], dtype=flow_block.dtype)[..., None]

    def sweep(carried, step):
        block, variance = step
        remainder = block + carried
        pivot = remainder + identity * variance[:, None]
        inverse = invert_small(pivot)
        parallel = variance[:, None] * _multiply(inverse, remainder)
        parallel = 0.5 * (parallel + jnp.swapaxes(parallel, 0, 1))
        return retention[:, None] * retention[None, :] * parallel, inverse

    _, inverse = jax.lax.scan(sweep, jnp.zeros_like(flow_block[0]), (flow_block, state_variance))
    before = jnp.pad(state_variance[:-1], ((1, 0), (0, 0), (0, 0)))
    return BlockTridiagonalFactor(inverse, retention * before)


def solve(
    factor: BlockTridiagonalFactor, right: Float[Array, "time store lane"]
) -> Float[Array, "time store lane"]:
    """Solve K·λ = `right`: one sweep forward, one back."""

    def forward(reduced, step):
        inverse, coupling, rhs = step
        reduced = rhs + coupling * reduced
        solved = _times(inverse, reduced)
        return solved, solved

    def backward(after, step):
        inverse, coupling_after, solved = step
        value = solved + _times(inverse, coupling_after * after)
        return value, value

    zero = jnp.zeros_like(right[0])
    _, solved = jax.lax.scan(forward, zero, (factor.inverse, factor.coupling, right))
    after = jnp.pad(factor.coupling[1:], ((0, 1), (0, 0), (0, 0)))
    _, value = jax.lax.scan(backward, zero, (factor.inverse, after, solved), reverse=True)
    return value


def invert_small(matrix: Float[Array, "store store lane"]) -> Float[Array, "store store lane"]:
    """Inverse of small symmetric positive semidefinite matrices by the sweep operator.

    A pivot lost to rounding stands for an equation that is dependent (or empty, for a store
    that a lane does not have): its multiplier is set to zero.
    """
    threshold = 1e-14 * jnp.diagonal(matrix).T
    for k in range(matrix.shape[0]):
        pivot = matrix[k, k]
        lost = pivot <= threshold[k]
        reciprocal = jnp.where(lost, 0.0, 1.0 / jnp.where(lost, 1.0, pivot))
        row = matrix[k] * reciprocal
        matrix = matrix - matrix[:, k, None] * row
        matrix = matrix.at[k].set(row).at[:, k].set(row).at[k, k].set(-reciprocal)
    return -matrix


def _multiply(left, right):
    return jnp.sum(left[:, :, None] * right[None], axis=1)


def _times(matrix, vector):
    return jnp.sum(matrix * vector[None], axis=1)
