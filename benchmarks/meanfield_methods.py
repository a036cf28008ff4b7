"""Which method finds the equilibrium of a mean field game: time, price residual, exploitability.

    python -m benchmarks.meanfield_methods [--quick] [--json FILE]

Four clusters of households with a battery, under prices that are a monotone function of net load,
and under bonding curves, whose books balance and whose prices are not monotone. Fixed points are
looked for at one temperature after the other; learning in rounds knows no temperature. Every answer
is judged by the same exploitability, of the game without entropy.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import jax

from benchmarks.measurement import machine_facts
from benchmarks.sunny_clusters import FEED_IN, RETAIL, sunny_clusters
from benchmarks.table import write_json
from mfgamm.amm import curve_by_name
from mfgamm.fixed_point import Anderson, NewtonKrylov, Picard
from mfgamm.market import CurvePricing, NetLoadPricing, Sigmoid
from mfgamm.meanfield_game import (
    MeanFieldGame,
    Play,
    fictitious_play,
    mirror_descent,
    solve_mean_field_game,
)

CLUSTERS, BLUR = 4, 0.05
TEMPERATURES = (0.02, 0.005, 0.00125)
TOLERANCE, MOST = 1e-6, 200
ROUNDS = 300
HEADINGS = (
    "prices",
    "method",
    "status",
    "lowest temperature met, €",
    "iterations",
    "seconds",
    "price residual, €/kWh",
    "exploitability, €/day",
)


def pricings() -> dict:
    return {
        "monotone function of net load": NetLoadPricing(Sigmoid(FEED_IN, RETAIL, 0.5)),
        "mid-market": CurvePricing(curve_by_name("mid-market")),
        "hyperbolic": CurvePricing(curve_by_name("hyperbolic")),
    }


def methods(most: int) -> dict:
    """Fixed points of the map from prices to prices."""
    limits = {"tolerance": TOLERANCE, "max_iterations": most}
    return {
        "Picard, steps of 0.1": Picard(damping=0.1, **limits),
        "Picard, steps of 0.5": Picard(damping=0.5, **limits),
        "Anderson, mixing 0.1": Anderson(mixing=0.1, memory=20, regularisation=1e-5, **limits),
        "Anderson, mixing 0.5": Anderson(mixing=0.5, memory=20, regularisation=1e-5, **limits),
        "Newton–Krylov": NewtonKrylov(tolerance=TOLERANCE, max_iterations=max(most // 5, 2)),
    }


def learners(rounds: int) -> dict[str, Callable[[MeanFieldGame], Play]]:
    return {
        "fictitious play": lambda game: fictitious_play(game, rounds),
        "mirror descent, 1/€": lambda game: mirror_descent(game, rounds, 1.0),
        "mirror descent, 10/€": lambda game: mirror_descent(game, rounds, 10.0),
    }


def measure(most: int, rounds: int) -> Iterator[dict]:
    """Each method on each kind of prices, warm."""
    for name, pricing in pricings().items():
        game = sunny_clusters(CLUSTERS, pricing, BLUR)
        for method_name, method in methods(most).items():
            yield {"prices": name, "method": method_name, **_search(game, method)}
        for learner_name, learn in learners(rounds).items():
            yield {"prices": name, "method": learner_name, **_learn(game, learn, rounds)}


def _search(game: MeanFieldGame, method) -> dict:
    def solve():
        return solve_mean_field_game(game, TEMPERATURES, method, throw=False)

    found, seconds = _timed(solve)
    met = found.history.temperature[found.history.residual <= TOLERANCE]
    return {
        "status": found.outcome.label,
        "temperature": float(met[-1]) if met.size else None,
        "iterations": int(found.history.iterations.sum()),
        "seconds": seconds,
        "price_residual": float(found.certificate.price_residual),
        "exploitability": float(found.certificate.exploitability),
    }


def _learn(game: MeanFieldGame, learn: Callable[[MeanFieldGame], Play], rounds: int) -> dict:
    play, seconds = _timed(lambda: learn(game))
    return {
        "status": "all rounds played",
        "temperature": None,
        "iterations": rounds,
        "seconds": seconds,
        "price_residual": None,
        "exploitability": float(play.exploitability[-1]),
    }


def _timed(call: Callable):
    """The result of a second call, and its seconds."""
    jax.block_until_ready(jax.tree.leaves(call()))
    began = time.perf_counter()
    found = call()
    jax.block_until_ready(jax.tree.leaves(found))
    return found, time.perf_counter() - began


def markdown(rows: list[dict]) -> str:
    lines = [HEADINGS, ["---"] * len(HEADINGS), *map(_cells, rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cells(row: dict) -> list[str]:
    temperature, residual = row["temperature"], row["price_residual"]
    return [
        row["prices"],
        row["method"],
        row["status"],
        "–" if temperature is None else f"{temperature:g}",
        str(row["iterations"]),
        f"{row['seconds']:.2f}",
        "–" if residual is None else f"{residual:.0e}",
        f"{row['exploitability']:.1e}",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few rounds, to see that it runs")
    parser.add_argument("--json", type=Path, help="file for the figures measured")
    arguments = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    facts, rows = machine_facts(), []
    for row in measure(*((5, 5) if arguments.quick else (MOST, ROUNDS))):
        rows.append(row)
        print(" · ".join(_cells(row)), flush=True)
        if arguments.json:
            write_json(arguments.json, {"machine": facts, "rows": rows})
    print(markdown(rows))


if __name__ == "__main__":
    main()
