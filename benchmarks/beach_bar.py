"""A beach bar, by online mirror descent, beside MFGLib's: the same game, the same iterates.

    python -m benchmarks.beach_bar [--quick | --to-the-mark] [--json FILE]

The environment is MFGLib's `beach_bar`: places in a row that nobody leaves, a bar, one place to
either side by choice and one more by chance, cost of distance to the bar (as on a ring), of moves,
and of the logarithm of the crowd. Online mirror descent starts from the uniform policy. Both are
timed in the same run; exploitability after the same iterations is compared, so that the game is
known to be the same. With `--to-the-mark` MFGLib goes all the way to the last mark too, at
the best rate found here: minutes. Where MFGLib (`pip install mfglib`) is absent the line says so.
"""

import argparse
import importlib.metadata
import importlib.util
import time
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.custom_derivatives import linear_call

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
    costs_to_go,
    exploitability,
    forward,
    whole_density,
)

LOG_EPSILON = 1e-20
CHANCES = ((-1, 0.25), (0, 0.5), (1, 0.25))
REACH = 2
MARKS = (1e-1, 1e-2, 1e-3)
RATES = (1.0, 0.4, 0.35, 0.3, 0.2, 0.1, 0.03)
COMPARED = (1, 10, 100)
# In one compiled loop, so that what is timed is the method and not Python.
TIMED = 100


class Stopped(AbstractScheme):
    """Moves of one whole place at most, one more either way by chance, stopped at the ends.

    The sum over places that can be reached and its transpose are both written as shifts of one
    padded array: two small kernels a step, where the transpose of a look-up would scatter.
    """

    def expect(self, axis, value, drift, volatility, hours):
        chosen = jnp.moveaxis(jnp.round(drift[:1] * hours), 0, -1)
        chances = [
            sum((odds * (chosen + more == hop) for more, odds in CHANCES), jnp.zeros(()))
            for hop in range(-REACH, REACH + 1)
        ]
        ahead = linear_call(_looked_ahead, _arrived, chances, jnp.moveaxis(value, 0, -1))
        return jnp.moveaxis(ahead, -1, 0)


def _looked_ahead(chances, value):
    count = value.shape[-1]
    first, last = value[..., :1], value[..., -1:]
    beyond = jnp.concatenate([*REACH * [first], value, *REACH * [last]], axis=-1)
    # Fused into the sum it would be computed once for each of its terms.
    beyond = jax.lax.optimization_barrier(beyond)
    return sum(chance * beyond[..., hop : count + hop] for hop, chance in enumerate(chances))


def _arrived(chances, mass):
    count, room = mass.shape[-1], 2 * REACH
    padded = jnp.pad(mass, (*((0, 0),) * (mass.ndim - 1), (room, room)))
    padded = jax.lax.optimization_barrier(padded)
    # At places -REACH to count - 1 + REACH, before those beyond the ends are stopped there.
    free = sum(
        chance * padded[..., room - hop : room - hop + count + room]
        for hop, chance in enumerate(chances)
    )
    below = jnp.sum(free[..., :REACH], axis=-1)
    above = jnp.sum(free[..., count + REACH :], axis=-1)
    inside = free[..., REACH : count + REACH]
    return inside.at[..., 0].add(below).at[..., -1].add(above)


def beach_bar(places: int, horizon: int, bar: int) -> ControlledDiffusion:
    """Costs at steps 0 to `horizon`, both included; environment: log of the crowd."""
    ring = np.abs(np.arange(places) - bar)
    distance = jnp.asarray(np.minimum(ring, places - ring), float)
    return ControlledDiffusion(
        grid=Grid((Axis.lattice(0.0, places - 1.0, places),)),
        motions=(Motion(0, lambda now, x, u: u[0], None, Stopped(), controlled=True),),
        controls=Levels(([-1.0, 0.0, 1.0],)),
        running_cost=lambda now, x, u, crowding: distance + crowding + jnp.abs(u[0]) / places,
        terminal_cost=None,
        steps=horizon + 1,
        step_hours=1.0,
    )


