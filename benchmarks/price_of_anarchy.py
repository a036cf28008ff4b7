"""What is lost without a planner: equilibria of each market against the social optimum.

The AMM paper proposes that its equilibrium maximises the community's grid-trade profit. Here every
equilibrium is solved to a certified exploitability, and what its plans cost the community is held
against the planner's optimum, under a flat, a two-rate and a real-time tariff.

Run `python -m benchmarks.price_of_anarchy --help`.
"""

import argparse
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
if str(HERE.parent) not in sys.path:  # run as a file
    sys.path.insert(0, str(HERE.parent))

RESULTS = HERE / "results"
CURVES = ("mid-market", "geometric", "hyperbolic")
CURVATURES = (1e-3, 0.05)
HEADINGS = (
    "tariff",
    "market",
    "generation",
    "grid alone",
    "planner",
    "equilibrium",
    "loss",
    "lost share",
    "exploitability",
    "status",
)


def main(arguments: list[str] | None = None) -> int:
    options = _parse(arguments)

    import jax

    jax.config.update("jax_enable_x64", True)

    from benchmarks.measurement import machine_facts
    from benchmarks.table import write_json

    machine = machine_facts()
    rows = []
    for scale in options.scales:
        population = _population(options.size, options.seed, scale)
        for name, tariff in _tariffs(population).items():
            rows += _judge(name, scale, population, tariff, options)
    print(markdown(rows))
    chosen = {name: getattr(options, name) for name in ("size", "seed", "tolerance")}
    path = options.json or RESULTS / "price-of-anarchy.json"
    write_json(path, {"machine": machine, **chosen, "rows": rows})
    print(f"\nWritten to {path}.")
    return 0


def markdown(rows: list[dict]) -> str:
    """The rows as a table: money in € per household-day, shares of the planner's saving."""
    lines = [HEADINGS, ["---"] * len(HEADINGS), *map(_cells, rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.price_of_anarchy",
        description="Equilibria of each market against the planner's optimum, by tariff.",
    )
    parser.add_argument("--size", type=int, default=100, metavar="N", help="households")
    parser.add_argument("--seed", type=int, default=9, help="of the community")
    parser.add_argument(
        "--scales", type=float, nargs="+", default=[0.3, 1.0, 2.0], help="of all generation"
    )
    parser.add_argument("--tolerance", type=float, default=1e-4, help="relative exploitability")
    parser.add_argument("--quick", action="store_true", help="one small community, looser")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write the result")
    options = parser.parse_args(arguments)
    if options.quick:
        options.size, options.scales, options.tolerance = 20, [1.0], 1e-2
    return options


def _population(size: int, seed: int, scale: float):
    from mfgamm.scenario import build_population, load_scenario

    changes = {
        "population.size": size,
        "seed": seed,
        "population.generation_scale": scale,
    }
    settings = [f"{key}={value}" for key, value in changes.items()]
    return build_population(load_scenario("paris-summer", settings))


def _tariffs(population) -> dict:
    import numpy as np

    from mfgamm import TariffPeriod, flat_tariff, series_tariff, time_of_use_tariff

    steps = population.steps
    hour = np.arange(steps) * 24 / steps
    # A day-ahead price with a morning and an evening peak and a midday trough.
    wholesale = (
        0.08 + 0.04 * np.exp(-((hour - 8) ** 2) / 4) + 0.06 * np.exp(-((hour - 20) ** 2) / 6)
    )
    wholesale = wholesale - 0.04 * np.exp(-((hour - 13.5) ** 2) / 8)
    return {
        "flat": flat_tariff(steps, feed_in=0.0886, retail=0.2146),
        "two-rate": time_of_use_tariff(
            hour, [TariffPeriod(6, 23, 0.2146)], feed_in=0.0886, retail=0.1696
        ),
        "real-time": series_tariff(wholesale - 0.01, wholesale + 0.11),
    }


def _judge(name: str, scale: float, population, tariff, options) -> list[dict]:
    from mfgamm import Community, CommunityMarket, solve_equilibrium
    from mfgamm.amm import MonotonePotential, curve_by_name
    from mfgamm.market import MonotoneMarket
    from mfgamm.planner import monotone_equilibrium, price_of_anarchy, social_optimum

    types, planner = population.types, social_optimum(population, tariff)
    rows = []

    def judge(market, label, solve):
        began = time.perf_counter()
        plan, exploitability, status = solve(market)
        seconds = time.perf_counter() - began
        anarchy = price_of_anarchy(types, tariff, plan, planner)
        saving = float(anarchy.benchmark - anarchy.optimum)
        rows.append(
            {
                "tariff": name,
                "market": label,
                "generation_scale": scale,
                "benchmark_eur": float(anarchy.benchmark),
                "planner_eur": float(anarchy.optimum),
                "planner_gap_relative": float(planner.relative),
                "equilibrium_eur": float(anarchy.cost),
                "loss_eur": float(anarchy.loss),
                "lost_share": float(anarchy.lost_share),
                "exploitability_share": exploitability / population.days / saving,
                "status": status,
                "seconds": seconds,
            }
        )
        print(" · ".join(_cells(rows[-1])), file=sys.stderr, flush=True)

    def play(market):
        found = solve_equilibrium(
            Community(population, market), tolerance=options.tolerance, throw=False
        )
        exploitability = float(found.certificate.exploitability) * population.days
        return found.value, exploitability, found.outcome.label

    def minimise(market):
        found = monotone_equilibrium(population, market, throw=False)
        return found.value, float(found.gap), found.outcome.label

    for curve in CURVES:
        judge(CommunityMarket(curve=curve_by_name(curve), tariff=tariff), curve, play)
    for curvature in CURVATURES:
        market = MonotoneMarket(potential=MonotonePotential(curvature), tariff=tariff)
        judge(market, f"monotone, ν = {curvature:g}", minimise)
    return rows


def _cells(row: dict) -> list[str]:
    return [
        row["tariff"],
        row["market"],
        f"× {row['generation_scale']:g}",
        f"{row['benchmark_eur']:.4f}",
        f"{row['planner_eur']:.4f}",
        f"{row['equilibrium_eur']:.4f}",
        f"{row['loss_eur']:.4f}",
        f"{row['lost_share']:.2%}",
        f"{row['exploitability_share']:.0e}",
        row["status"],
    ]


if __name__ == "__main__":
    sys.exit(main())
