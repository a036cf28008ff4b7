"""Rooftop photovoltaics: a clear sky, dimmed by clouds that neighbours share in part."""

import warnings
from collections.abc import Sequence

import numpy as np
import pandas as pd
from jaxtyping import Float
from pvlib.irradiance import get_total_irradiance
from pvlib.location import Location
from scipy.special import betaincinv, ndtr

from mfgamm.scenario.calendar import Calendar
from mfgamm.scenario.generation.weather import shared_noise
from mfgamm.scenario.random_streams import stream
from mfgamm.scenario.schema import GeneratedSolar

STANDARD_IRRADIANCE = 1000.0  # W/m², at which panels are rated


def solar_generation(
    source: GeneratedSolar,
    calendar: Calendar,
    names: Sequence[str],
    seed: int,
    places: Float[np.ndarray, "household 2"] | None = None,
) -> Float[np.ndarray, "household time"]:
    """Output of each household's panels, kW.

    Rated power times performance ratio times the clear sky's irradiance in the plane of the
    panels, relative to 1,000 W/m², times a clearness that follows a beta distribution at every
    step. Clouds dim direct and diffuse light alike, and temperature is part of the performance
    ratio: simplifications that keep the daily shape and the correlation between neighbours.

    Args:
        names: of the households; each owns its random streams.
        places: of the households, see `weather_field`; all at one place if None.
    """
    roofs = [_roof(source, stream(seed, "solar", name, "roof")) for name in names]
    peak, tilt, azimuth = np.reshape(roofs, (len(names), 3)).T[..., None]
    irradiance = clear_sky_irradiance(source, calendar, tilt, azimuth)
    noise = shared_noise(source, "clearness", calendar, names, seed, places)
    relative = irradiance / STANDARD_IRRADIANCE
    return peak * source.performance_ratio * relative * _clearness(source, noise)


def clear_sky_irradiance(
    source: GeneratedSolar,
    calendar: Calendar,
    tilt: Float[np.ndarray, "household 1"],
    azimuth: Float[np.ndarray, "household 1"],
) -> Float[np.ndarray, "household time"]:
    """Irradiance on tilted planes under a cloudless sky, W/m², at the middle of each step.

    Args:
        tilt: against the horizontal, degrees.
        azimuth: clockwise from north, degrees.
    """
    middle = calendar.utc + pd.Timedelta(minutes=calendar.step_minutes / 2)
    place = Location(source.latitude, source.longitude)
    with warnings.catch_warnings():
        # pvlib calls a pandas attribute that newer pandas deprecates.
        warnings.filterwarnings("ignore", message=r".*dayofyear is deprecated")
        sun = place.get_solarposition(middle)
        sky = place.get_clearsky(middle, solar_position=sun)
    planes = get_total_irradiance(
        tilt,
        azimuth,
        np.asarray(sun["apparent_zenith"]),
        np.asarray(sun["azimuth"]),
        np.asarray(sky["dni"]),
        np.asarray(sky["ghi"]),
        np.asarray(sky["dhi"]),
    )
    return np.asarray(planes["poa_global"], float)


def _roof(source: GeneratedSolar, random: np.random.Generator) -> list[float]:
    return [each.draw(random) for each in (source.peak_kw, source.tilt, source.azimuth)]


def _clearness(
    source: GeneratedSolar, noise: Float[np.ndarray, "household time"]
) -> Float[np.ndarray, "household time"]:
    """Normal noise turned into a beta variable of the source's mean and deviation."""
    mean = source.clearness
    concentration = mean * (1 - mean) / source.clearness_deviation**2 - 1
    return betaincinv(mean * concentration, (1 - mean) * concentration, ndtr(noise))
