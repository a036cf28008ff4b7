"""The Newton step of the interior point, reduced to a block tridiagonal system per lane.

    D·Δv − Aᵀ·Δy = r₁,      A·Δv = r₂,      D diagonal,

becomes (A D⁻¹ Aᵀ)·Δy = r₂ − A D⁻¹ r₁. The balance multiplier of each step is eliminated in
closed form; what is left are the storage multipliers, coupled in time by the states only.
"""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from mfgamm.lp.block_tridiagonal import BlockTridiagonalFactor, factorise, solve
from mfgamm.lp.storage_program import Multipliers, StorageProgram


class NewtonFactor(eqx.Module):
    """Everything a right-hand side needs.

    Attributes:
        variance: D⁻¹, zero for fixed variables.
        balance_weight: W = Σ D⁻¹ over a step's flows (1 where all of them are fixed).
        cross: C, the flows' coupling between balance and storage equations.
        tridiagonal: factor of the storage multipliers' system; None without stores.
    """

    variance: Float[Array, "variable time lane"]
    balance_weight: Float[Array, "time lane"]
    cross: Float[Array, "store time lane"]
    tridiagonal: BlockTridiagonalFactor | None


def factorise_newton(
    program: StorageProgram, variance: Float[Array, "variable time lane"]
) -> NewtonFactor:
    """Reduce and factorise the Newton matrix for D⁻¹ = `variance`."""
    exchange, inflow, outflow, state = program.split(variance)
    gain_in, gain_out = program.gain_in[:, None], program.gain_out[:, None]
    traded = jnp.sum(exchange, axis=0)
    own = inflow + outflow
    weight = traded + jnp.sum(own, axis=0)
    weight = jnp.where(weight > 0, weight, 1.0)
    cross = gain_in * inflow + gain_out * outflow
    if program.stores == 0:
        return NewtonFactor(variance, weight, cross, None)
    # S − C²/W, written as a sum of products of variances: the plain difference loses every
    # digit when one store's flows dominate the balance.
    squared = gain_in**2 * inflow + gain_out**2 * outflow
    spread = inflow * outflow * (gain_in - gain_out) ** 2
    diagonal = [
        (squared[i] * (traded + _sum_except(own, i)) + spread[i]) / weight
        for i in range(program.stores)
    ]
    block = [
        [diagonal[i] if i == j else -cross[i] * cross[j] / weight for j in range(program.stores)]
        for i in range(program.stores)
    ]
    flow_block = jnp.stack([jnp.stack(row, axis=1) for row in block], axis=1)
    tridiagonal = factorise(flow_block, jnp.swapaxes(state, 0, 1), program.retention)
    return NewtonFactor(variance, weight, cross, tridiagonal)


def solve_newton(
    program: StorageProgram,
    factor: NewtonFactor,
    r1: Float[Array, "variable time lane"],
    r2: Multipliers,
) -> tuple[Float[Array, "variable time lane"], Multipliers]:
    """The step (Δv, Δy) for right-hand sides r₁ (stationarity) and r₂ (equations)."""
    shifted = program.apply(factor.variance * r1)
    balance = r2.balance - shifted.balance
    storage = r2.storage - shifted.storage + factor.cross * (balance / factor.balance_weight)
    if factor.tridiagonal is not None:
        storage = jnp.swapaxes(solve(factor.tridiagonal, jnp.swapaxes(storage, 0, 1)), 0, 1)
    balance = (balance + jnp.sum(factor.cross * storage, axis=0)) / factor.balance_weight
    step = Multipliers(balance, storage)
    return factor.variance * (r1 + program.transpose(step)), step


def _sum_except(terms, index: int):
    others = [terms[i] for i in range(terms.shape[0]) if i != index]
    return sum(others, start=jnp.zeros_like(terms[0]))
