"""Random households of every device mix, feasible by construction of their connection."""

import numpy as np

from mfgamm import Battery, FlexibleLoad, Household, Prices, ThermalStorage, Vehicle


def random_household(random, steps, name="household"):
    """A household with a random subset of devices on a day of `steps` steps."""
    hours = 24 / steps
    clock = np.arange(steps) * hours
    sun = np.maximum(0, np.sin((clock - 6) / 12 * np.pi)) * random.uniform(0, 4)
    generation = sun * random.uniform(0.3, 1, steps) * (random.random() < 0.6)
    peak = np.exp(-((clock - 19) ** 2) / 4)
    load = 0.2 + 0.5 * random.random(steps) + peak * random.uniform(0, 1.5)
    devices = []
    if random.random() < 0.6:
        devices.append(_battery(random))
    if random.random() < 0.5:
        devices.append(_flexible_load(random, steps))
    if random.random() < 0.4:
        devices.append(_vehicle(random, steps))
    if random.random() < 0.4:
        devices.append(_thermal_storage(random, steps))
    return Household(
        generation,
        load,
        tuple(devices),
        trade_limit=random.choice([9.0, 20.0]),
        curtailable=bool(random.random() < 0.7),
        name=name,
        category="random",
    )


def random_households(count, steps, seed):
    random = np.random.default_rng(seed)
    return [random_household(random, steps, f"household {k}") for k in range(count)]


def random_prices(steps, seed):
    """Sell and buy prices inside a two-rate tariff, with steps where the two agree."""
    random = np.random.default_rng(seed)
    buy = 0.17 + 0.045 * (random.random(steps) < 0.6) - 0.05 * random.random(steps)
    sell = 0.0886 + (buy - 0.0886) * random.random(steps)
    sell = np.where(random.random(steps) < 0.2, buy, sell)
    return Prices(sell=sell, buy=buy)


def _battery(random):
    capacity = random.choice([0.0, random.uniform(2, 20)])
    initial = random.uniform(0, 1) * capacity
    return Battery(
        capacity,
        random.uniform(1, 8),
        initial,
        round_trip_efficiency=random.choice([0.8, 0.9, 1.0]),
        terminal_minimum=random.choice([None, initial]),
        terminal_value=random.choice([0.0, 0.1]),
    )


def _flexible_load(random, steps):
    middle = steps // 2
    windows = None if random.random() < 0.5 else [(1, middle), (middle, steps - 1)]
    energy = random.uniform(0.5, 4) if windows is None else random.uniform(0.5, 3, 2)
    return FlexibleLoad(energy, power=2.5, windows=windows)


def _vehicle(random, steps):
    leave, back = steps // 3, (2 * steps) // 3
    available = np.ones(steps, bool)
    available[leave:back] = False
    trip, need = np.zeros(steps), np.zeros(steps)
    trip[leave:back] = random.uniform(2, 8) / (back - leave)
    need[leave - 1] = random.uniform(8, 14)
    return Vehicle(
        30.0,
        7.0,
        available,
        initial=random.uniform(4, 20),
        departure_energy=need,
        trip_use=trip,
        discharge_power=random.choice([0.0, 5.0]),
        terminal_minimum=random.choice([None, 6.0]),
        terminal_value=random.choice([0.0, 0.12]),
    )


def _thermal_storage(random, steps):
    return ThermalStorage(
        random.uniform(3, 10),
        2.5,
        coefficient_of_performance=random.uniform(2, 4),
        demand=0.2 + random.random(steps),
        retention_per_hour=random.uniform(0.9, 1.0),
        initial=random.uniform(1, 3),
    )
