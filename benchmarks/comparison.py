"""The comparison: each solver in a process of its own, measured and checked in the same way."""

import dataclasses
import importlib.metadata
import multiprocessing
import time
import traceback
from multiprocessing.connection import Connection

import numpy as np

from benchmarks.checker import Verdict, check, reference_bound, worst_disagreement
from benchmarks.instances import Instances, Recipe
from benchmarks.measurement import Timing, time_warm
from benchmarks.peers import PEERS, Answer, Peer

# Lanes on which HiGHS confirms the bound that all solvers are held against.
SAMPLE = 16


@dataclasses.dataclass(frozen=True)
class Job:
    """One line of the comparison.

    Attributes:
        peer: a key of `PEERS`.
        lanes: N; the slow ones get few.
        limit: wall time for the whole line, s; a solver that needs more is stopped and said so.
    """

    peer: str
    lanes: int
    limit: float = 120.0


FULL = (
    *(Job("mfgamm", n, 180.0) for n in (64, 1024, 16384)),
    Job("mfgamm-xla", 1024),
    *(Job("piqp", n) for n in (64, 1024)),
    Job("piqp-processes", 1024),
    *(Job("highs-reused", n) for n in (64, 1024)),
    Job("highs-reused-processes", 1024),
    Job("highs-cold", 256),
    *(Job("moreau", n) for n in (64, 1024)),
    Job("moreau-processes", 1024),
    Job("clarabel", 256),
    Job("cvxpylayers", 128),
    Job("pdlp", 32),
    Job("mpax", 16),
    Job("osqp", 16, 60.0),
    Job("jaxopt", 1, 60.0),
    Job("qpax", 1, 60.0),
)
QUICK = (
    *(Job("mfgamm", n, 30.0) for n in (64, 256)),
    Job("piqp", 64, 20.0),
    Job("piqp-processes", 256, 20.0),
    Job("highs-reused", 64, 20.0),
    Job("highs-cold", 32, 20.0),
    Job("moreau", 64, 20.0),
    Job("clarabel", 32, 20.0),
    Job("cvxpylayers", 32, 20.0),
    Job("pdlp", 4, 20.0),
    Job("mpax", 4, 30.0),
    Job("osqp", 2, 20.0),
)


def compare(jobs: tuple[Job, ...], recipe: Recipe, repeats: int = 5, report=None) -> dict:
    """Run every job on the same instances; `report(row)` is called as each ends.

    Returns:
        rows, and how far the reference bound is from HiGHS on a sample.
    """
    largest = max(job.lanes for job in jobs)
    instances = Instances(dataclasses.replace(recipe, lanes=largest))
    bound = reference_bound(instances.program)
    sample = np.linspace(0, largest - 1, min(SAMPLE, largest)).astype(int)
    distance = worst_disagreement(instances.form, bound, sample)
    del instances
    rows = []
    for job in jobs:
        row = _run_apart(job, recipe, bound[: job.lanes], repeats)
        rows.append(row)
        if report is not None:
            report(row)
    facts = {"seed": recipe.seed, "own_prices": recipe.own_prices}
    return {**facts, "bound_to_highs": distance, "sample": int(sample.size), "rows": rows}


def measure(peer: Peer, instances: Instances, bound, repeats: int, limit: float) -> dict:
    """Prepare, solve, check, and time a peer at the loosest tolerance that passes the check.

    Args:
        bound: rigorous lower bounds on the optima, `[lane]`, €.
        limit: no further tolerance or repeat is begun after this many seconds.
    """
    begin, first, memory = time.perf_counter(), 0.0, None
    for tolerance in peer.tolerances:
        peer.prepare(instances, tolerance)
        start = time.perf_counter()
        peer.solve()
        last = time.perf_counter() - start
        first = max(first, last)
        # Before any check, which needs memory of its own.
        memory = peer.memory_mb() if memory is None else memory
        answer = peer.answer()
        verdict = check(instances.form, bound, answer.primal, answer.solved)
        if verdict.passed or time.perf_counter() - begin + 2 * last > limit:
            break
    left = limit - (time.perf_counter() - begin)
    timing = time_warm(peer.solve, repeats, left, peer.cpu_seconds)
    # A second answer, so that what is checked is what was timed.
    answer = peer.answer()
    verdict = check(instances.form, bound, answer.primal, answer.solved)
    row = _facts(peer, instances.recipe) | _figures(answer, verdict, timing)
    compile_s = max(0.0, first - timing.seconds) if peer.compiled else None
    return row | {"tolerance": tolerance, "compile_s": compile_s, "peak_rss_mb": memory}


