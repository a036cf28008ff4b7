"""Large batches on a GPU: households a second, and the share of its bandwidth that they use."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.checker import check, reference_bound
from benchmarks.comparison import measure
from benchmarks.instances import Instances, Recipe
from benchmarks.measurement import time_warm
from benchmarks.peers.jax_batched import Mpax
from benchmarks.standard_form import StandardForm
from benchmarks.table import print_rows
from mfgamm import Status
from mfgamm.lp import InteriorPoint, ProgramSolution, StorageProgram

SIZES = (1_024, 16_384, 131_072, 1_048_576)
QUICK_SIZES = (1_024, 16_384)
# Larger batches repeat this many distinct households on the device.
DISTINCT = 16_384
# Lanes abreast to choose from, by a trial at 16,384 lanes.
CHUNKS = (1_024, 4_096, 16_384, 131_072)
# Single precision is held to less, and says so: tolerance, limit on gap and violation.
ACCURACY = {"float64": (1e-7, 1e-6), "float32": (1e-4, 1e-3)}


def measure_gpu(quick: bool, repeats: int) -> dict | None:
    """All sizes and precisions, then MPAX; None without a GPU."""
    device = find_gpu()
    if device is None:
        return None
    bandwidth = _copy_bandwidth()
    print(f"A copy reaches {bandwidth / 1e9:,.0f} GB/s on {device.device_kind}.")
    # Bounds come from the processor: small chunks would keep a GPU waiting.
    with jax.default_device(jax.local_devices(backend="cpu")[0]):
        instances = Instances(Recipe(DISTINCT))
        bound, rows = reference_bound(instances.program), []
    for dtype in ACCURACY:
        program = jax.tree.map(lambda x, kind=dtype: x.astype(kind), instances.program)
        program = jax.device_put(program, device)
        chunk = _best_chunk(program, dtype)
        for lanes in QUICK_SIZES if quick else SIZES:
            row = {"solver": "mfgamm", "n": lanes, "dtype": dtype, "batching": f"chunks {chunk:,}"}
            try:
                row |= _measure(program, instances.form, bound, lanes, dtype, chunk, repeats)
                row["bandwidth_share"] = row["bytes_per_second"] / bandwidth
                print(
                    f"  {lanes:,} {dtype}: {row['households_per_second']:,.0f} LP/s, "
                    f"{100 * row['bandwidth_share']:.0f} % of a copy's bandwidth",
                    flush=True,
                )
            except Exception as error:  # out of memory is a result
                row["status"] = f"failed: {type(error).__name__}: {str(error)[:120]}"
            rows.append(row)
    rows.append(_mpax(64 if quick else 1_024, bound, repeats))
    print_rows(rows)
    return {"copy_bytes_per_second": bandwidth, "rows": rows}


def find_gpu() -> jax.Device | None:
    """The first GPU that jax sees, if any."""
    return next((device for device in jax.devices() if device.platform == "gpu"), None)


def _settings(dtype: str, chunk: int) -> InteriorPoint:
    return InteriorPoint(tolerance=jnp.asarray(ACCURACY[dtype][0]), chunk=chunk)


def _best_chunk(program: StorageProgram, dtype: str) -> int:
    seconds = {}
    for chunk in CHUNKS:
        settings = _settings(dtype, chunk)
        try:
            jax.block_until_ready(settings.solve(program))
            call = lambda s=settings: jax.block_until_ready(s.solve(program))  # noqa: E731
            seconds[chunk] = time_warm(call, 2, 20.0).seconds
        except Exception as error:  # a chunk too large for the memory is not the best
            print(f"  chunk {chunk:,}: {type(error).__name__}")
    print(f"  {dtype}: " + ", ".join(f"chunk {c:,} {s:.3f} s" for c, s in seconds.items()))
    best = min(seconds, key=seconds.__getitem__)
    # At the trial's size the largest chunks are one and the same: then take the larger.
    return max(c for c, s in seconds.items() if s <= 1.05 * seconds[best])


def _measure(program, form, bound, lanes: int, dtype: str, chunk: int, repeats: int) -> dict:
    copies = -(-lanes // program.lanes)
    batch = jax.tree.map(lambda x: jnp.tile(x, copies)[..., :lanes], program)
    settings = _settings(dtype, chunk)
    solution = jax.block_until_ready(settings.solve(batch))
    timing = time_warm(lambda: jax.block_until_ready(settings.solve(batch)), repeats, 60.0)
    iterations = np.asarray(solution.history)
    return {
        "steps": program.cost.shape[1],
        "devices": program.stores,
        "seconds": timing.seconds,
        "households_per_second": lanes / timing.seconds,
        "bytes_per_second": float(bytes_per_iteration(program) * iterations.sum() / timing.seconds),
        "iterations_mean": float(iterations.mean()),
        "iterations_max": int(iterations.max()),
        "peak_device_mb": (jax.devices()[0].memory_stats() or {}).get("peak_bytes_in_use", 0) / 1e6,
        **_verdict(form, bound, solution, ACCURACY[dtype][1]),
    }


def _verdict(form: StandardForm, bound, solution: ProgramSolution, limit: float) -> dict:
    """The common check on the distinct lanes; the statuses of all."""
    distinct = min(form.lanes, solution.status.size)
    per_lane = ("cost", "lower", "upper", "right", "offset", "data")
    form = dataclasses.replace(form, **{k: getattr(form, k)[:distinct] for k in per_lane})
    primal = form.compress(solution.value.variables[..., :distinct])
    solved = np.asarray(solution.status) == Status.CONVERGED
    verdict = check(form, bound[:distinct], primal, solved[:distinct], limit, limit)
    return {
        "relative_gap_max": float(verdict.gap.max()),
        "violation_max": float(verdict.violation.max()),
        "unsolved": int(verdict.unsolved.sum() + np.sum(~solved[distinct:])),
        "accuracy_limit": limit,
        "status": verdict.reason,
    }


def bytes_per_iteration(program: StorageProgram) -> int:
    """Memory that one iteration of one lane must move at least, B.

    The program is read once; the iterate (a value, two slacks and two duals per variable, and
    the multipliers) read and written; the factor written once and read by two solves.
    """
    variables, steps, _ = program.cost.shape
    stores = program.stores
    equations = 1 + stores
    read = 4 * variables + equations
    iterate = 2 * (5 * variables + equations)
    factor = 3 * (variables + equations + stores + stores**2)
    return (read + iterate + factor) * steps * program.cost.dtype.itemsize


def _copy_bandwidth() -> float:
    """Bytes a second, read and written, of adding one to a gibibyte."""
    array = jnp.zeros(2**27, jnp.float64)
    add = jax.jit(lambda x: x + 1)
    jax.block_until_ready(add(array))
    timing = time_warm(lambda: jax.block_until_ready(add(array)), 20, 10.0)
    return 2 * array.nbytes / timing.best


def _mpax(lanes: int, bound, repeats: int) -> dict:
    peer = Mpax()
    reason = peer.available()
    row = {"solver": peer.name, "batching": peer.batching, "n": lanes}
    if reason is not None:
        return row | {"status": reason}
    try:
        return measure(peer, Instances(Recipe(lanes)), bound[:lanes], repeats, 120.0)
    except Exception as error:  # a peer's failure is its line in the table
        return row | {"status": f"failed: {type(error).__name__}: {str(error)[:120]}"}
