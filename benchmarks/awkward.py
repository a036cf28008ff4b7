"""Kinds of instances that make solvers stumble, drawn at random."""

import dataclasses
from collections.abc import Callable

import jax.numpy as jnp
import numpy as np

from benchmarks.instances import Instances, Recipe
from mfgamm import Prices
from mfgamm.lp import InteriorPoint, StorageProgram
from mfgamm.prosumer.population import HouseholdTypes

# (T, m): every number of devices, and horizons from one step to a week of quarter-hours.
SHAPES = (
    (1, 0), (1, 2), (2, 1), (24, 0), (24, 1), (24, 2), (24, 3), (24, 4), (96, 2), (96, 4), (672, 2),
)  # fmt: skip
SELL, BUY, CURTAIL = range(3)
# Room left to nearly closed variables: a hundred times what a solver's tolerance resolves.
HAIR = 1e-6


def draw(kind: str, random, lanes: int, steps: int, devices: int) -> StorageProgram:
    """A batch of one kind; feasible by construction but for the kind named so."""
    return KINDS[kind](random, lanes, steps, devices)


def _households(random, lanes, steps, devices) -> tuple[HouseholdTypes, Prices]:
    """Everyday households with a free battery end, so that batteries can be changed at will."""
    seed = int(random.integers(2**31))
    instances = Instances(Recipe(lanes, steps, devices, seed))
    return instances.types, instances.prices


def _ordinary(random, *shape) -> StorageProgram:
    types, prices = _households(random, *shape)
    return types.program(prices)


def _priced(change: Callable) -> Callable:
    """A kind that differs in its prices: `change(random, sell, buy) -> (sell, buy)`."""

    def make(random, *shape) -> StorageProgram:
        types, prices = _households(random, *shape)
        sell, buy = change(random, np.asarray(prices.sell), np.asarray(prices.buy))
        # Being paid to consume or to throw power away: let generation be turned down.
        types = dataclasses.replace(types, curtailment_limit=types.generation)
        return types.program(Prices(sell=jnp.asarray(sell), buy=jnp.asarray(buy)))

    return make


def _hourly(random, sell, buy):
    """Prices in blocks: many optima."""
    block = np.arange(sell.size) // 4 * 4
    return sell[block], buy[block]


def _negative(random, sell, buy):
    below = random.random(sell.size) < 0.3
    shift = np.where(below, 0.3 * random.random(sell.size) + 0.2, 0.0)
    return sell - shift, buy - shift


def _some_zero(random, sell, buy):
    free = random.random(sell.size) < 0.4
    return np.where(free, 0.0, sell), np.where(free, 0.0, buy)


def _batteries(factor: Callable) -> Callable:
    """A kind whose storage is larger or smaller: `factor(random, lanes) -> per lane`."""

    def make(random, *shape) -> StorageProgram:
        types, prices = _households(random, *shape)
        if not shape[2]:
            return types.program(prices)
        storage, scale = types.storage, jnp.asarray(factor(random, shape[0]))
        battery = {}
        for name in ("charge_limit", "discharge_limit", "state_lower", "state_upper"):
            array = getattr(storage, name)
            battery[name] = array.at[:, 0].multiply(scale[:, None])
        battery["initial"] = storage.initial.at[:, 0].multiply(scale)
        return dataclasses.replace(types, storage=dataclasses.replace(storage, **battery)).program(
            prices
        )

    return make


def _mixed_sizes(random, lanes):
    return 10.0 ** random.uniform(-6, 4, lanes) * (random.random(lanes) < 0.8)


def _lossless(random, *shape) -> StorageProgram:
    """Charging and discharging at once costs nothing: a line of optima."""
    program = _ordinary(random, *shape)
    return dataclasses.replace(program, gain_out=program.gain_in)


def _degenerate(random, *shape) -> StorageProgram:
    """Random variables fixed where a feasible point has them, others left a hair of room."""
    types, prices = _households(random, *shape)
    program = types.program(prices)
    point = _feasible(program)
    fixed = random.random(point.shape) < 0.2
    hair = random.random(point.shape) < 0.1
    room = np.where(fixed, 0.0, np.where(hair, HAIR, np.inf))
    # The point is feasible to a solver's tolerance; here it must be exactly.
    left = program.apply(jnp.asarray(point))
    return dataclasses.replace(
        program,
        balance=left.balance,
        inflow=left.storage,
        lower=jnp.maximum(program.lower, point - room),
        upper=jnp.minimum(program.upper, point + room),
    )


