"""The Newton step of the interior point, reduced to a block tridiagonal system per lane.

    D·Δv − Aᵀ·Δy = r₁,      A·Δv = r₂,      D diagonal,

becomes (A D⁻¹ Aᵀ)·Δy = r₂ − A D⁻¹ r₁, coupled in time by the states only. Multipliers are relative
(`elimination`): with λ = share·β + ε, a flow of gain g answers to (1 − g·share)·β − g·ε, and the
balance is replaced by itself plus share times the storage equations, in which the flow that
dominates a store does not appear.
"""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from mfgamm.lp.block_tridiagonal import BlockTridiagonalFactor, factorise, solve
from mfgamm.lp.elimination import Gains, StepVariance
from mfgamm.lp.storage_program import Multipliers, StorageProgram


class NewtonFactor(eqx.Module):
    """Everything a right-hand side needs.

    Attributes:
        variance: D⁻¹, zero for fixed variables.
        balance_weight: W = Σ D⁻¹ over a step's flows (1 where all of them are fixed).
        cross: C, the flows' coupling between balance and storage equations.
        tridiagonal: factor of the multipliers' system.
    """

    variance: Float[Array, "variable time lane"]
    balance_weight: Float[Array, "time lane"]
    cross: Float[Array, "store time lane"]
    tridiagonal: BlockTridiagonalFactor


def factorise_newton(
    program: StorageProgram, variance: Float[Array, "variable time lane"]
) -> NewtonFactor:
    """Reduce and factorise the Newton matrix for D⁻¹ = `variance`."""
    exchange, inflow, outflow, state = program.split(variance)
    trade = jnp.sum(exchange, axis=0)
    weight = trade + jnp.sum(inflow + outflow, axis=0)
    steps = StepVariance(trade, _by_step(inflow), _by_step(outflow), _by_step(state))
    return NewtonFactor(
        variance=variance,
        balance_weight=jnp.where(weight > 0, weight, 1.0),
        cross=program.gain_in[:, None] * inflow + program.gain_out[:, None] * outflow,
        tridiagonal=factorise(Gains(program.gain_in, program.gain_out, program.retention), steps),
    )


def solve_newton(
    program: StorageProgram,
    factor: NewtonFactor,
    r1: Float[Array, "variable time lane"],
    r2: Multipliers,
) -> tuple[Float[Array, "variable time lane"], Multipliers]:
    """The step (Δv, Δy) for right-hand sides r₁ (stationarity) and r₂ (equations)."""
    gain_in, gain_out = program.gain_in[:, None], program.gain_out[:, None]
    retention, sign = program.retention[:, None], jnp.asarray(program.sign, r1.dtype)
    steps = factor.tridiagonal.steps
    share, loss_in, loss_out = map(_by_step, (steps.share, steps.loss_in, steps.loss_out))

    exchange, inflow, outflow, state = program.split(factor.variance * r1)
    before = jnp.pad(state[:, :-1], ((0, 0), (1, 0), (0, 0)))
    due = r2.storage - state + retention * before
    storage = due + gain_in * inflow - gain_out * outflow
    own = share * due - loss_in * inflow + loss_out * outflow
    whole = r2.balance - jnp.tensordot(sign, exchange, 1) + jnp.sum(own, axis=0)
    balance, beyond = solve(factor.tridiagonal, whole, _by_step(storage))
    beyond = _by_step(beyond)
    multipliers = share * balance + beyond

    after = jnp.pad(multipliers[:, 1:], ((0, 0), (0, 1), (0, 0)))
    answer = jnp.concatenate(
        [
            sign[:, None, None] * balance,
            loss_in * balance - gain_in * beyond,
            gain_out * beyond - loss_out * balance,
            multipliers - retention * after,
        ]
    )
    return factor.variance * (r1 + answer), Multipliers(balance, multipliers)


def _by_step(array):
    """[store, time, lane] as [time, store, lane], or back."""
    return jnp.swapaxes(array, 0, 1)
