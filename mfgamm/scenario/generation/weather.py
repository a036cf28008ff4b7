"""Paths of weather that neighbours share in part, and that change across a map."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from scipy.signal import lfilter

from mfgamm.scenario.calendar import Calendar
from mfgamm.scenario.random_streams import stream
from mfgamm.scenario.schema import GeneratedSolar, GeneratedWind

# Plane waves that a field is made of: correlations are those of a Gaussian kernel to about 0.1.
WAVES = 64


def persistent_noise(
    random: np.random.Generator, steps: int, step_hours: float, hours: float
) -> Float[np.ndarray, " time"]:
    """A stationary Ornstein–Uhlenbeck path with standard normal marginals.

    Args:
        hours: after which the correlation has fallen to 1/e.
    """
    memory = np.exp(-step_hours / hours)
    shocks = random.standard_normal(steps)
    shocks[1:] *= np.sqrt(1 - memory**2)
    return np.asarray(lfilter([1.0], [1.0, -memory], shocks))


def shared_noise(
    source: GeneratedSolar | GeneratedWind,
    component: str,
    calendar: Calendar,
    names: Sequence[str],
    seed: int,
    places: Float[np.ndarray, "household 2"] | None = None,
) -> Float[np.ndarray, "household time"]:
    """Standard normal paths, one per household, correlated through a common regional one.

    Args:
        source: how long regional and local weather lasts, and which share of the variance all
            households have in common.
        component: names the weather variable; each has streams of its own.
        names: of the households, which own the local streams.
        places: of the households, see `weather_field`; all at one place if None.
    """
    steps, hours = calendar.steps, calendar.step_hours
    if places is None:
        regional = stream(seed, component, "region")
        region = persistent_noise(regional, steps, hours, source.regional_hours)
    else:
        region = weather_field(component, calendar, source.regional_hours, seed, places)
    local = [
        persistent_noise(stream(seed, component, name, "local"), steps, hours, source.local_hours)
        for name in names
    ]
    own, common = np.reshape(local, (len(names), steps)), source.regional_share
    return np.sqrt(common) * region + np.sqrt(1 - common) * own


def weather_field(
    component: str,
    calendar: Calendar,
    lasting_hours: float,
    seed: int,
    places: Float[np.ndarray, "place 2"],
) -> Float[np.ndarray, "place time"]:
    """Standard normal paths whose correlation falls with distance as exp(−distance²/2), nearly.

    A sum of plane waves of random direction and length, their amplitudes persisting in time
    (random Fourier features of a Gaussian kernel). The field is there whoever looks: the weather
    at a place does not depend on which other places there are.

    Args:
        component: names the weather variable.
        lasting_hours: after which the correlation in time has fallen to 1/e.
        places: in lengths over which the correlation falls to e^−½.
    """
    field = np.zeros((len(places), calendar.steps))
    for wave in range(WAVES):
        random = stream(seed, component, "wave", str(wave))
        phase = (places @ random.standard_normal(2))[:, None]
        even, odd = (
            persistent_noise(random, calendar.steps, calendar.step_hours, lasting_hours)
            for _ in range(2)
        )
        field += np.cos(phase) * even + np.sin(phase) * odd
    return field / np.sqrt(WAVES)
