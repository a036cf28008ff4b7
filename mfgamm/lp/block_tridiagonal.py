"""The factorisation behind every Newton step: block tridiagonal over time, by a Riccati sweep.

With W = state variances (inverse barrier curvatures) and M_t the flows' contribution, the matrix
of the storage multipliers λ is

    K_tt = M_t + W_t + a²·W_{t−1},      K_{t,t−1} = −a·W_{t−1}.

Plain elimination would subtract numbers that agree to all digits whenever a store idles with its
state strictly inside its bounds (W large, M tiny). The sweep carries R_t = S_t − W_t instead,

    R_t = M_t + a²·W_{t−1} (W_{t−1} + R_{t−1})⁻¹ R_{t−1},

the *parallel sum* of W and R, in which nothing is subtracted; nor is there within a step
(`elimination`).
"""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from mfgamm.lp.elimination import (
    Gains,
    StepFactor,
    StepVariance,
    eliminate,
    nothing_carried,
    solve_step,
)


class BlockTridiagonalFactor(eqx.Module):
    """Factor of a batch of symmetric positive definite systems, lanes last.

    Attributes:
        steps: each step's, stacked along time.
        coupling: a·W_{t−1}, minus the (diagonal) off-diagonal block between t−1 and t.
    """

    steps: StepFactor
    coupling: Float[Array, "time store lane"]

    @property
    def inverse(self) -> Float[Array, "time store store lane"]:
        """Inverses of the pivot blocks S_t."""
        return self.steps.inverse


def factorise(gains: Gains, variance: StepVariance) -> BlockTridiagonalFactor:
    """Factorise the Newton matrix.

    Args:
        gains: of the stores.
        variance: D⁻¹ of every step, stacked along time.
    """

    def sweep(carried, step):
        factor, carried = eliminate(gains, step, carried)
        return carried, factor

    _, steps = jax.lax.scan(sweep, nothing_carried(gains), variance)
    before = jnp.pad(variance.state[:-1], ((1, 0), (0, 0), (0, 0)))
    return BlockTridiagonalFactor(steps, gains.retention * before)


def solve(
    factor: BlockTridiagonalFactor,
    whole: Float[Array, "time lane"],
    storage: Float[Array, "time store lane"],
) -> tuple[Float[Array, "time lane"], Float[Array, "time store lane"]]:
    """Relative multipliers β and ε of all steps: one sweep forward, one back.

    Args:
        factor: of the matrix.
        whole, storage: right-hand sides of every step, as `solve_step` wants them.
    """

    def answer(step: StepFactor, whole, storage, coupled):
        whole = whole + jnp.sum(step.share * coupled, axis=0)
        return solve_step(step, whole, storage + coupled)

    def forward(before, here):
        step, coupling, whole, storage = here
        balance, beyond = answer(step, whole, storage, coupling * before)
        return step.share * balance + beyond, (balance, beyond)

    def backward(after, here):
        step, coupling_after, balance, beyond = here
        more, further = answer(step, 0.0, 0.0, coupling_after * after)
        balance, beyond = balance + more, beyond + further
        return step.share * balance + beyond, (balance, beyond)

    zero = jnp.zeros_like(storage[0])
    sweep = (factor.steps, factor.coupling, whole, storage)
    _, solved = jax.lax.scan(forward, zero, sweep)
    after = jnp.pad(factor.coupling[1:], ((0, 1), (0, 0), (0, 0)))
    _, values = jax.lax.scan(backward, zero, (factor.steps, after, *solved), reverse=True)
    return values
