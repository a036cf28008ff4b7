"""What a round of a mean field game costs, and how it grows.

    python -m benchmarks.meanfield [--json FILE]

A round of the game of clusters, prices to prices, against states, clusters and steps.
"""

import argparse
import math
from pathlib import Path
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.measurement import machine_facts, peak_memory_mb, time_warm
from benchmarks.table import write_json
from mfgamm.core import Tariff
from mfgamm.graphon import OneMinusMax, StepGraphon
from mfgamm.market import NetLoadPricing, TwoLayerMarket
from mfgamm.meanfield import (
    Axis,
    Deviation,
    ElectricVehicle,
    EnergyStorage,
    household,
)
from mfgamm.meanfield_game import MeanFieldGame, price_map

REPEATS, LIMIT = 5, 20.0


class Size(NamedTuple):
    """Of a game: points of deviation, battery and vehicle; clusters; steps of a day."""

    points: tuple[int, int, int] = (5, 9, 7)
    clusters: int = 4
    steps: int = 24

    @property
    def states(self) -> int:
        return math.prod(self.points)


SWEEPS = {
    "states": [Size((5, 9, 7)), Size((5, 17, 14)), Size((5, 34, 28))],
    "clusters": [Size(clusters=4), Size(clusters=16), Size(clusters=64)],
    "steps": [Size(steps=24), Size(steps=96), Size(steps=384)],
}


def day(size: Size) -> MeanFieldGame:
    """Households with a battery and a vehicle, generation that differs between clusters."""
    hours = 24 / size.steps
    hour = (np.arange(size.steps) + 0.5) * hours
    home = (hour < 8) | (hour > 17)
    noise, battery, car = size.points
    generic = household(
        [
            Deviation.stationary(0.6, 2.0, noise),
            EnergyStorage(Axis.lattice(0.0, 6.0, battery), 3.0, terminal_value=0.05),
            ElectricVehicle(
                Axis.lattice(0.0, 20.0, car),
                7.0,
                home=home,
                driving=2.0 * ~home,
                target=np.zeros(size.steps),
                levels=[0.0, 0.5, 1.0],
                terminal_value=0.07,
            ),
        ],
        np.zeros(size.steps),
        hours,
    )
    sun = np.maximum(np.sin(np.pi * (hour - 6) / 12), 0)
    loads = 0.6 + 0.5 * np.exp(-((hour - 19) ** 2) / 8)
    loads = loads - np.outer(np.linspace(0, 3, size.clusters), sun)
    graphon = StepGraphon.from_kernel(OneMinusMax(), size.clusters)
    pricing = NetLoadPricing(lambda load: 0.09 + 0.05 * jnp.tanh(load))
    tariff = Tariff(jnp.full(size.steps, 0.04), jnp.full(size.steps, 0.14))
    shares = jnp.asarray([0.4, 0.4, 0.2])
    market = TwoLayerMarket(pricing, pricing, shares, tariff, graphon.aggregate(), graphon.masses)
    start = generic.grid.normal((0.0, 2.0, 12.0), (0.6, 1.0, 3.0))
    return MeanFieldGame(generic, loads, start, market, graphon.masses)


def time_round(size: Size) -> dict:
    """A round, prices to prices, warm."""
    game, play = day(size), eqx.filter_jit(price_map)
    prices, temperature = game.grid_prices, jnp.asarray(0.01)

    def call():
        jax.block_until_ready(play(prices, (game, temperature)))

    call()
    timing = time_warm(call, REPEATS, LIMIT)
    updates = size.states * size.clusters * size.steps
    return {
        "states": size.states,
        "clusters": size.clusters,
        "steps": size.steps,
        "seconds": timing.seconds,
        "nanoseconds_per_state_and_step": 1e9 * timing.seconds / updates,
    }


def growth(rows: list[dict], name: str) -> float:
    """Power of the quantity with which the time grows, from the first row to the last."""
    first, last = rows[0], rows[-1]
    return math.log(last["seconds"] / first["seconds"]) / math.log(last[name] / first[name])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, default=Path("benchmarks/results/meanfield.json"))
    arguments = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    facts = machine_facts()
    rounds = {}
    for name, sizes in SWEEPS.items():
        rounds[name] = [time_round(size) for size in sizes]
        for row in rounds[name]:
            print(
                f"{name:9} {row['states']:6} states {row['clusters']:4} clusters "
                f"{row['steps']:4} steps: {row['seconds']:.4f} s, "
                f"{row['nanoseconds_per_state_and_step']:.0f} ns a state and step"
            )
        print(f"{name:9} time grows with power {growth(rounds[name], name):.2f}")
    content = {
        "machine": facts,
        "rounds": rounds,
        "peak_mb": peak_memory_mb(),
    }
    write_json(arguments.json, content)


if __name__ == "__main__":
    main()
