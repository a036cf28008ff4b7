"""A beach bar, by online mirror descent, beside MFGLib's: the same game, the same iterates.

    python -m benchmarks.beach_bar [--quick] [--json FILE]

The environment is MFGLib's `beach_bar`: places in a row that nobody leaves, a bar, one place to
either side by choice and one more by chance, cost of distance to the bar (as on a ring), of moves,
and of the logarithm of the crowd. Online mirror descent starts from the uniform policy. Both are
timed in the same run; exploitability after the same iterations is compared, so that the game is
known to be the same. Where MFGLib (`pip install mfglib`) is absent the line says so.
"""

import argparse
import functools
import importlib.util
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.measurement import machine_facts, time_warm
from benchmarks.table import write_json
from mfgamm.meanfield import (
    AbstractScheme,
    Axis,
    ControlledDiffusion,
    Grid,
    Levels,
    Motion,
    Table,
    evaluate,
    exploitability,
    forward,
    whole_density,
)

LOG_EPSILON, STILL = 1e-20, 0.5
MARKS = (1e-1, 1e-2, 1e-3)
RATES = (1.0, 0.3, 0.1, 0.03, 0.01, 0.003)


class Stopped(AbstractScheme):
    """Moves of whole places, one more either way by chance, stopped at the ends."""

    def expect(self, axis, value, drift, volatility, hours):
        own = jnp.arange(axis.count).reshape(-1, *(1,) * (value.ndim - 1))
        moved = own + jnp.round(drift * hours).astype(jnp.int32)
        chances = ((-1, (1 - STILL) / 2), (0, STILL), (1, (1 - STILL) / 2))

        def at(chance):
            place = jnp.clip(moved + chance, 0, axis.count - 1)
            return jnp.take_along_axis(value, jnp.broadcast_to(place, value.shape), axis=0)

        return sum((weight * at(chance) for chance, weight in chances), jnp.zeros(()))


def beach_bar(places: int, horizon: int, bar: int) -> ControlledDiffusion:
    """Costs at steps 0 to `horizon`, both included; environment: the crowd, `[place, time]`."""
    ring = np.abs(np.arange(places) - bar)
    distance = jnp.asarray(np.minimum(ring, places - ring), float)
    return ControlledDiffusion(
        grid=Grid((Axis.lattice(0.0, places - 1.0, places),)),
        motions=(Motion(0, lambda now, x, u: u[0], None, Stopped(), controlled=True),),
        controls=Levels(([-1.0, 0.0, 1.0],)),
        running_cost=lambda now, x, u, crowd: (
            distance + jnp.log(crowd + LOG_EPSILON) + jnp.abs(u[0]) / places
        ),
        terminal_cost=None,
        steps=horizon + 1,
        step_hours=1.0,
    )


def descend(model: ControlledDiffusion, rate: float, scores: jax.Array) -> jax.Array:
    """An iteration (Perolat et al. 2021): scores add up costs to go."""
    policies = jax.nn.softmax(-scores, axis=1)
    there = crowd(model, policies)
    values = evaluate(model, there, policies)
    levels = model.controls.options(model.grid, policies)

    def cost_to_go(step, value, now_there):
        now = model.moment(step)
        return model.cost(now, levels, now_there) + model.expect(now, levels, value)

    costs = jax.vmap(cost_to_go)(jnp.arange(model.steps), values[1:], there.T)
    return scores + rate * costs


def crowd(model: ControlledDiffusion, policies: jax.Array) -> jax.Array:
    uniform = jnp.full(model.grid.shape, 1 / model.grid.size)
    blank = jnp.ones((model.grid.size, model.steps))
    return forward(model, blank, Table(policies), uniform, whole_density).observed


def gain(model: ControlledDiffusion, scores: jax.Array) -> jax.Array:
    """Exploitability of the policy that scores make."""
    policies = jax.nn.softmax(-scores, axis=1)
    uniform = jnp.full(model.grid.shape, 1 / model.grid.size)
    return exploitability(model, crowd(model, policies), Table(policies), uniform)


def search(model: ControlledDiffusion, rate: float, most: int) -> dict:
    """Iterations at which each mark is met, and the exploitability after some."""
    iterate = jax.jit(functools.partial(descend, model, rate))
    judge = jax.jit(functools.partial(gain, model))
    scores = jnp.zeros((model.steps, 3, model.grid.size))
    met: dict[str, int] = {}
    after = {}
    for number in range(1, most + 1):
        scores = iterate(scores)
        reached = float(judge(scores))
        if number in (1, 10, 100):
            after[number] = reached
        for mark in MARKS:
            if reached <= mark:
                met.setdefault(f"{mark:g}", number)
        if len(met) == len(MARKS) or not np.isfinite(reached):
            break
    timing = time_warm(lambda: iterate(scores).block_until_ready(), 30, 10.0)
    return {"rate": rate, "met": met, "after": after, "milliseconds": 1e3 * timing.seconds}


def peer(places: int, horizon: int, bar: int, rate: float, iterations: int) -> dict | None:
    """MFGLib on the same game: its time an iteration, its exploitability after some."""
    if importlib.util.find_spec("mfglib") is None:
        return None
    import torch
    from mfglib.alg import OnlineMirrorDescent
    from mfglib.env import Environment
    from mfglib.scoring import exploitability_score

    torch.set_default_dtype(torch.float64)
    environment = Environment.beach_bar(T=horizon, n=places, bar_loc=bar)
    method = OnlineMirrorDescent(alpha=rate)
    state = method.init_state(environment, torch.full((horizon + 1, places, 3), 1 / 3))
    after, seconds = {}, []
    for number in range(1, iterations + 1):
        began = time.perf_counter()
        state = method.step_next_state(state, None, None)
        seconds.append(time.perf_counter() - began)
        if number in (1, 10, 100):
            after[number] = float(exploitability_score(environment, state.pi))
    return {"milliseconds": 1e3 * float(np.median(seconds)), "after": after}


def _slowness(found: dict) -> tuple[int, int]:
    """Marks that were not met, and iterations to the last that was."""
    return -len(found["met"]), max(found["met"].values(), default=0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few places, few iterations")
    parser.add_argument("--json", type=Path, help="file for the figures measured")
    arguments = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    places, horizon, most = (10, 10, 300) if arguments.quick else (100, 100, 3000)
    model = beach_bar(places, horizon, places // 2)
    searches = []
    for rate in RATES:
        searches.append(search(model, rate, most))
        found = searches[-1]
        print(
            f"rate {rate:g}: {found['milliseconds']:.2f} ms an iteration; iterations to "
            f"exploitability {found['met'] or 'none of the marks'}; after {found['after']}",
            flush=True,
        )
    best = min(searches, key=_slowness)
    theirs = peer(places, horizon, places // 2, best["rate"], 10)
    if theirs is None:
        print("MFGLib is not installed")
    else:
        ratio = theirs["milliseconds"] / best["milliseconds"]
        print(
            f"MFGLib, rate {best['rate']:g}: {theirs['milliseconds']:.0f} ms an iteration, "
            f"{ratio:.0f} times as long; after {theirs['after']}"
        )
    if arguments.json:
        content = {"places": places, "horizon": horizon, "searches": searches, "mfglib": theirs}
        write_json(arguments.json, {"machine": machine_facts(), **content})


if __name__ == "__main__":
    main()
