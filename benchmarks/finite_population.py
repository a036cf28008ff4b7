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
from benchmarks.power_law_figure import Series, draw_power_laws, slope_of
from benchmarks.sunny_clusters import FEED_IN, RETAIL, sunny_clusters
from benchmarks.table import write_json
from mfgamm.market import NetLoadPricing, Sigmoid
from mfgamm.meanfield_game import default_method, play_finite, solve_mean_field_game

CLUSTERS, WIDTH = 5, 0.5
TEMPERATURES, DRAWS = (0.02, 0.005, 0.002), 8


def measure(numbers: tuple[int, ...], draws: int) -> dict:
    """Distances by number of households."""
    played = sunny_clusters(CLUSTERS, NetLoadPricing(Sigmoid(FEED_IN, RETAIL, WIDTH)))
    method = default_method(1e-8)
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
    sizes = np.array(numbers)
    errors = np.array([point["price_error"] for point in points])
    beyond = np.array([point["exploitability"] for point in points]) - limit
    slopes = {
        "price_error": slope_of(sizes, errors),
        "exploitability": slope_of(sizes, beyond),
    }
    print(f"mean field: exploitability {limit:.2e} €; slopes {slopes}")
    return {"draws": draws, "mean_field_exploitability": limit, "points": points, "slopes": slopes}


def draw(result: dict, path: Path) -> None:
    points, slopes = result["points"], result["slopes"]
    numbers, errors, gains = (
        np.array([point[name] for point in points])
        for name in ("households", "price_error", "exploitability")
    )
    beyond = gains - result["mean_field_exploitability"]
    series = [
        Series(errors, "prices, €/kWh", slopes["price_error"]),
        Series(beyond, "exploitability beyond the limit's, €/day", slopes["exploitability"]),
    ]
    labels = "households N", "distance from the mean field"
    draw_power_laws(path, "N", numbers, series, labels, guide=-0.5)


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
