"""Calls the compiled kernel from JAX: lane by lane, on all cores that XLA may use."""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from mfgamm.lp.interior_point import Measures
from mfgamm.lp.native.build import build_library
from mfgamm.lp.storage_program import Multipliers, StorageProgram

Variables = Float[Array, "variable time lane"]


class NativeSolution(NamedTuple):
    """What the library returns, in the program's own units (measures: in the normal form's)."""

    variables: Variables
    multipliers: Multipliers
    objective: Float[Array, " lane"]
    stiffness_lower: Variables
    stiffness_upper: Variables
    status: Int[Array, " lane"]
    measures: Measures
    iterations: Int[Array, " lane"]
    bound: Float[Array, " lane"]


def solve_natively(
    program: StorageProgram,
    start: tuple[Variables, Multipliers] | None,
    tolerance: Float[Array, ""],
    barrier: Float[Array, ""],
    max_iterations: Int[Array, ""],
) -> NativeSolution:
    """Solve every lane of a double-precision program on the CPU.

    Args:
        program: the batch.
        start: variables and multipliers to start a smoothed solve from.
        tolerance, barrier, max_iterations: as in `InteriorPoint`.
    """
    curved = program.curvature is not None
    like = jax.ShapeDtypeStruct
    variables = like(program.cost.shape, jnp.float64)
    multipliers = (
        like(program.balance.shape, jnp.float64),
        like(program.inflow.shape, jnp.float64),
    )
    number, count = like((program.lanes,), jnp.float64), like((program.lanes,), jnp.int32)
    results = [variables, *multipliers, number, variables, variables, count]
    results += [number, number, number, number, count, number]
    nothing = jnp.zeros(0)
    solve = jax.ffi.ffi_call(
        _registered("SolvePrograms", program.sign, program.stores, curved),
        results,
        vmap_method="sequential",
    )
    v, balance, storage, objective, lower, upper, status, *measures, iterations, bound = solve(
        program.cost,
        program.curvature if curved else nothing,
        program.lower,
        program.upper,
        program.balance,
        program.inflow,
        program.gain_in,
        program.gain_out,
        program.retention,
        *((nothing,) * 3 if start is None else (start[0], *start[1])),
        tolerance.astype(jnp.float64),
        barrier.astype(jnp.float64),
        max_iterations.astype(jnp.int32),
    )
    return NativeSolution(
        variables=v,
        multipliers=Multipliers(balance, storage),
        objective=objective,
        stiffness_lower=lower,
        stiffness_upper=upper,
        status=status,
        measures=Measures(*measures),
        iterations=iterations,
        bound=bound,
    )


def solve_linear_natively(
    program: StorageProgram, variance: Variables, r1: Variables, r2: Multipliers
) -> tuple[Variables, Multipliers]:
    """Solve D·Δv − Aᵀ·Δy = r₁, A·Δv = r₂ for D⁻¹ = `variance`, refined once, on the CPU."""
    curved = program.curvature is not None
    solve = jax.ffi.ffi_call(
        _registered("SolveLinear", program.sign, program.stores, curved),
        [jax.ShapeDtypeStruct(x.shape, jnp.float64) for x in (r1, *r2)],
        vmap_method="sequential",
    )
    gains = program.gain_in, program.gain_out, program.retention
    move, balance, storage = solve(*gains, variance, r1, *r2)
    return move, Multipliers(balance, storage)


def respond_natively(
    program: StorageProgram,
    variance: Variables,
    weights: Float[Array, " lane"],
    starts: Int[Array, " boundary"],
) -> Float[Array, "range exchange time exchange time"]:
    """Σ weight·(−∂exchanges/∂costs) at the Newton matrix of D⁻¹ = `variance`, on the CPU.

    Sums are over ranges of lanes, from each of `starts` to before the next.
    """
    kinds, time = len(program.sign), program.balance.shape[0]
    respond = jax.ffi.ffi_call(
        _registered(
            "RespondExchanges", program.sign, program.stores, program.curvature is not None
        ),
        jax.ShapeDtypeStruct((starts.size - 1, kinds, time, kinds, time), jnp.float64),
        vmap_method="sequential",
    )
    gains = program.gain_in, program.gain_out, program.retention
    return respond(*gains, variance, weights, starts)


@functools.cache
def _registered(entry: str, signs: tuple[int, ...], stores: int, curved: bool) -> str:
    library = build_library(signs, stores, curved)
    name = f"mfgamm_{entry}_{signs}_{stores}_{curved}"
    jax.ffi.register_ffi_target(name, jax.ffi.pycapsule(getattr(library, entry)), platform="cpu")
    return name
