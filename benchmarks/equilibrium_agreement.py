"""Do two solvers find the same prices? And where they do not: is it the solver, or the game?

Path following and column generation have little in common but the households' programs. Where both
are exact and their prices differ, both search on to a hundredth of the tolerance. Each certificate
proves that its profile is an approximate equilibrium at its own prices. That the prices stay apart
while the certificates shrink is evidence, if no proof, of two exact ones.
"""

import time
from collections.abc import Iterator

import numpy as np

from mfgamm import ColumnGeneration, Community, solve_equilibrium
from mfgamm.equilibrium import Equilibrium, PathFollowing
from mfgamm.scenario import build_community, load_scenario

SIZES, QUICK_SIZES = (50, 200), (20,)
CURVES, QUICK_CURVES = ("mid-market", "geometric", "hyperbolic"), ("mid-market",)
SCALES, QUICK_SCALES = (0.3, 1.0, 2.0), (1.0,)
MAX_ROUNDS = 200
# Prices that differ by more count as others, €/kWh.
APART = 1e-3
FINER = 100.0
HEADINGS = (
    "N",
    "generation",
    "curve",
    "prices apart, €/kWh",
    "steps apart",
    "relative exploitability",
    "gain, €",
    "apart when finer",
    "finer exploitability",
    "verdict",
)


def measure_agreement(options) -> Iterator[dict]:
    """Every size, generation and curve of the built-in scenario by both solvers."""
    quick = options.quick
    for size in options.sizes or (QUICK_SIZES if quick else SIZES):
        for scale in QUICK_SCALES if quick else SCALES:
            for curve in options.curves or (QUICK_CURVES if quick else CURVES):
                changes = {
                    "population.size": size,
                    "population.generation_scale": scale,
                    "market.curve": curve,
                }
                settings = [f"{key}={value}" for key, value in changes.items()]
                community = build_community(load_scenario("paris-summer", settings))
                named = {"types": size, "generation_scale": scale, "curve": curve}
                yield named | compare(community, options.tolerance)


def compare(community: Community, tolerance: float) -> dict:
    """Both solvers at a tolerance, and at a finer one where their prices differ."""
    begin = time.perf_counter()
    pair = _both(community, tolerance, None)
    row = {"tolerance": tolerance, **_pair(pair)}
    if row["converged"] and row["apart_eur_per_kwh"] > APART:
        finer = _both(community, tolerance / FINER, pair)
        row["finer"] = {"tolerance": tolerance / FINER, **_pair(finer)}
    return row | {"verdict": verdict(row), "seconds": time.perf_counter() - begin}


def verdict(row: dict) -> str:
    """What the two searches prove: nothing, or that there are several approximate equilibria."""
    if not row["converged"]:
        return "not converged"
    finer = row.get("finer")
    if finer is None:
        return f"agree to {APART:g}"
    if finer["apart_eur_per_kwh"] <= APART:
        return f"agree to {APART:g} at {finer['tolerance']:.0e}"
    exact = finer["tolerance"] if finer["converged"] else row["tolerance"]
    return f"two equilibria to {exact:.0e}"


def markdown(rows: list[dict]) -> str:
    """The rows as a table: path following before column generation."""
    lines = [HEADINGS, ["---"] * len(HEADINGS), *map(cells, rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def cells(row: dict) -> list[str]:
    """A row in words, in the order of `HEADINGS`; "–" for what there was no need to ask."""
    finer = row.get("finer")
    return [
        str(row["types"]),
        f"× {row['generation_scale']:g}",
        row["curve"],
        f"{row['apart_eur_per_kwh']:.1e}",
        str(row["steps_apart"]),
        " / ".join(f"{each:.0e}" for each in row["relative"]),
        " / ".join(f"{each:.4f}" for each in row["gain_eur_per_day"]),
        "–" if finer is None else f"{finer['apart_eur_per_kwh']:.1e}",
        "–" if finer is None else " / ".join(f"{each:.0e}" for each in finer["relative"]),
        row["verdict"],
    ]


def _both(
    community: Community, tolerance: float, before: tuple[Equilibrium, ...] | None
) -> tuple[Equilibrium, ...]:
    """Both searches; column generation goes on from its own last answer if there is one."""
    path = solve_equilibrium(
        community, PathFollowing(), tolerance=tolerance, max_rounds=MAX_ROUNDS, throw=False
    )
    columns = solve_equilibrium(
        community,
        ColumnGeneration(),
        start=None if before is None else before[1],
        tolerance=tolerance,
        max_rounds=MAX_ROUNDS,
        throw=False,
    )
    return path, columns


def _pair(pair: tuple[Equilibrium, ...]) -> dict:
    first, second = (np.array([each.prices.sell, each.prices.buy]) for each in pair)
    apart = np.abs(first - second).max(axis=0)
    certificates = [each.certificate for each in pair]
    return {
        "converged": all(each.converged for each in pair),
        "apart_eur_per_kwh": float(apart.max()),
        "steps_apart": int((apart > APART).sum()),
        "relative": [float(each.relative) for each in certificates],
        "exploitability_eur_per_day": [float(each.exploitability) for each in certificates],
        "gain_eur_per_day": [float(each.gain) for each in certificates],
        "rounds": [each.history.count for each in pair],
    }
