"""Whether ever more clusters, drawn from one kernel, have a limit: prices against their number.

    python -m benchmarks.graphon_sequence [--quick] [--json FILE] [--figure FILE]

A street of clusters at places x in [0, 1], the sunnier the larger x, that see exp(−2.5|x − y|) of
each other. Places are regular, or drawn at random. Each is a mean field game under the two-layer
prices of the graphon mean field game paper: monotone, so that equilibria do not hide the limit by
being several. Prices are step functions of x; their distance from those of the longest street is
measured.
"""

import argparse
import dataclasses
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.measurement import machine_facts
from benchmarks.power_law_figure import Series, draw_power_laws, slope_of
from benchmarks.table import write_json
from mfgamm import Tariff
from mfgamm.graphon import (
    FunctionKernel,
    StepGraphon,
    regular_positions,
    uniform_positions,
    weighted_network,
)
from mfgamm.market import NetLoadPricing, Sigmoid, TwoLayerMarket
from mfgamm.meanfield import Axis, Deviation, EnergyStorage, household
from mfgamm.meanfield_game import MeanFieldGame, default_method, solve_mean_field_game

STEPS, HOURS = 24, 1.0
CLOCK = (np.arange(STEPS) + 0.5) * HOURS
FEED_IN, RETAIL, WIDTH = 0.0886, 0.2146, 0.5
SHARES, TEMPERATURE, TOLERANCE = (0.3, 0.5, 0.2), 0.01, 1e-8
DECAY = 2.5
KERNEL = FunctionKernel(lambda x, y: jnp.exp(-DECAY * jnp.abs(x - y)))


@dataclasses.dataclass(frozen=True)
class Street:
    """The equilibrium of clusters at places in [0, 1].

    Attributes:
        prices: €/kWh, `[side, cluster, time]`; each cluster holds for a cell of equal width.
        residual: of the fixed point, €/kWh.
    """

    prices: np.ndarray
    residual: float

    def at(self, x: np.ndarray) -> np.ndarray:
        clusters = self.prices.shape[1]
        return self.prices[:, np.minimum((x * clusters).astype(int), clusters - 1)]

    def distance(self, other: "Street") -> float:
        """Mean |difference| over places, steps and both prices, as a share of the spread."""
        cells = np.lcm(self.prices.shape[1], other.prices.shape[1])
        x = (np.arange(cells) + 0.5) / cells
        apart = np.abs(self.at(x) - other.at(x)).mean()
        return float(apart / (RETAIL - FEED_IN))


def solve_street(places: np.ndarray) -> Street:
    graphon = weighted_network(KERNEL, jnp.asarray(places)).step_graphon()
    game = _game(places, graphon)
    method = default_method(TOLERANCE)
    found = solve_mean_field_game(game, (TEMPERATURE,), method)
    prices = np.stack([found.prices.sell, found.prices.buy])
    return Street(prices, float(found.certificate.price_residual))


def _game(places: np.ndarray, graphon: StepGraphon) -> MeanFieldGame:
    devices = [Deviation.stationary(0.5, 2.0, 3), EnergyStorage(Axis.lattice(0.0, 6.0, 9), 2.0)]
    home = household(devices, np.zeros(STEPS), HOURS)
    pricing = NetLoadPricing(Sigmoid(FEED_IN, RETAIL, WIDTH))
    tariff = Tariff(jnp.full(STEPS, FEED_IN), jnp.full(STEPS, RETAIL))
    market = TwoLayerMarket(
        pricing, pricing, jnp.asarray(SHARES), tariff, graphon.aggregate(), graphon.masses
    )
    light = np.maximum(0.0, np.sin((CLOCK - 6) / 12 * np.pi))
    load = 0.5 + 0.8 * np.exp(-((CLOCK - 19) ** 2) / 8)
    loads = load - np.outer(4.0 * places**2, light)
    start = home.grid.normal((0.0, 2.0), (0.5, 1.0))
    return MeanFieldGame(home, loads, start, market, graphon.masses)


def measure(sizes: tuple[int, ...], longest: int, draws: int) -> dict:
    """Distances from the longest street, by number of clusters."""
    limit = solve_street(np.asarray(regular_positions(longest)))
    points = []
    for size in sizes:
        regular = solve_street(np.asarray(regular_positions(size)))
        random = [
            solve_street(np.asarray(uniform_positions(key, size)))
            for key in jax.random.split(jax.random.key(size), draws)
        ]
        point = {
            "clusters": size,
            "regular": regular.distance(limit),
            "random": [street.distance(limit) for street in random],
            "residual": max(street.residual for street in (regular, *random)),
        }
        points.append(point)
        print(
            f"{size:>5} clusters: {point['regular']:.2e} regular, {np.mean(point['random']):.2e} "
            f"at random, residual ≤ {point['residual']:.0e} €/kWh",
            flush=True,
        )
    rates = {kind: _rate(points, kind) for kind in ("regular", "random")}
    print(f"slopes: regular {rates['regular']:.2f}, at random {rates['random']:.2f}")
    return {"longest": longest, "draws": draws, "points": points, "rates": rates}


def _rate(points: list[dict], kind: str) -> float:
    sizes = np.array([point["clusters"] for point in points])
    return slope_of(sizes, np.array([np.mean(point[kind]) for point in points]))


def draw(result: dict, path: Path) -> None:
    points = result["points"]
    sizes = np.array([point["clusters"] for point in points])
    series = [
        Series(
            100 * np.array([np.mean(point[kind]) for point in points]), label, result["rates"][kind]
        )
        for kind, label in (
            ("regular", "regular places"),
            ("random", f"random places, mean of {result['draws']}"),
        )
    ]
    labels = "clusters M", "distance, % of the tariff's spread"
    title = f"prices against those of {result['longest']:,} clusters"
    draw_power_laws(path, "M", sizes, series, labels, title=title)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few clusters, to see that it runs")
    parser.add_argument("--json", type=Path, help="file for the figures measured")
    parser.add_argument("--figure", type=Path, help="file for the picture (SVG)")
    arguments = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    quick, whole = ((2, 4, 8), 64, 2), ((4, 8, 16, 32, 64, 128), 1024, 8)
    sizes, longest, draws = quick if arguments.quick else whole
    result = measure(sizes, longest, draws) | {"machine": machine_facts()}
    if arguments.json:
        write_json(arguments.json, result)
    if arguments.figure:
        draw(result, arguments.figure)


if __name__ == "__main__":
    main()
