"""Do equilibria of ever more clusters, drawn from one kernel, have a limit, and how fast?

    python -m benchmarks.graphon_sequence [--quick] [--json PATH] [--figure PATH]

Clusters along a street are richer in sun towards its end, and see of each other what the kernel
exp(−α·|x − y|) says. With M of them at regular places x, or at places drawn at random, equilibrium
prices are step functions of x; their distance from those of the longest street is what is measured.
"""

import argparse
import dataclasses
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.measurement import machine_facts
from benchmarks.table import write_json
from mfgamm import (
    Battery,
    Community,
    FlexibleLoad,
    Household,
    Population,
    TariffPeriod,
    solve_equilibrium,
    time_of_use_tariff,
)
from mfgamm.amm import Linear
from mfgamm.graphon import FunctionKernel, regular_positions, uniform_positions, weighted_network
from mfgamm.market import NestedMarket

STEPS, HOURS = 12, 2.0
CLOCK = np.arange(STEPS) * HOURS
TARIFF = time_of_use_tariff(CLOCK, [TariffPeriod(6, 22, 0.2146)], feed_in=0.0886, retail=0.1696)
DECAY, TOLERANCE = 2.5, 1e-6
KERNEL = FunctionKernel(lambda x, y: jnp.exp(-DECAY * jnp.abs(x - y)))
# Colours that stay apart for every kind of colour vision (Okabe and Ito).
REGULAR, RANDOM = "#0072B2", "#D55E00"


@dataclasses.dataclass(frozen=True)
class Street:
    """The equilibrium of clusters at places in [0, 1].

    Attributes:
        prices: €/kWh, `[side, cluster, time]`; each cluster holds for a cell of equal width.
        exploitability: relative to the gain.
    """

    prices: np.ndarray
    exploitability: float

    def at(self, x: np.ndarray) -> np.ndarray:
        clusters = self.prices.shape[1]
        return self.prices[:, np.minimum((x * clusters).astype(int), clusters - 1)]

    def distance(self, other: "Street") -> float:
        """Mean |difference| over places, steps and both prices, as a share of the spread."""
        cells = np.lcm(self.prices.shape[1], other.prices.shape[1])
        x = (np.arange(cells) + 0.5) / cells
        apart = np.abs(self.at(x) - other.at(x)).mean()
        return float(apart / np.mean(np.asarray(TARIFF.spread)))


def solve_street(places: np.ndarray) -> Street:
    names = tuple(f"cluster {k}" for k in range(places.size))
    households = [house for x in places for house in (_sunny(x), _consumer(x))]
    population = Population.from_households(
        households, step_hours=HOURS, clusters=names, homes=np.repeat(np.arange(places.size), 2)
    )
    coupling = weighted_network(KERNEL, jnp.asarray(places)).step_graphon().aggregate()
    mid = Linear.mid_market()
    community = Community(population, NestedMarket(mid, mid, TARIFF, coupling))
    found = solve_equilibrium(community, tolerance=TOLERANCE, throw=False)
    prices = np.stack([found.prices.sell, found.prices.buy])
    return Street(prices, float(found.certificate.relative))


def _sunny(x: float) -> Household:
    light = np.maximum(0.0, np.sin((CLOCK + 1 - 6) / 12 * np.pi))
    panel = 4.0 * (0.3 + 1.4 * x) * light
    battery = Battery(6.0, 3.0, 1.5, terminal_minimum=1.5)
    return Household(panel, _load(0.8), (battery,), 6.0, True, f"panel at {x:.3f}")


def _consumer(x: float) -> Household:
    flexible = FlexibleLoad(2.0 + x, 2.0)
    return Household(0.0 * CLOCK, _load(1.0), (flexible,), 6.0, True, f"consumer at {x:.3f}")


def _load(scale: float) -> np.ndarray:
    evening = np.exp(-((CLOCK + 1 - 19) ** 2) / 8)
    return scale * (0.4 + 0.9 * evening)


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
            "exploitability": max(s.exploitability for s in (regular, *random)),
        }
        points.append(point)
        print(
            f"{size:>5} clusters: {point['regular']:.2e} regular, {np.mean(point['random']):.2e} "
            f"at random, exploitability ≤ {point['exploitability']:.0e}",
            flush=True,
        )
    rates = {kind: _rate(points, kind) for kind in ("regular", "random")}
    print(f"slopes: regular {rates['regular']:.2f}, at random {rates['random']:.2f}")
    return {"longest": longest, "draws": draws, "points": points, "rates": rates}


def _rate(points: list[dict], kind: str) -> float:
    sizes = np.log([p["clusters"] for p in points])
    return float(np.polyfit(sizes, np.log([np.mean(p[kind]) for p in points]), 1)[0])


def draw(result: dict, path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    sizes = np.array([p["clusters"] for p in result["points"]])
    settings = {"svg.hashsalt": "graphon", "svg.fonttype": "none", "font.size": 9}
    with plt.rc_context(settings):
        figure, axis = plt.subplots(figsize=(5, 3.4))
        for kind, colour, label in (
            ("regular", REGULAR, "regular places"),
            ("random", RANDOM, f"random places, mean of {result['draws']}"),
        ):
            mean = np.array([np.mean(p[kind]) for p in result["points"]])
            slope = result["rates"][kind]
            axis.loglog(sizes, 100 * mean, "o-", color=colour, label=f"{label}: M^{slope:.2f}")
        axis.set_xticks(sizes, [str(size) for size in sizes])
        axis.minorticks_off()
        axis.set_xlabel("clusters M")
        axis.set_ylabel(f"distance of prices from M = {result['longest']}, % of the spread")
        axis.legend(frameon=False)
        for side in ("top", "right"):
            axis.spines[side].set_visible(False)
        figure.tight_layout()
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, metadata={"Date": None})
        plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few clusters, to see that it runs")
    parser.add_argument("--json", type=Path, help="file for the figures measured")
    parser.add_argument("--figure", type=Path, help="file for the picture (SVG)")
    arguments = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    sizes, longest, draws = ((2, 4), 8, 1) if arguments.quick else ((2, 4, 8, 16), 48, 4)
    result = measure(sizes, longest, draws) | {"machine": machine_facts()}
    if arguments.json:
        write_json(arguments.json, result)
    if arguments.figure:
        draw(result, arguments.figure)


if __name__ == "__main__":
    main()