def played(model: ControlledDiffusion, scores: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The policies that scores make, and the log of the crowd `[place, time]` they lead to."""
    policies = jax.nn.softmax(-scores, axis=1)
    blank = jnp.ones((model.grid.size, model.steps))
    life = forward(model, blank, Table(policies), uniform(model), whole_density)
    return policies, jnp.log(life.observed + LOG_EPSILON)


def descend(model: ControlledDiffusion, rate: jax.Array, scores: jax.Array) -> jax.Array:
    """An iteration (Perolat et al. 2021): scores add up costs to go."""
    policies, crowding = played(model, scores)
    return scores + rate * costs_to_go(model, crowding, policies)


def gain(model: ControlledDiffusion, scores: jax.Array) -> jax.Array:
    """Exploitability of the policy that scores make."""
    policies, crowding = played(model, scores)
    return exploitability(model, crowding, Table(policies), uniform(model))


def uniform(model: ControlledDiffusion) -> jax.Array:
    return jnp.full(model.grid.shape, 1 / model.grid.size)


@eqx.filter_jit
def gains(model: ControlledDiffusion, rate: jax.Array, iterations: int) -> jax.Array:
    """Exploitability after every iteration."""

    def step(scores, _):
        scores = descend(model, rate, scores)
        return scores, gain(model, scores)

    return jax.lax.scan(step, unscored(model), length=iterations)[1]


@eqx.filter_jit
def descended(model: ControlledDiffusion, rate: jax.Array, iterations: jax.Array) -> jax.Array:
    """Scores after some iterations, without a look at exploitability."""

    def step(_, scores):
        return descend(model, rate, scores)

    return jax.lax.fori_loop(0, iterations, step, unscored(model))


def unscored(model: ControlledDiffusion) -> jax.Array:
    return jnp.zeros((model.steps, *model.controls.shape, model.grid.size))


def search(model: ControlledDiffusion, rate: float, most: int) -> dict:
    """Iterations at which each mark is first met, exploitability after some, time of one."""
    reached = np.asarray(gains(model, jnp.asarray(rate), most))
    met = {f"{mark:g}": _first(reached, mark) for mark in MARKS if np.any(reached <= mark)}
    after = {number: float(reached[number - 1]) for number in COMPARED if number <= most}

    seconds = time_descent(model, rate, TIMED)
    return {"rate": rate, "met": met, "after": after, "milliseconds": 1e3 * seconds / TIMED}


def time_descent(model: ControlledDiffusion, rate: float, iterations: int) -> float:
    """Seconds of so many iterations, warm; exploitability is not looked at."""

    def call():
        descended(model, jnp.asarray(rate), jnp.asarray(iterations)).block_until_ready()

    call()
    return time_warm(call, 30, 10.0).seconds


def _first(reached: np.ndarray, mark: float) -> int:
    return int(np.argmax(reached <= mark)) + 1


def peer(places: int, horizon: int, bar: int, rate: float, most: int) -> dict | None:
    """MFGLib on the same game, till the last mark: its time, its exploitability after some.

    Exploitability is looked at after the numbers compared and every 50 iterations, untimed.
    """
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
    for number in range(1, most + 1):
        began = time.perf_counter()
        state = method.step_next_state(state, None, None)
        seconds.append(time.perf_counter() - began)
        if number in COMPARED or number % 50 == 0:
            after[number] = float(exploitability_score(environment, state.pi))
            if after[number] <= MARKS[-1]:
                break
    return {
        "milliseconds": 1e3 * float(np.median(seconds)),
        "seconds": sum(seconds),
        "iterations": len(seconds),
        "exploitability": min(after.values()),
        "after": {number: after[number] for number in COMPARED if number in after},
        "version": importlib.metadata.version("mfglib"),
        "threads": torch.get_num_threads(),
    }


def _slowness(found: dict) -> tuple[int, int]:
    """Marks that were not met, and iterations to the last that was."""
    return -len(found["met"]), max(found["met"].values(), default=0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--quick", action="store_true", help="few places, few iterations")
    length.add_argument("--to-the-mark", action="store_true", help="MFGLib to the last mark too")
    parser.add_argument("--json", type=Path, help="file for the figures measured")
    arguments = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    facts = machine_facts()
    places, horizon, most = (10, 10, 300) if arguments.quick else (100, 100, 8000)
    model = beach_bar(places, horizon, places // 2)
    searches = []
    for rate in RATES:
        searches.append(search(model, rate, most))
        found = searches[-1]
        print(
            f"rate {rate:g}: {found['milliseconds']:.3f} ms an iteration; iterations to "
            f"exploitability {found['met'] or 'none of the marks'}; after {found['after']}",
            flush=True,
        )
    best = min(searches, key=_slowness)
    iterations = most if arguments.to_the_mark else COMPARED[-1]
    theirs = peer(places, horizon, places // 2, best["rate"], iterations)
    if theirs is None:
        print("MFGLib is not installed")
    else:
        _compare(model, best, theirs)
    if arguments.json:
        content = {"places": places, "horizon": horizon, "searches": searches, "mfglib": theirs}
        write_json(arguments.json, {"machine": facts, **content})


def _compare(model: ControlledDiffusion, best: dict, theirs: dict) -> None:
    mark = f"{MARKS[-1]:g}"
    ratio = theirs["milliseconds"] / best["milliseconds"]
    print(
        f"MFGLib {theirs['version']}, rate {best['rate']:g}: {theirs['milliseconds']:.1f} ms an "
        f"iteration, {ratio:.0f} times as long; after {theirs['after']}"
    )
    if theirs["exploitability"] <= MARKS[-1] and mark in best["met"]:
        best["seconds"] = time_descent(model, best["rate"], best["met"][mark])
        ratio = theirs["seconds"] / best["seconds"]
        print(
            f"to exploitability {mark}: {best['seconds']:.2f} s; MFGLib {theirs['seconds']:.1f} s, "
            f"{theirs['iterations']} iterations, {ratio:.0f} times as long"
        )


if __name__ == "__main__":
    main()
