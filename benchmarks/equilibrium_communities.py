"""Random communities of every kind: sizes, devices, horizons, tariffs, curves, fees, weights."""

import numpy as np
from oracles.random_households import random_household

from mfgamm import Community, CommunityMarket, Household, Population, Tariff
from mfgamm.amm import curve_by_name

FEWEST, MOST, MOST_QUICK = 8, 300, 30
STEPS, STEPS_QUICK = (24, 48, 72, 96), (24,)
CURVES = ("mid-market", "geometric", "hyperbolic")
TARIFFS = ("two-rate", "flat", "real-time", "spread nil at a fifth", "feed-in negative at noon")


def random_community(seed: int, quick: bool) -> tuple[str, Community, list[Household]]:
    """A community with a name that says what is special about it, and its households."""
    random = np.random.default_rng(seed)
    steps = int(random.choice(STEPS_QUICK if quick else STEPS))
    most = MOST_QUICK if quick else MOST
    size = int(np.exp(random.uniform(np.log(FEWEST), np.log(most))))
    households = [random_household(random, steps, f"household {k}") for k in range(size)]
    kind = str(random.choice(TARIFFS))
    # The other curves have no price where the feed-in's is negative.
    curve = "mid-market" if "negative" in kind else str(random.choice(CURVES))
    fee = float(random.choice([0.0, 0.0, 0.1]))
    weights = random.exponential(size=size) if random.random() < 0.5 else None
    population = Population.from_households(households, step_hours=24 / steps, weights=weights)
    market = CommunityMarket(curve_by_name(curve), _tariff(kind, steps, random), fee)
    return f"{curve}, {kind}", Community(population, market), households


def _tariff(kind: str, steps: int, random: np.random.Generator) -> Tariff:
    clock = np.arange(steps) * 24 / steps
    feed_in = np.full(steps, 0.0886)
    retail = np.where((clock >= 6) & (clock < 23), 0.2146, 0.1696)
    if kind == "flat":
        retail = np.full(steps, 0.25)
    elif kind == "real-time":
        retail = random.uniform(0.15, 0.3, steps)
        feed_in = retail * random.uniform(0, 0.9, steps)
    elif kind == "spread nil at a fifth":
        feed_in = np.where(random.random(steps) < 0.2, retail, feed_in)
    elif kind == "feed-in negative at noon":
        feed_in = np.where((clock > 11) & (clock < 15), -0.03, feed_in)
    return Tariff(feed_in, retail)
