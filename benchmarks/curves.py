"""How the kernel's cost grows with steps T, devices m and households N, and a figure of it."""

import dataclasses
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.instances import Instances, Recipe
from benchmarks.measurement import time_warm
from mfgamm import Status
from mfgamm.lp import InteriorPoint

TOLERANCE = 1e-7
# Colours that stay apart for every kind of colour vision (Okabe and Ito).
SOLVE, ITERATION = "#0072B2", "#D55E00"


@dataclasses.dataclass(frozen=True)
class Curve:
    """One quantity varied, the others held.

    Attributes:
        field: of `Recipe`.
        label: for the axis.
        values: what it takes.
        base: the recipe it is varied in.
        fitted_from: the exponent is fitted to values from here on.
    """

    field: str
    label: str
    values: tuple[int, ...]
    base: Recipe
    fitted_from: int


def curves(quick: bool) -> tuple[Curve, ...]:
    base = Recipe(64 if quick else 512)
    lanes = (16, 64, 256, 1024) if quick else (16, 64, 256, 1024, 4096, 16384)
    steps = (24, 48, 96, 192) if quick else (24, 48, 96, 192, 336, 672)
    return (
        Curve("steps", "steps T", steps, base, 24),
        Curve("devices", "devices m", (0, 1, 2, 3, 4), base, 1),
        # Below a few hundred lanes the vector units are not full: that is not growth.
        Curve("lanes", "households N", lanes, base, 256),
    )


def measure_curves(quick: bool, figure: Path) -> dict:
    """Measure every curve, print it with its exponent, and draw the figure."""
    results = []
    for curve in curves(quick):
        points = [
            _measure(dataclasses.replace(curve.base, **{curve.field: value}), quick)
            for value in curve.values
        ]
        result = {"field": curve.field, "label": curve.label, "points": points}
        result |= _exponents(curve, points)
        results.append(result)
        _print(curve, result)
    draw(results, figure)
    print(f"Drawn to {figure}.")
    return {"curves": results}


def _measure(recipe: Recipe, quick: bool) -> dict:
    program = Instances(recipe).program
    settings = InteriorPoint(tolerance=jnp.asarray(TOLERANCE))
    solution = jax.block_until_ready(settings.solve(program))
    timing = time_warm(
        lambda: jax.block_until_ready(settings.solve(program)), 2 if quick else 5, 60.0
    )
    iterations = np.asarray(solution.history)
    return {
        "steps": recipe.steps,
        "devices": recipe.devices,
        "lanes": recipe.lanes,
        "seconds": timing.seconds,
        "iterations_mean": float(iterations.mean()),
        "iterations_max": int(iterations.max()),
        "unsolved": int(np.sum(np.asarray(solution.status) != Status.CONVERGED)),
    }


def _exponents(curve: Curve, points: list[dict]) -> dict:
    """Exponents of time, and of time per iteration, by least squares on logarithms."""
    used = [p for p in points if p[curve.field] >= curve.fitted_from]
    where = np.log([p[curve.field] for p in used])
    total = np.log([p["seconds"] for p in used])
    per_iteration = total - np.log([p["iterations_mean"] for p in used])
    return {
        "exponent": float(np.polyfit(where, total, 1)[0]),
        "exponent_per_iteration": float(np.polyfit(where, per_iteration, 1)[0]),
        "fitted_from": curve.fitted_from,
    }


def _print(curve: Curve, result: dict) -> None:
    print(f"{curve.label}:")
    for point in result["points"]:
        per_household = 1e3 * point["seconds"] / point["lanes"]
        print(
            f"  {point[curve.field]:>6,}: {per_household:8.3f} ms a household, "
            f"{point['iterations_mean']:.1f} iterations (max {point['iterations_max']}), "
            f"{point['unsolved']} unsolved"
        )
    print(
        f"  time grows with exponent {result['exponent']:.2f} from {result['fitted_from']}; "
        f"time per iteration with {result['exponent_per_iteration']:.2f}"
    )


def draw(results: list[dict], path: Path) -> None:
    """Time per household, solve and single iteration, against each quantity; log–log."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    # The same figures give the same file.
    settings = {"svg.hashsalt": "lp", "svg.fonttype": "none", "font.size": 9}
    with plt.rc_context(settings):
        figure, axes = plt.subplots(1, len(results), figsize=(10, 3.2), sharey=True)
        for axis, result in zip(axes, results, strict=True):
            _panel(axis, result)
        axes[0].set_ylabel("time per household, ms")
        axes[0].legend(frameon=False)
        figure.tight_layout()
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, metadata={"Date": None})
        plt.close(figure)


def _panel(axis, result: dict) -> None:
    points, field = result["points"], result["field"]
    where = np.array([p[field] for p in points])
    solve = np.array([1e3 * p["seconds"] / p["lanes"] for p in points])
    iteration = solve / np.array([p["iterations_mean"] for p in points])
    axis.plot(where, solve, "o-", color=SOLVE, label="solve")
    axis.plot(where, iteration, "s--", color=ITERATION, label="one iteration")
    axis.set_yscale("log")
    if field != "devices":
        axis.set_xscale("log")
    axis.set_xticks(where, [f"{value:,}" for value in where])
    axis.minorticks_off()
    axis.set_xlabel(result["label"])
    letter = {"steps": "T", "devices": "m", "lanes": "N"}[field]
    axis.set_title(rf"total time $\propto {letter}^{{{result['exponent']:.2f}}}$", fontsize=9)
    axis.grid(alpha=0.3, linewidth=0.5)
    axis.spines[["top", "right"]].set_visible(False)
