"""Random instances of every awkward kind: iterations, statuses, and HiGHS on the odd lanes."""

import dataclasses
from collections import Counter

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.awkward import KINDS, SHAPES, draw
from benchmarks.checker import highs_optimum
from benchmarks.standard_form import StandardForm
from mfgamm import Status
from mfgamm.lp import InteriorPoint

TOLERANCE = 1e-8
GAP_LIMIT, VIOLATION_LIMIT = 1e-6, 1e-6
MANY_ITERATIONS = 30
# Lanes compared with HiGHS besides the odd ones, per batch; and odd ones at most.
SAMPLE, MOST_ODD = 2, 20
EDGES = (0, 5, 10, 15, 20, 25, 30, 40, 60, 101)


@dataclasses.dataclass(frozen=True)
class Batch:
    """One kind and shape, solved: per-lane figures and what HiGHS contradicts."""

    kind: str
    steps: int
    devices: int
    status: np.ndarray
    iterations: np.ndarray
    gap: np.ndarray
    odd: np.ndarray
    wrong: list[str]
    asked: int


def measure_robustness(count: int, seed: int) -> dict:
    """Solve about `count` instances, print what happened, and say whether all is sound.

    Sound: no lane that HiGHS can solve is unsolved or called infeasible, none that HiGHS calls
    infeasible is called solved, and objectives agree.
    """
    lanes = max(1, -(-count // (len(KINDS) * len(SHAPES))))
    batches = []
    for steps, devices in SHAPES:
        # One compilation serves all kinds of a shape.
        for index, kind in enumerate(KINDS):
            random = np.random.default_rng([seed, index, steps, devices])
            batches.append(_examine(kind, draw(kind, random, lanes, steps, devices), random))
        done = [b for b in batches if (b.steps, b.devices) == (steps, devices)]
        print(
            f"T = {steps}, m = {devices}: {lanes * len(KINDS):,} lanes, at most "
            f"{max(b.iterations.max() for b in done)} iterations, "
            f"{sum(b.odd.sum() for b in done)} odd, {sum(len(b.wrong) for b in done)} wrong",
            flush=True,
        )
    return _summary(batches)


def _examine(kind: str, program, random) -> Batch:
    solution = jax.block_until_ready(InteriorPoint(tolerance=jnp.asarray(TOLERANCE)).solve(program))
    form, status = StandardForm.from_program(program), np.asarray(solution.status)
    primal = form.compress(solution.value.variables)
    objective = form.objective(primal)
    gap = np.abs(objective - np.asarray(solution.certificate)) / (1 + np.abs(objective))
    scale = 1 + np.max(np.abs(form.right), axis=1, initial=0.0)
    missed = ~(gap <= GAP_LIMIT) | ~(form.violation(primal) <= VIOLATION_LIMIT * scale)
    solved = status == Status.CONVERGED
    iterations = np.asarray(solution.history)
    odd = np.where(solved, missed | (iterations > MANY_ITERATIONS), True)
    # Expected infeasibility is not odd; every other end but "converged" is.
    odd &= ~((status == Status.INFEASIBLE) & (kind == "infeasible lanes"))
    chosen = set(np.flatnonzero(odd)[:MOST_ODD])
    chosen |= set(random.choice(status.size, min(SAMPLE, status.size), replace=False))
    wrong = [
        text
        for lane in sorted(chosen)
        if (text := _contradiction(form, int(lane), status, objective))
    ]
    where = f"{kind}, T = {program.cost.shape[1]}, m = {program.stores}"
    return Batch(
        kind,
        program.cost.shape[1],
        program.stores,
        status,
        iterations,
        gap,
        odd,
        [f"{where}: {text}" for text in wrong],
        len(chosen),
    )


def _contradiction(form: StandardForm, lane: int, status, objective) -> str | None:
    """What HiGHS says otherwise of a lane, or None."""
    label = Status(int(status[lane])).label
    try:
        optimum = highs_optimum(form, lane)
    except RuntimeError as error:
        return None if status[lane] == Status.CONVERGED else f"lane {lane}: {label}; {error}"
    if optimum is None:
        infeasible = status[lane] == Status.INFEASIBLE
        return None if infeasible else f"lane {lane}: {label}, but HiGHS says infeasible"
    if status[lane] != Status.CONVERGED:
        return f"lane {lane}: {label}, but HiGHS finds {optimum:.9g}"
    distance = abs(objective[lane] - optimum) / (1 + abs(optimum))
    if not distance <= GAP_LIMIT:
        return f"lane {lane}: {objective[lane]:.9g}, but HiGHS finds {optimum:.9g}"
    return None


def _summary(batches: list[Batch]) -> dict:
    iterations = np.concatenate([b.iterations for b in batches])
    statuses = Counter()
    for batch in batches:
        statuses.update(Status(int(s)).label for s in batch.status)
    histogram, _ = np.histogram(iterations, EDGES)
    worst = max(batches, key=lambda b: b.iterations.max())
    wrong = [text for b in batches for text in b.wrong]
    print(f"{iterations.size:,} lanes: {dict(statuses)}")
    print("iterations:")
    for low, high, lanes in zip(EDGES[:-1], EDGES[1:], histogram, strict=True):
        print(f"  {low:>3}–{high - 1:<3} {lanes:>9,}")
    print(
        f"worst lane: {worst.iterations.max()} iterations ({worst.kind}, T = {worst.steps}, "
        f"m = {worst.devices})"
    )
    print("by kind (most iterations, odd lanes):")
    kinds = {kind: [b for b in batches if b.kind == kind] for kind in KINDS}
    for kind, members in kinds.items():
        most = max(b.iterations.max() for b in members)
        print(f"  {kind:<22} {most:>4} {sum(b.odd.sum() for b in members):>6}")
    print(f"HiGHS was asked about {sum(b.asked for b in batches):,} lanes; contradictions:")
    print("\n".join(f"  {text}" for text in wrong) or "  none")
    return {
        "lanes": int(iterations.size),
        "statuses": dict(statuses),
        "iterations_edges": list(EDGES),
        "iterations_histogram": histogram.tolist(),
        "iterations_max": int(iterations.max()),
        "odd": int(sum(b.odd.sum() for b in batches)),
        "asked": sum(b.asked for b in batches),
        "wrong": wrong,
        "sound": not wrong,
    }
