"""Small wind turbines in a Weibull wind that neighbours share in part."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from scipy.special import log_ndtr

from mfgamm.scenario.calendar import Calendar
from mfgamm.scenario.generation.weather import shared_noise
from mfgamm.scenario.random_streams import stream
from mfgamm.scenario.schema import GeneratedWind

REFERENCE_HEIGHT = 10.0  # m, at which winds are reported


def wind_generation(
    source: GeneratedWind,
    calendar: Calendar,
    names: Sequence[str],
    seed: int,
    places: Float[np.ndarray, "household 2"] | None = None,
) -> Float[np.ndarray, "household time"]:
    """Output of each household's turbine, kW.

    The wind at 10 m is Weibull at every step, with the scale of the week of the year; it persists
    as an Ornstein–Uhlenbeck path does in the space of a Gaussian copula. A logarithmic profile
    carries it to the hub.

    Args:
        names: of the households; each owns its random streams.
        places: of the households, see `weather_field`; all at one place if None.
    """
    turbines = [_turbine(source, stream(seed, "wind", name, "turbine")) for name in names]
    rated, height = np.reshape(turbines, (len(names), 2)).T[..., None]
    roughness = source.roughness_m
    lift = np.log(height / roughness) / np.log(REFERENCE_HEIGHT / roughness)
    speed = lift * wind_speed(source, calendar, names, seed, places)
    return rated * power_curve(source, speed)


def wind_speed(
    source: GeneratedWind,
    calendar: Calendar,
    names: Sequence[str],
    seed: int,
    places: Float[np.ndarray, "household 2"] | None = None,
) -> Float[np.ndarray, "household time"]:
    """Wind at 10 m at each household, m/s; arguments as in `wind_generation`."""
    noise = shared_noise(source, "wind", calendar, names, seed, places)
    week = np.minimum((np.asarray(calendar.local.day_of_year) - 1) // 7, 51)
    scale = np.asarray(source.weibull_scale)[week]
    return scale * (-log_ndtr(-noise)) ** (1 / source.weibull_shape)


def power_curve(
    source: GeneratedWind, speed: Float[np.ndarray, "*batch"]
) -> Float[np.ndarray, "*batch"]:
    """Output as a share of rated power: cubic from cut-in to rated speed, none past cut-out."""
    start, full = source.cut_in**3, source.rated_speed**3
    share = np.clip((speed**3 - start) / (full - start), 0.0, 1.0)
    return np.where(speed < source.cut_out, share, 0.0)


def _turbine(source: GeneratedWind, random: np.random.Generator) -> list[float]:
    return [each.draw(random) for each in (source.rated_kw, source.hub_height_m)]
