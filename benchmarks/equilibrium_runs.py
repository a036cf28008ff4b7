"""One row per search: how long, how exact, and whether HiGHS agrees."""

import dataclasses
import time
from collections.abc import Iterator

import numpy as np
from oracles.household_program import solve_with_highs
from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.equilibrium_communities import random_community
from mfgamm import ColumnGeneration, Community, FictitiousPlay, solve_equilibrium
from mfgamm.amm import curve_by_name
from mfgamm.equilibrium import Extragradient, PathFollowing
from mfgamm.scenario import build_community, build_households, load_scenario, make_calendar

SIZES, QUICK_SIZES = (128, 1024, 8192), (64,)
CURVES = ("mid-market", "hyperbolic")
# Factors on all generation of the recorded curves.
PARIS_SCALES = (1.0, 3.3)
SOLVERS = {
    "column-generation": ColumnGeneration,
    "path-following": PathFollowing,
    "fictitious-play": FictitiousPlay,
    "extragradient": Extragradient,
}
# The exactness that each search is asked to report the time of.
MARKS = (1e-2, 1e-4, 1e-6)
SAMPLE = 50
# What a claim may differ by from HiGHS's, € over the horizon: both solvers stop at 1e-9 of a bill.
AGREEMENT = 1e-6
HEADINGS = (
    "community",
    "N × T",
    "solver",
    "status",
    "relative",
    "rounds",
    *(f"s to {mark:.0e}" for mark in MARKS),
    "s in all",
    "HiGHS",
)


def measure_scenario(options) -> Iterator[dict]:
    """Every solver on every curve and size of the built-in scenario."""
    for size in options.sizes or (QUICK_SIZES if options.quick else SIZES):
        yield from _every_curve("paris-summer", [f"population.size={size}"], "", options)


def measure_paris(options) -> Iterator[dict]:
    """Every solver and curve on recorded curves, which `$MFGAMM_PARIS_DATA` is the folder of."""
    for scale in PARIS_SCALES:
        settings = [f"population.generation_scale={scale}"]
        yield from _every_curve("paris-data", settings, f", recorded, × {scale:g}", options)


def measure_random(options) -> Iterator[dict]:
    """Random communities by every solver, without any tuning."""
    for index in range(options.random):
        name, community, households = random_community(options.seed + index, options.quick)
        for solver in options.solvers:
            row = measure(name, community, households, SOLVERS[solver](), options)
            yield {"solver": solver, **row}


def _every_curve(name: str, settings: list[str], words: str, options) -> Iterator[dict]:
    scenario = load_scenario(name, settings)
    built = build_community(scenario)
    households = build_households(scenario, make_calendar(scenario.time))
    for curve in options.curves or CURVES:
        market = dataclasses.replace(built.market, curve=curve_by_name(curve))
        community = Community(built.population, market)
        for solver in options.solvers:
            row = measure(f"{curve}{words}", community, households, SOLVERS[solver](), options)
            yield {"solver": solver, **row}


def measure(name: str, community: Community, households, solver, options) -> dict:
    """A warm search, and HiGHS's word on what households could still save at its prices."""
    solve_equilibrium(community, solver, tolerance=options.tolerance, max_rounds=2, throw=False)
    begin = time.perf_counter()

    def watch(progress) -> None:
        if time.perf_counter() - begin > options.limit:
            raise KeyboardInterrupt

    found = solve_equilibrium(
        community, solver, tolerance=options.tolerance, throw=False, on_round=watch
    )
    seconds = time.perf_counter() - begin
    history, types = found.history, community.population.types
    disagreement = _disagreement(found, households)
    return {
        "community": name,
        "types": community.population.size,
        "steps": community.population.steps,
        "status": found.outcome.label,
        "relative": float(found.certificate.relative),
        "exploitability_eur_per_day": float(found.certificate.exploitability),
        "gain_eur_per_day": float(found.certificate.gain),
        "violation": float(types.worst_violation(found.value)),
        "rounds": history.count,
        "seconds": seconds,
        "seconds_to": {f"{mark:.0e}": _reached(history, mark) for mark in MARKS},
        "disagreement_eur": disagreement,
        "confirmed": disagreement <= AGREEMENT,
    }


def _reached(history, mark: float) -> float | None:
    """Seconds of the rounds until the first that met the mark."""
    met = np.flatnonzero(history.relative <= mark)
    return float(history.seconds[met[0]]) if met.size else None


def _disagreement(equilibrium, households) -> float:
    """Largest difference, €, between claimed and HiGHS's savings by deviating, on a sample."""
    community, prices = equilibrium.community, equilibrium.prices
    types = community.population.types
    chosen = np.linspace(0, len(households) - 1, min(SAMPLE, len(households))).astype(int)
    cost = np.asarray(types.cost(equilibrium.value, prices))
    claimed = np.asarray(equilibrium.certificate.exploitability_by_type) * community.population.days
    hours, discount = float(types.step_hours), np.asarray(types.discount)
    sell, buy = np.asarray(prices.sell), np.asarray(prices.buy)
    best = [solve_with_highs(households[k], sell, buy, hours, discount) for k in chosen]
    return float(np.max(np.abs(cost[chosen] - best - claimed[chosen])))


def print_runs(rows: list[dict], console: Console | None = None) -> None:
    """Print the rows as a table."""
    table = Table(box=box.SIMPLE, pad_edge=False)
    for index, heading in enumerate(HEADINGS):
        table.add_column(heading, justify="left" if index in (0, 2, 3) else "right")
    for row in rows:
        table.add_row(*cells(row))
    (console or Console(width=160)).print(table)


def markdown(rows: list[dict]) -> str:
    """The rows as a Markdown table."""
    lines = [HEADINGS, ["---"] * len(HEADINGS), *map(cells, rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def cells(row: dict) -> list[str]:
    """A row in words, in the order of `HEADINGS`; "–" for a mark that was not met."""
    times = (row["seconds_to"][f"{mark:.0e}"] for mark in MARKS)
    return [
        row["community"],
        f"{row['types']:,} × {row['steps']}",
        row["solver"],
        row["status"],
        f"{row['relative']:.0e}",
        str(row["rounds"]),
        *("–" if each is None else f"{each:.2f}" for each in times),
        f"{row['seconds']:.2f}",
        f"±{row['disagreement_eur']:.0e} €" if row["confirmed"] else "DISAGREES",
    ]
