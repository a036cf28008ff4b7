"""Derivatives of a solution by the implicit function theorem: one linear solve, no unrolling.

On the central path, slack·dual = μ, the optimality conditions

    cost + curvature·v − Aᵀ·y − μ/(v − lower) + μ/(upper − v) = 0,      A·v = b

define v and y as smooth functions of every number in the program. Their linearisation is the Newton
system that the interior point solves anyway, symmetric once y changes its sign; so forward and
reverse mode each cost one factorisation and one solve.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from mfgamm.lp.linear_response import newton_step
from mfgamm.lp.storage_program import Multipliers, StorageProgram

Variables = Float[Array, "variable time lane"]


class Stiffness(eqx.Module):
    """Curvature of the barrier at a point: dual / slack for both bounds; 0 where fixed."""

    lower: Variables
    upper: Variables


def differentiate_solution(
    program: StorageProgram,
    tangent: StorageProgram,
    variables: Variables,
    multipliers: Multipliers,
    stiffness: Stiffness,
    natively: bool,
) -> tuple[Variables, Multipliers]:
    """How variables and multipliers move when the program moves along `tangent`.

    A variable whose bounds coincide stays fixed and moves with its lower bound: the derivative
    with respect to *opening* a closed range does not exist.
    """
    total = stiffness.lower + stiffness.upper
    free = total > 0

    def conditions(moving: StorageProgram) -> tuple[Variables, Multipliers]:
        gradient = moving.cost - moving.transpose(multipliers)
        if moving.curvature is not None:
            gradient = gradient + moving.curvature * variables
        return gradient, moving.residual(variables)

    _, (gradient, residual) = eqx.filter_jvp(conditions, (program,), (tangent,))
    carried = jnp.where(free, 0.0, tangent.lower)
    left = program.apply(carried)
    r1 = stiffness.lower * tangent.lower + stiffness.upper * tangent.upper - gradient
    r2 = Multipliers(residual.balance - left.balance, residual.storage - left.storage)
    curvature = 0.0 if program.curvature is None else program.curvature
    right = jnp.where(free, r1, 0.0)
    move, change = _solve_symmetric(program, free, total + curvature, right, r2, natively)
    return move + carried, change


def differentiate_stiffness(
    stiffness: Stiffness, barrier: Float[Array, ""], tangent: StorageProgram, move: Variables
) -> Stiffness:
    """How the barrier's curvature μ/slack² moves: what second derivatives need.

    Zero on an exact solve, whose plan has no second derivative to speak of.
    """

    def moved(value: Variables, opening: Variables) -> Variables:
        smooth = (barrier > 0) & (value > 0)
        slack = jnp.sqrt(jnp.where(smooth, barrier, 1.0) / jnp.where(smooth, value, 1.0))
        return jnp.where(smooth, -2 * value * opening / slack, 0.0)

    return Stiffness(
        lower=moved(stiffness.lower, move - tangent.lower),
        upper=moved(stiffness.upper, tangent.upper - move),
    )


def differentiate_value(
    program: StorageProgram,
    tangent: StorageProgram,
    variables: Variables,
    multipliers: Multipliers,
) -> Float[Array, " lane"]:
    """How optimal values move: the Lagrangian's derivative at the solution (envelope theorem)."""
    reduced = program.cost - program.transpose(multipliers)
    if program.curvature is not None:
        reduced = reduced + program.curvature * variables
    at_lower, at_upper = jnp.maximum(reduced, 0.0), jnp.minimum(reduced, 0.0)

    def lagrangian(moving: StorageProgram) -> Float[Array, " lane"]:
        residual = moving.residual(variables)
        bounds = jnp.sum(at_lower * moving.lower + at_upper * moving.upper, axis=(0, 1))
        return (
            moving.value(variables)
            + jnp.sum(residual.balance * multipliers.balance, axis=0)
            + jnp.sum(residual.storage * multipliers.storage, axis=(0, 1))
            + bounds
        )

    return eqx.filter_jvp(lagrangian, (program,), (tangent,))[1]


def _solve_symmetric(
    program: StorageProgram, free, stiffness: Variables, r1: Variables, r2: Multipliers, natively
) -> tuple[Variables, Multipliers]:
    """Solve D·Δv − Aᵀ·Δy = r₁, A·Δv = r₂ over the free variables, by one factor, refined once.

    Written for (Δv, −Δy) the matrix is symmetric, so that the transposed solve that reverse mode
    asks for is the same solve.
    """
    # Solver internals carry no derivative: only the matrix as `apply_matrix` states it does.
    frozen = jax.lax.stop_gradient(program)
    variance = jax.lax.stop_gradient(jnp.where(free, 1.0 / jnp.where(free, stiffness, 1.0), 0.0))

    def apply_matrix(stacked):
        move, opposite = _unstack(program, stacked)
        left = program.apply(jnp.where(free, move, 0.0))
        pulled = jnp.where(free, program.transpose(opposite), 0.0)
        return _stack(jnp.where(free, stiffness, 1.0) * move + pulled, left)

    def solve(_, right):
        r1, r2 = _unstack(program, right)
        # A fixed variable's row is the identity.
        move, change = newton_step(frozen, variance, r1, r2, natively)
        return _stack(jnp.where(free, move, r1), jax.tree.map(jnp.negative, change))

    # One array, not a pytree: reverse mode wants every part of the right-hand side to move.
    solved = jax.lax.custom_linear_solve(
        apply_matrix, _stack(r1, r2), solve, transpose_solve=solve, symmetric=True
    )
    move, opposite = _unstack(program, solved)
    return move, jax.tree.map(jnp.negative, opposite)


def _stack(variables: Variables, multipliers: Multipliers) -> Float[Array, "row time lane"]:
    return jnp.concatenate([variables, multipliers.balance[None], multipliers.storage])


def _unstack(
    program: StorageProgram, stacked: Float[Array, "row time lane"]
) -> tuple[Variables, Multipliers]:
    count = program.cost.shape[0]
    return stacked[:count], Multipliers(stacked[count], stacked[count + 1 :])