def _facts(peer: Peer, recipe: Recipe) -> dict:
    return {
        "solver": peer.name,
        "version": _version(peer),
        "batching": peer.batching,
        "n": recipe.lanes,
        "steps": recipe.steps,
        "devices": recipe.devices,
        "dtype": peer.dtype,
        "processes": peer.processes,
    }


def _version(peer: Peer) -> str | None:
    try:
        return peer.version()
    except importlib.metadata.PackageNotFoundError:
        return None


def _figures(answer: Answer, verdict: Verdict, timing: Timing) -> dict:
    iterations = answer.iterations
    return {
        "seconds": timing.seconds,
        "seconds_best": timing.best,
        "seconds_worst": timing.worst,
        "repeats": timing.repeats,
        "cores_busy": timing.cores,
        "households_per_second": verdict.gap.size / timing.seconds,
        "iterations_mean": None if iterations is None else float(np.mean(iterations)),
        "iterations_max": None if iterations is None else int(np.max(iterations)),
        "relative_gap_max": float(np.max(verdict.gap)),
        "violation_max": float(np.max(verdict.violation)),
        "unsolved": int(np.sum(verdict.unsolved)),
        "status": verdict.reason,
    }


def _run_apart(job: Job, recipe: Recipe, bound: np.ndarray, repeats: int) -> dict:
    """One job in a fresh process: its memory is its own, and it can neither crash nor stall us."""
    peer = PEERS[job.peer]()
    recipe = dataclasses.replace(recipe, lanes=job.lanes)
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    worker = context.Process(target=_work, args=(theirs, job, recipe, bound, repeats))
    worker.start()
    theirs.close()
    # The limit is for measuring; starting Python, drawing and converting come on top.
    try:
        if ours.poll(1.5 * job.limit + 30):
            return ours.recv()
        reason = f"stopped after {1.5 * job.limit + 30:.0f} s"
    except EOFError:
        worker.join()
        reason = f"its process ended with code {worker.exitcode}"
    finally:
        worker.join(timeout=5)  # time to close what it started
        if worker.is_alive():
            worker.terminate()
        worker.join()
    return _nothing(peer, recipe, reason)


def _work(line: Connection, job: Job, recipe: Recipe, bound: np.ndarray, repeats: int) -> None:
    import jax

    jax.config.update("jax_enable_x64", True)
    peer = PEERS[job.peer]()
    reason = peer.available()
    if reason is not None:
        line.send(_nothing(peer, recipe, reason))
        return
    try:
        line.send(measure(peer, Instances(recipe), bound, repeats, job.limit))
    except Exception as error:  # whatever a peer raises becomes its line in the table
        traceback.print_exc()
        line.send(_nothing(peer, recipe, f"failed: {type(error).__name__}: {error}"))
    finally:
        peer.close()


def _nothing(peer: Peer, recipe: Recipe, reason: str) -> dict:
    """A row without figures."""
    figures = (
        "households_per_second",
        "compile_s",
        "iterations_mean",
        "iterations_max",
        "relative_gap_max",
        "violation_max",
        "unsolved",
        "peak_rss_mb",
    )
    status = " ".join(reason.split())[:300]
    return _facts(peer, recipe) | dict.fromkeys(figures) | {"status": status}
