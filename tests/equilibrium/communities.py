"""Communities small enough to solve many times."""

import numpy as np

from mfgamm import (
    Battery,
    Community,
    CommunityMarket,
    FlexibleLoad,
    Household,
    Population,
    TariffPeriod,
    time_of_use_tariff,
)
from mfgamm.amm import curve_by_name

STEPS, HOURS = 24, 1.0
CLOCK = np.arange(STEPS) * HOURS
TARIFF = time_of_use_tariff(CLOCK, [TariffPeriod(6, 23, 0.2146)], feed_in=0.0886, retail=0.1696)


def make_household(random, k):
    sun = np.maximum(0, np.sin((CLOCK - 6) / 12 * np.pi)) * 4 * (k % 3 == 0)
    load = 0.3 + 0.3 * random.random(STEPS) + 0.8 * np.exp(-((CLOCK - 19) ** 2) / 4)
    devices = [FlexibleLoad(0.2 * load.sum(), 2.0)]
    if k % 3 < 2:
        devices.append(Battery(8, 4, 2, terminal_minimum=2.0))
    return Household(
        sun * random.uniform(0.5, 1), 0.8 * load, tuple(devices), 4.0, True, f"home {k}"
    )


def make_households(count=12):
    random = np.random.default_rng(0)
    return [make_household(random, k) for k in range(count)]


def community_of(households, curve="mid-market", tariff=TARIFF, fee=0.0, **options):
    population = Population.from_households(households, step_hours=HOURS, **options)
    return Community(population, CommunityMarket(curve_by_name(curve), tariff, fee))
