"""What a gradient costs beside the solve it belongs to."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.instances import Instances, Recipe
from benchmarks.measurement import time_warm
from mfgamm.lp import InteriorPoint, StorageProgram

BARRIERS = (1e-4, 1e-6)


def measure_gradient(quick: bool, repeats: int) -> dict:
    """Time a solve, and a solve with the gradient of a scalar of it in all costs.

    The scalars: the sum of optimal values, and a weighted sum of all variables, which stands for
    aggregate flows. The share is (time with gradient − time of solve) / time of solve.
    """
    program = Instances(Recipe(64 if quick else 1024)).program
    rows = []
    for barrier in BARRIERS:
        for quantity, weigh in (("optimal value", _value), ("aggregate flows", _flows)):
            row = {"quantity": quantity, "barrier": barrier, "n": program.lanes}
            try:
                row |= _measure(program, barrier, weigh, repeats) | {"status": "ok"}
            except Exception as error:  # whatever differentiation runs into is the result
                reason = f"{type(error).__name__}: {error}"
                row |= {"status": f"not supported: {' '.join(reason.split())[:160]}"}
            rows.append(row)
            _print(row)
    return {"rows": rows}


def _value(solution) -> jax.Array:
    return jnp.sum(solution.value.objective)


def _flows(solution) -> jax.Array:
    variables = solution.value.variables
    weights = jnp.cos(jnp.arange(variables.shape[0] * variables.shape[1], dtype=variables.dtype))
    return jnp.einsum("vt,vtl->", weights.reshape(variables.shape[:2]), variables)


def _measure(program: StorageProgram, barrier: float, weigh, repeats: int) -> dict:
    settings = InteriorPoint(barrier=jnp.asarray(barrier))

    def scalar(cost):
        return weigh(settings.solve(dataclasses.replace(program, cost=cost)))

    @jax.jit
    def with_gradient(cost):
        value, pullback = jax.vjp(scalar, cost)
        return value, pullback(jnp.ones_like(value))[0]

    solve = jax.jit(scalar)
    jax.block_until_ready(solve(program.cost))
    _, gradient = jax.block_until_ready(with_gradient(program.cost))
    plain = time_warm(lambda: jax.block_until_ready(solve(program.cost)), repeats, 60.0)
    both = time_warm(lambda: jax.block_until_ready(with_gradient(program.cost)), repeats, 60.0)
    return {
        "solve_s": plain.seconds,
        "with_gradient_s": both.seconds,
        "share": both.seconds / plain.seconds - 1,
        "finite": bool(np.all(np.isfinite(np.asarray(gradient)))),
    }


def _print(row: dict) -> None:
    what = f"{row['quantity']} at barrier {row['barrier']:.0e}, N = {row['n']:,}"
    if row["status"] == "ok":
        print(
            f"{what}: solve {row['solve_s']:.3f} s, with gradient {row['with_gradient_s']:.3f} s: "
            f"{100 * row['share']:.0f} % more" + ("" if row["finite"] else "; NOT FINITE")
        )
    else:
        print(f"{what}: {row['status']}")
