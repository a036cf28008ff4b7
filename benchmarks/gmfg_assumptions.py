"""Which of our assumptions move the graphon mean field game study most.

    python -m benchmarks.gmfg_assumptions [--json FILE]

The study `gmfg-paper`, made small (eight clusters, half-hours, coarser stores), solved anew with
each assumption a quarter lower and a quarter higher. Printed: what the generic household pays by
itself and saves in its cluster and in the cluster of clusters, and what others pay for that.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import jax

from benchmarks.measurement import machine_facts
from benchmarks.table import write_json
from mfgamm.scenario import load_study
from mfgamm.study.mean_field import run_mean_field_study

SMALL = {
    "clusters.count": 8,
    "time.step_minutes": 30,
    "household.deviation.points": 5,
    "household.battery.points": 13,
    "household.vehicle.points": 15,
    "solver.temperatures": [0.02, 0.005, 0.001],
    "solver.tolerance": 1e-4,
}
CHANGE = 0.25
ASSUMPTIONS = (
    "clusters.alpha",
    "clusters.solar_spread",
    "market.low",
    "market.width_kw",
    "household.load.daily_energy_kwh",
    "household.solar.peak_kw",
    "household.deviation.standard_deviation_kw",
    "household.battery.capacity_kwh",
    "household.vehicle.driving_kwh",
    "household.vehicle.target_share",
)
HEADINGS = (
    "assumption",
    "value",
    "stand-alone, €",
    "saved in own cluster",
    "saved together",
    "others pay, €",
)


def outcome(settings: dict) -> dict:
    """What a household pays and saves, € a day, and shares of that."""
    summary = run_mean_field_study(load_study("gmfg-paper", {**SMALL, **settings})).summary
    alone, own, together = summary.ways
    return {
        "stand_alone": alone.cost,
        "saved_own": 1 - own.cost / alone.cost,
        "saved_together": 1 - together.cost / alone.cost,
        "operators_income": together.operators_income,
        "converged": summary.converged,
    }


def variants() -> Iterator[tuple[str, float | None, dict]]:
    """The study as it is, and with each assumption changed: name, value, settings."""
    yield "as it is", None, {}
    for key in ASSUMPTIONS:
        for factor in (1 - CHANGE, 1 + CHANGE):
            value = factor * _value(key)
            yield key, value, {key: value}
    own, across, grid = load_study("gmfg-paper").market.layer_shares
    for name, shares in (
        ("w₁ more by 0.1, w₂ less", [own + 0.1, across - 0.1, grid]),
        ("w₁ less by 0.1, w₂ more", [own - 0.1, across + 0.1, grid]),
        ("w₃ more by 0.1, w₂ less", [own, across - 0.1, grid + 0.1]),
    ):
        yield name, None, {"market.layer_shares": shares}
    yield "tariff.feed_in", 0.03, {"tariff.feed_in": 0.03}


def measure() -> list[dict]:
    rows = []
    for name, value, settings in variants():
        rows.append({"assumption": name, "value": value, **outcome(settings)})
        print(" · ".join(_cells(rows[-1])), flush=True)
    return rows


def _value(key: str) -> float:
    found = load_study("gmfg-paper").as_dict()
    for part in key.split("."):
        found = found[part]
    return float(found)


def _cells(row: dict) -> list[str]:
    return [
        row["assumption"],
        "–" if row["value"] is None else f"{row['value']:.3g}",
        f"{row['stand_alone']:.2f}",
        f"{100 * row['saved_own']:.1f} %",
        f"{100 * row['saved_together']:.1f} %",
        f"{-row['operators_income']:.2f}" + ("" if row["converged"] else " (not converged)"),
    ]


def markdown(rows: list[dict]) -> str:
    lines = [HEADINGS, ["---"] * len(HEADINGS), *map(_cells, rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="file for the figures measured")
    arguments = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    facts, rows = machine_facts(), measure()
    print(markdown(rows))
    if arguments.json:
        write_json(arguments.json, {"machine": facts, "rows": rows})


if __name__ == "__main__":
    main()
