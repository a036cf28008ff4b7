"""What a round of a mean field game costs, and how it grows.

    python -m benchmarks.meanfield [--json FILE]

A round of the game of clusters against states, clusters and steps; and a beach bar at the size at
which MFGLib's online mirror descent was timed, 100 places and 100 steps, by the same algorithm. It
is a circle where MFGLib's has ends, and MFGLib itself is not run: its time is a published one.
"""

import argparse
import math
import time
from pathlib import Path
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.measurement import machine_facts, peak_memory_mb, time_warm
from benchmarks.table import write_json
from mfgamm.core import Tariff
from mfgamm.fixed_point import Anderson, solve_fixed_point
from mfgamm.graphon import OneMinusMax, StepGraphon
from mfgamm.market import NetLoadPricing, TwoLayerMarket
from mfgamm.meanfield import (
    Axis,
    ControlledDiffusion,
    Deviation,
    ElectricVehicle,
    EnergyStorage,
    Foresight,
    Grid,
    Levels,
    Motion,
    SemiLagrangian,
    Table,
    backward,
    evaluate,
    exploitability,
    forward,
    household,
    whole_density,
)
from mfgamm.meanfield_game import MeanFieldGame, price_map

REPEATS, LIMIT = 5, 20.0
# MFGLib on another machine, milliseconds an iteration of online mirror descent at T = n = 100.
PUBLISHED_MS = 190.0
TEMPERATURES = (1.0, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001)


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


def beach_bar(places: int, steps: int) -> ControlledDiffusion:
    """The beach bar (Perrin et al. 2020) on a circle: near the bar, but not in the crowd.

    Cost at each step: distance to the bar relative to the farthest, log of the crowd, which is the
    environment `[place, time]`, and |move|/places. One place left or right, and the same by chance
    with probability ¼ each.
    """
    chance = SemiLagrangian(nodes=[-math.sqrt(2), 0.0, math.sqrt(2)], weights=[0.25, 0.5, 0.25])
    volatility = math.sqrt(0.5)
    return ControlledDiffusion(
        grid=Grid((Axis.circle(0.0, places, places),)),
        motions=(
            Motion(0, lambda now, x, u: u[0], lambda now, x: volatility, chance, controlled=True),
        ),
        controls=Levels(([-1.0, 0.0, 1.0],)),
        running_cost=lambda now, x, u, crowd: (
            jnp.abs(x[0] - places // 2) / (places // 2) + jnp.log(crowd) + jnp.abs(u[0]) / places
        ),
        terminal_cost=None,
        steps=steps,
        step_hours=1.0,
    )


def descend(model: ControlledDiffusion, rate: float, scores: jax.Array) -> jax.Array:
    """An iteration of online mirror descent (Perolat et al. 2021): scores add up costs to go."""
    policies = jax.nn.softmax(-scores, axis=1)
    crowd = _crowd(model, policies)
    values = evaluate(model, crowd, policies)
    levels = model.controls.options(model.grid, policies)

    def cost_to_go(step, value, there):
        now = model.moment(step)
        return model.cost(now, levels, there) + model.expect(now, levels, value)

    costs = jax.vmap(cost_to_go)(jnp.arange(model.steps), values[1:], crowd.T)
    return scores + rate * costs


def _crowd(model: ControlledDiffusion, policies: jax.Array) -> jax.Array:
    uniform = jnp.full(model.grid.shape, 1 / model.grid.size)
    blank = jnp.ones((model.grid.size, model.steps))
    return forward(model, blank, Table(policies), uniform, whole_density).observed


def time_beach_bar(places: int = 100, steps: int = 100) -> dict:
    """Milliseconds an iteration of online mirror descent."""
    model = beach_bar(places, steps)
    iterate = jax.jit(lambda scores: descend(model, 0.03, scores))
    scores = iterate(jnp.zeros((steps, 3, places))).block_until_ready()
    timing = time_warm(lambda: iterate(scores).block_until_ready(), 50, LIMIT)
    return {
        "places": places,
        "steps": steps,
        "milliseconds": 1e3 * timing.seconds,
        "mfglib_published_ms": PUBLISHED_MS,
    }


def solve_beach_bar(places: int = 100, steps: int = 100) -> list[dict]:
    """Exploitability, and seconds since the start, at lower and lower temperatures.

    Compilation included. The unknown is the log of the crowd; where a temperature's fixed point is
    not met in 300 iterations the best crowd found goes on to the next.
    """
    model, uniform = beach_bar(places, steps), jnp.full(places, 1 / places)
    method = Anderson(
        tolerance=1e-6, mixing=0.05, memory=20, regularisation=1e-6, max_iterations=300
    )

    def answer(crowd, temperature):
        foresight = Foresight(backward(model, crowd, temperature), temperature)
        return foresight, forward(model, crowd, foresight, uniform, whole_density).observed

    @jax.jit
    def gain(logs, temperature):
        foresight, crowd = answer(jnp.exp(logs), temperature)
        foreseen = jax.vmap(
            lambda step, there, value: foresight.policy(model, model.moment(step), there, value)
        )(jnp.arange(steps), jnp.exp(logs).T, foresight.series())
        return exploitability(model, crowd, Table(foreseen), uniform)

    def logs_of_crowd(logs, temperature):
        return jnp.log(answer(jnp.exp(logs), temperature)[1])

    rows, began = [], time.perf_counter()
    logs = jnp.full((places, steps), -math.log(places))
    for temperature in TEMPERATURES:
        found = solve_fixed_point(
            logs_of_crowd, logs, jnp.asarray(temperature), method, throw=False
        )
        logs = found.value
        rows.append(
            {
                "temperature": temperature,
                "iterations": int(found.iterations),
                "residual": float(found.certificate),
                "exploitability": float(gain(logs, jnp.asarray(temperature))),
                "seconds": time.perf_counter() - began,
            }
        )
    return rows


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
    bar = time_beach_bar()
    print(
        f"beach bar, {bar['places']} places, {bar['steps']} steps: {bar['milliseconds']:.2f} ms an "
        f"iteration (MFGLib, published: {PUBLISHED_MS:.0f} ms)"
    )
    path = solve_beach_bar()
    for row in path:
        print(
            f"beach bar at temperature {row['temperature']:.0e}: exploitability "
            f"{row['exploitability']:.1e} after {row['iterations']} more iterations, "
            f"{row['seconds']:.1f} s"
        )
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
        "beach_bar": bar,
        "beach_bar_path": path,
        "rounds": rounds,
        "peak_mb": peak_memory_mb(),
    }
    write_json(arguments.json, content)


if __name__ == "__main__":
    main()
