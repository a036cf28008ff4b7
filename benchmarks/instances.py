"""The households' programs that every solver gets, drawn from a seed, a thousand at a time or more.

Lane k is the same household whatever the number of lanes: each quantity has a random stream of
its own, filled lane by lane. So a solver that gets 16 lanes gets the first 16 of the others'.
"""

import dataclasses
from functools import cached_property

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.standard_form import StandardForm
from mfgamm import Prices
from mfgamm.lp import StorageProgram
from mfgamm.prosumer.population import HouseholdTypes, Storage

DEVICES = ("battery", "flexible load", "vehicle", "heat pump with tank")
ONE_WAY = np.sqrt(0.9)


@dataclasses.dataclass(frozen=True)
class Recipe:
    """What to draw.

    Attributes:
        lanes: households.
        steps: T; quarter-hours from a day up, else one day cut into T steps.
        devices: m, the first m of `DEVICES` in every household.
        seed: of all streams.
        dtype: of the program's arrays.
        own_prices: a price series for each household, not one for all.
    """

    lanes: int
    steps: int = 96
    devices: int = 2
    seed: int = 0
    dtype: str = "float64"
    own_prices: bool = False

    @property
    def step_hours(self) -> float:
        return 0.25 if self.steps >= 96 else 24 / self.steps

    @property
    def clock(self) -> np.ndarray:
        """Hour of the day at each step."""
        return np.arange(self.steps) * self.step_hours % 24


class Instances:
    """A recipe, drawn: as a `StorageProgram` and as sparse standard form."""

    def __init__(self, recipe: Recipe):
        self.recipe = recipe

    @cached_property
    def prices(self) -> Prices:
        return draw_prices(self.recipe)

    @cached_property
    def types(self) -> HouseholdTypes:
        return draw_households(self.recipe)

    @cached_property
    def program(self) -> StorageProgram:
        program = self.types.program(self.prices)
        if self.recipe.own_prices:
            sell, buy = (jnp.asarray(x.T) for x in draw_own_prices(self.recipe))
            hours = self.recipe.step_hours
            cost = program.cost.at[0].set(-sell * hours).at[1].set(buy * hours)
            program = dataclasses.replace(program, cost=cost)
        return jax.tree.map(lambda x: x.astype(self.recipe.dtype), program)

    @cached_property
    def form(self) -> StandardForm:
        return StandardForm.from_program(self.program)


class _Streams:
    """One random stream per quantity, named, so that adding a quantity moves no other."""

    def __init__(self, recipe: Recipe):
        self.recipe = recipe

    def uniform(self, name: str, low: float, high: float, *shape: int) -> np.ndarray:
        key = [self.recipe.seed, *name.encode()]
        random = np.random.default_rng(np.random.SeedSequence(key))
        return low + (high - low) * random.random((self.recipe.lanes, *shape))


def draw_prices(recipe: Recipe) -> Prices:
    """€/kWh, the same for all, inside a two-rate tariff as a market maker sets them: buy ≥ sell."""
    random = np.random.default_rng([recipe.seed, recipe.steps])
    draws = [random.random(recipe.steps) for _ in range(3)]
    sell, buy = _two_rate(recipe, *draws)
    return Prices(sell=jnp.asarray(sell), buy=jnp.asarray(buy))


def draw_own_prices(recipe: Recipe) -> tuple[np.ndarray, np.ndarray]:
    """Sell and buy prices of the same kind, drawn for each household, `[lane, time]`, €/kWh."""
    streams = _Streams(recipe)
    draws = [streams.uniform(name, 0, 1, recipe.steps) for name in ("rebate", "spread", "equal")]
    return _two_rate(recipe, *draws)


def _two_rate(recipe: Recipe, rebate, spread, equal) -> tuple[np.ndarray, np.ndarray]:
    peak = (recipe.clock >= 7) & (recipe.clock < 23)
    buy = 0.17 + 0.045 * peak - 0.05 * rebate
    sell = 0.0886 + (buy - 0.0886) * spread
    # Where supply meets demand, the two prices agree.
    return np.where(equal < 0.2, buy, sell), buy


def draw_households(recipe: Recipe) -> HouseholdTypes:
    """Households of one kind of equipment and different sizes; half of them with photovoltaics."""
    if not 0 <= recipe.devices <= len(DEVICES):
        raise ValueError(f"devices must be between 0 and {len(DEVICES)}, got {recipe.devices}")
    streams, clock = _Streams(recipe), recipe.clock
    evening, morning = np.exp(-((clock - 19.5) ** 2) / 4), np.exp(-((clock - 7.5) ** 2) / 2)
    load = 0.15 + streams.uniform("load", 0, 0.35, recipe.steps)
    load += streams.uniform("evening", 0.3, 1.5)[:, None] * evening
    load += streams.uniform("morning", 0.1, 0.6)[:, None] * morning
    sun = np.maximum(0, np.sin((clock - 6) / 12 * np.pi))
    panels = np.where(streams.uniform("roof", 0, 1) < 0.5, streams.uniform("panels", 2, 6), 0)
    clouds = streams.uniform("clouds", 0.3, 1, recipe.steps)
    generation = panels[:, None] * sun * clouds
    builders = (_battery, _flexible_load, _vehicle, _heat_pump)[: recipe.devices]
    devices = [build(recipe, streams) for build in builders]
    return HouseholdTypes(
        generation=jnp.asarray(generation),
        base_load=jnp.asarray(load),
        curtailment_limit=jnp.zeros(load.shape),
        trade_limit=jnp.asarray(streams.uniform("connection", 6, 12)),
        storage=_stack(recipe, devices),
        weights=jnp.full(recipe.lanes, 1 / recipe.lanes),
        discount=jnp.ones(recipe.steps),
        step_hours=jnp.asarray(recipe.step_hours),
    )


