"""How far N households that play the mean field's policy are from its equilibrium, against N.

    python -m benchmarks.finite_population [--quick] [--json FILE] [--figure FILE]

Five clusters of households with a battery, prices a function of net load. Each N plays several
draws; household j of a cluster has the same luck whatever N is. Two distances: of the prices that
their flows lead to from the mean field's, and of what a household could save at most by foreseeing
the prices of the draw, less what it could in the mean field itself.
"""

import argparse
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.measurement import machine_facts
from benchmarks.table import write_json
from mfgamm import Tariff
from mfgamm.fixed_point import Anderson
from mfgamm.graphon import OneMinusMax, StepGraphon
from mfgamm.market import NetLoadPricing, Sigmoid, TwoLayerMarket
from mfgamm.meanfield import Axis, Deviation, EnergyStorage, household
from mfgamm.meanfield_game import MeanFieldGame, play_finite, solve_mean_field_game

CLUSTERS, STEPS, HOURS = 5, 24, 1.0
TEMPERATURES, DRAWS = (0.02, 0.005, 0.002), 8
# Colours that stay apart for every kind of colour vision (Okabe and Ito).
BLUE, VERMILION, GREY = "#0072B2", "#D55E00", "#6E6E6E"


def game() -> MeanFieldGame:
    """Sunnier from cluster to cluster."""
    clock = (np.arange(STEPS) + 0.5) * HOURS
    light = np.maximum(0.0, np.sin((clock - 6) / 12 * np.pi))
    load = 0.5 + 0.8 * np.exp(-((clock - 19) ** 2) / 8)
    devices = [Deviation.stationary(0.6, 2.0, 5), EnergyStorage(Axis.lattice(0.0, 6.0, 13), 2.0)]
    home = household(devices, np.zeros(STEPS), HOURS)
    graphon = StepGraphon.from_kernel(OneMinusMax(), CLUSTERS)
    pricing = NetLoadPricing(Sigmoid(0.08, 0.22, 0.5))
    tariff = Tariff(jnp.full(STEPS, 0.08), jnp.full(STEPS, 0.22))
    shares = jnp.asarray([0.4, 0.4, 0.2])
    market = TwoLayerMarket(pricing, pricing, shares, tariff, graphon.aggregate(), graphon.masses)
    loads = load - np.outer(np.linspace(0.5, 3.0, CLUSTERS), light)
    start = home.grid.normal((0.0, 2.0), (0.6, 1.0))
    return MeanFieldGame(home, loads, start, market, graphon.masses)


def measure(numbers: tuple[int, ...], draws: int) -> dict:
    """Distances by number of households."""
    played = game()
    method = Anderson(tolerance=1e-8, mixing=0.5, memory=20, regularisation=1e-5)
    equilibrium = solve_mean_field_game(played, TEMPERATURES, method)
    limit = float(equilibrium.certificate.exploitability)
    points = []
    for number in numbers:
        play = play_finite(played, equilibrium, number, jax.random.key(1), draws)
        point = {
            "households": number,
            "price_error": float(jnp.mean(play.price_error)),
            "exploitability": float(jnp.mean(play.exploitability)),
        }
        points.append(point)
        print(
            f"{number:>7,} households: prices {point['price_error']:.1e} €/kWh apart, "
            f"{point['exploitability']:.2e} € a household-day by foresight",
            flush=True,
        )
    sizes = np.log(numbers)
    errors = np.array([point["price_error"] for point in points])
    beyond = np.array([point["exploitability"] for point in points]) - limit
    slopes = {
        "price_error": float(np.polyfit(sizes, np.log(errors), 1)[0]),
        "exploitability": float(np.polyfit(sizes, np.log(beyond), 1)[0]),
    }
    print(f"mean field: exploitability {limit:.2e} €; slopes {slopes}")
    return {"draws": draws, "mean_field_exploitability": limit, "points": points, "slopes": slopes}


def draw(result: dict, path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    numbers = np.array([point["households"] for point in result["points"]])
    limit = result["mean_field_exploitability"]
    beyond = "exploitability beyond the limit's, €/day"
    series = (
        ("price_error", 0.0, BLUE, "o-", "prices, €/kWh"),
        ("exploitability", limit, VERMILION, "s--", beyond),
    )
    settings = {"svg.hashsalt": "finite", "svg.fonttype": "none", "font.size": 9}
    with plt.rc_context(settings):
        figure, axis = plt.subplots(figsize=(5, 3.4))
        for name, offset, colour, marks, label in series:
            values = np.array([point[name] for point in result["points"]]) - offset
            slope = result["slopes"][name]
            axis.loglog(
                numbers,
                values,
                marks,
                color=colour,
                label=f"{label}: N^{slope:.2f}".replace("-", "−"),
            )
        guide = 1.6 * result["points"][0]["price_error"] * np.sqrt(numbers[0] / numbers)
        axis.loglog(numbers, guide, ":", color=GREY, label="N^−½")
        axis.set_xlabel("households N")
        axis.set_ylabel("distance from the mean field")
        axis.legend(frameon=False)
        for side in ("top", "right"):
            axis.spines[side].set_visible(False)
        figure.tight_layout()
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, metadata={"Date": None})
        plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few households, to see that it runs")
    parser.add_argument("--json", type=Path, help="file for the figures measured")
    parser.add_argument("--figure", type=Path, help="file for the picture (SVG)")
    arguments = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    quick, whole = ((10, 100), 2), ((10, 30, 100, 300, 1000, 3000, 10_000, 30_000, 100_000), DRAWS)
    result = measure(*(quick if arguments.quick else whole)) | {"machine": machine_facts()}
    if arguments.json:
        write_json(arguments.json, result)
    if arguments.figure:
        draw(result, arguments.figure)


if __name__ == "__main__":
    main()