def _tight_connection(random, *shape) -> StorageProgram:
    """The connection barely carries what a feasible plan needs."""
    program = _ordinary(random, *shape)
    point = _feasible(program)
    needed = np.max(point[[SELL, BUY]], axis=(0, 1)) * (1 + 1e-6)
    upper = program.upper.at[jnp.asarray([SELL, BUY])].set(jnp.asarray(needed))
    return dataclasses.replace(program, upper=upper)


def _infeasible_lanes(random, *shape) -> StorageProgram:
    """Every third connection is too small for the load, by a little or by a lot."""
    types, prices = _households(random, *shape)
    program = types.program(prices)
    lanes = program.lanes
    bad = np.arange(lanes) % 3 == 0
    # More load than connection and devices together could serve, at one step.
    step = int(random.integers(program.cost.shape[1]))
    reach = program.upper[BUY, step] + jnp.sum(
        program.upper[3 + shape[2] : 3 + 2 * shape[2], step], 0
    )
    excess = 10.0 ** random.uniform(-3, 3, lanes)
    changed = jnp.where(bad, -(reach + excess), program.balance[step])
    return dataclasses.replace(program, balance=program.balance.at[step].set(changed))


def _arbitrary(random, lanes, steps, devices) -> StorageProgram:
    """Bounds, costs and gains without any meaning, around a feasible point."""
    shape = (3 + 3 * devices, steps, lanes)
    lower = random.normal(size=shape).round(1)
    span = random.choice(
        [0.0, 1e-7, 0.5, 2.0, 10.0, 1e3], size=shape, p=[0.15, 0.05, 0.2, 0.3, 0.2, 0.1]
    )
    point = lower + random.random(shape) * span
    program = StorageProgram(
        cost=jnp.asarray(random.normal(size=shape).round(2)),
        curvature=jnp.zeros(shape),
        lower=jnp.asarray(lower),
        upper=jnp.asarray(lower + span),
        balance=jnp.zeros((steps, lanes)),
        inflow=jnp.zeros((devices, steps, lanes)),
        gain_in=jnp.asarray(random.uniform(0.2, 1, (devices, lanes))),
        gain_out=jnp.asarray(random.uniform(0.2, 1.2, (devices, lanes))),
        retention=jnp.asarray(random.choice([0.8, 1.0], (devices, lanes))),
        sign=HouseholdTypes.sign,
    )
    left = program.apply(jnp.asarray(point))
    return dataclasses.replace(program, balance=left.balance, inflow=left.storage)


def _feasible(program: StorageProgram) -> np.ndarray:
    """A point of the program: the optimum for other, random costs."""
    random = np.random.default_rng(7)
    cost = jnp.asarray(random.normal(size=(*program.cost.shape[:2], 1)) * np.ones(program.lanes))
    solution = InteriorPoint(tolerance=jnp.asarray(1e-8)).solve(
        dataclasses.replace(program, cost=cost)
    )
    return np.asarray(solution.value.variables)


KINDS: dict[str, Callable] = {
    "ordinary": _ordinary,
    "hourly prices": _priced(_hourly),
    "equal prices": _priced(lambda random, sell, buy: (buy, buy)),
    "zero prices": _priced(lambda random, sell, buy: (0 * sell, 0 * buy)),
    "some prices zero": _priced(_some_zero),
    "negative prices": _priced(_negative),
    "huge batteries": _batteries(lambda random, lanes: 10.0 ** random.uniform(2, 5, lanes)),
    "tiny batteries": _batteries(lambda random, lanes: 10.0 ** random.uniform(-7, -2, lanes)),
    "mixed batteries": _batteries(_mixed_sizes),
    "lossless": _lossless,
    "degenerate intervals": _degenerate,
    "tight connection": _tight_connection,
    "infeasible lanes": _infeasible_lanes,
    "arbitrary": _arbitrary,
}