def _stack(recipe: Recipe, devices: list[dict[str, np.ndarray]]) -> Storage:
    lanes, steps = recipe.lanes, recipe.steps
    series = {"charge_limit", "discharge_limit", "state_lower", "state_upper", "use"}
    arrays = {}
    for field in dataclasses.fields(Storage):
        shape = (lanes, steps) if field.name in series else (lanes,)
        stacked = np.zeros((lanes, len(devices), *shape[1:]))
        for index, device in enumerate(devices):
            stacked[:, index] = np.broadcast_to(device.get(field.name, 0.0), shape)
        arrays[field.name] = jnp.asarray(stacked)
    return Storage(**arrays)


def _battery(recipe: Recipe, streams: _Streams) -> dict[str, np.ndarray]:
    """3–15 kWh, emptied in about 2–4 h, that must end as full as it began."""
    capacity = streams.uniform("capacity", 3, 15)
    initial = capacity * streams.uniform("initial", 0.2, 0.8)
    power = (capacity * streams.uniform("power", 0.25, 0.6))[:, None]
    lower = np.zeros((recipe.lanes, recipe.steps))
    lower[:, -1] = initial
    return {
        "charge_limit": power,
        "discharge_limit": power,
        "state_lower": lower,
        "state_upper": capacity[:, None],
        "charge_gain": ONE_WAY * recipe.step_hours,
        "discharge_gain": recipe.step_hours / ONE_WAY,
        "retention": 1.0,
        "initial": initial,
    }


def _flexible_load(recipe: Recipe, streams: _Streams) -> dict[str, np.ndarray]:
    """1–4 kWh at up to 2.5 kW at any time within each day."""
    energy = streams.uniform("task", 1, 4)[:, None]
    per_day = min(recipe.steps, 96)
    ends = np.arange(recipe.steps) % per_day == per_day - 1
    ends[-1] = True
    hours = (recipe.steps % per_day or per_day) * recipe.step_hours
    last = np.minimum(energy, 0.8 * 2.5 * hours)
    upper = np.where(ends, 0.0, energy)
    use = np.where(ends, energy, 0.0)
    use[:, -1:] = last
    return {
        "charge_limit": 2.5,
        "state_upper": upper,
        "use": use,
        "charge_gain": recipe.step_hours,
        "discharge_gain": recipe.step_hours,
        "retention": 1.0,
    }


def _vehicle(recipe: Recipe, streams: _Streams) -> dict[str, np.ndarray]:
    """40 kWh, at home but from 8 to 18 h; 8–14 kWh needed on leaving, 2–8 kWh used on the way."""
    away = (recipe.clock >= 8) & (recipe.clock < 18)
    leaving = np.append(away[1:] & ~away[:-1], False)
    lower = np.where(leaving, streams.uniform("need", 8, 14)[:, None], 0.0)
    trip = streams.uniform("trip", 2, 8)[:, None] * recipe.step_hours / 10
    return {
        "charge_limit": np.where(away, 0.0, 7.0),
        "discharge_limit": np.where(away, 0.0, 5.0),
        "state_lower": lower,
        "state_upper": 40.0,
        "use": np.where(away, trip, 0.0),
        "charge_gain": ONE_WAY * recipe.step_hours,
        "discharge_gain": recipe.step_hours / ONE_WAY,
        "retention": 1.0,
        "initial": streams.uniform("charged", 10, 20),
        "terminal_value": 0.12,
    }


def _heat_pump(recipe: Recipe, streams: _Streams) -> dict[str, np.ndarray]:
    """A tank of 3–10 kWh of heat that loses 5 % an hour, fed by up to 2.5 kW of electricity."""
    demand = streams.uniform("heat", 0.2, 1.2, recipe.steps)
    return {
        "charge_limit": 2.5,
        "state_upper": streams.uniform("tank", 3, 10)[:, None],
        "use": demand * recipe.step_hours,
        "charge_gain": 3.0 * recipe.step_hours,
        "discharge_gain": recipe.step_hours,
        "retention": 0.95**recipe.step_hours,
        "initial": streams.uniform("warm", 1, 3),
    }
