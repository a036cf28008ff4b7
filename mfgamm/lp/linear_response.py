"""First-order answers of a batch at a given barrier curvature: the Newton system without its loop.

With D⁻¹ = `variance` (zero for what is fixed), the step (Δv, Δy) solves

    D·Δv − Aᵀ·Δy = r₁,      A·Δv = r₂.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from mfgamm.core import Membership
from mfgamm.lp.native import is_available, respond_natively, solve_linear_natively
from mfgamm.lp.newton import factorise_newton, solve_newton
from mfgamm.lp.storage_program import Multipliers, StorageProgram

Variables = Float[Array, "variable time lane"]


def runs_natively(program: StorageProgram, platform: str | None = None) -> bool:
    """Whether the compiled kernel serves a program: double precision, on a CPU, with a compiler.

    Args:
        program: the batch.
        platform: where it is solved, as JAX names it; where JAX puts things by default if None.
    """
    on_cpu = (platform or jax.default_backend()) == "cpu"
    return on_cpu and program.cost.dtype == jnp.float64 and is_available()


def newton_step(
    program: StorageProgram,
    variance: Variables,
    r1: Variables,
    r2: Multipliers,
    natively: bool | None = None,
) -> tuple[Variables, Multipliers]:
    """The step (Δv, Δy), refined once: what the first answer leaves of A·Δv = r₂.

    Args:
        program: the batch; its costs do not matter.
        variance: D⁻¹, 0 for fixed variables.
        r1, r2: right-hand sides.
        natively: by the compiled kernel; where that can run, if None.
    """
    if runs_natively(program) if natively is None else natively:
        return solve_linear_natively(program, variance, r1, r2)
    factor = factorise_newton(program, variance)
    move, change = solve_newton(program, factor, r1, r2)
    left = program.apply(move)
    rest = Multipliers(r2.balance - left.balance, r2.storage - left.storage)
    again, more = solve_newton(program, factor, jnp.zeros_like(r1), rest)
    return move + again, jax.tree.map(jnp.add, change, more)


def exchange_response(
    program: StorageProgram, variance: Variables, members: Membership
) -> Float[Array, "cluster exchange time exchange time"]:
    """How the exchanges, summed over a cluster's lanes, answer to costs common to all of them.

    Args:
        program: the batch; its costs do not matter.
        variance: D⁻¹, 0 for fixed variables.
        members: weight and cluster of each lane.

    Returns:
        −∂(Σ weight·exchange)/∂cost of each cluster, one if there are none: symmetric positive
        semidefinite as a matrix.
    """
    if runs_natively(program):
        return respond_natively(program, variance, members.weights, members.starts)
    factor = factorise_newton(program, variance)
    kinds, time = len(program.sign), program.balance.shape[0]
    nothing = jax.tree.map(jnp.zeros_like, Multipliers(program.balance, program.inflow))

    def answer(index):
        kind, step = index // time, index % time
        unit = jnp.zeros_like(variance).at[kind, step].set(1.0)
        move, _ = solve_newton(program, factor, unit, nothing)
        summed = members.total(jnp.moveaxis(move[:kinds], -1, 0))
        return summed.reshape(-1, kinds, time)

    columns = jax.lax.map(answer, jnp.arange(kinds * time))
    columns = columns.reshape(kinds, time, -1, kinds, time)
    return jnp.moveaxis(columns, (0, 1), (3, 4))
