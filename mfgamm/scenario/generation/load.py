"""Household consumption: a daily profile, lived earlier or later, with persistent noise."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from mfgamm.scenario.calendar import Calendar
from mfgamm.scenario.generation.weather import persistent_noise
from mfgamm.scenario.random_streams import stream
from mfgamm.scenario.schema import GeneratedLoad

# Hour of each peak, its height over the base of 1, and its width in hours.
PEAKS = ((7.75, 0.8, 1.2), (12.75, 0.5, 1.2), (19.75, 1.8, 1.8))


def load_consumption(
    source: GeneratedLoad,
    calendar: Calendar,
    names: Sequence[str],
    seed: int,
    ceiling_kw: float,
) -> Float[np.ndarray, "household time"]:
    """Consumption of each household, kW: positive, and at most `ceiling_kw`.

    Args:
        names: of the households; each owns its random streams.
        ceiling_kw: what a household can draw at once, so that its connection always suffices.
    """
    rows = [_household_load(source, calendar, stream(seed, "load", name)) for name in names]
    return np.minimum(np.reshape(rows, (len(names), calendar.steps)), ceiling_kw)


def _household_load(
    source: GeneratedLoad, calendar: Calendar, random: np.random.Generator
) -> Float[np.ndarray, " time"]:
    mean_kw = source.daily_energy_kwh / 24 * _lognormal(source.spread, random.standard_normal(1))
    profile = daily_profile(calendar.hour - source.shift_hours.draw(random))
    noise = persistent_noise(random, calendar.steps, calendar.step_hours, source.noise_hours)
    return mean_kw * profile * _lognormal(source.noise, noise)


def daily_profile(hour: Float[np.ndarray, " time"]) -> Float[np.ndarray, " time"]:
    """Load relative to its daily mean, with peaks in the morning, at noon and in the evening."""

    def shape(at: Float[np.ndarray, " time"]) -> Float[np.ndarray, " time"]:
        apart = [(at - peak + 12) % 24 - 12 for peak, _, _ in PEAKS]
        bumps = [
            height * np.exp(-0.5 * (gap / width) ** 2)
            for gap, (_, height, width) in zip(apart, PEAKS, strict=True)
        ]
        return 1 + np.sum(bumps, axis=0)

    return shape(hour) / np.mean(shape(np.arange(0, 24, 0.05)))


def _lognormal(deviation: float, noise: Float[np.ndarray, " time"]) -> Float[np.ndarray, " time"]:
    """A factor of mean one whose logarithm has the given standard deviation."""
    return np.exp(deviation * noise - deviation**2 / 2)
