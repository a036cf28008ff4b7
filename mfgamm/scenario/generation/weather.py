"""Paths of weather that neighbours share in part."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from scipy.signal import lfilter

from mfgamm.scenario.calendar import Calendar
from mfgamm.scenario.random_streams import stream
from mfgamm.scenario.schema import GeneratedSolar, GeneratedWind


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
) -> Float[np.ndarray, "household time"]:
    """Standard normal paths, one per household, correlated through a common regional one.

    Args:
        source: how long regional and local weather lasts, and which share of the variance all
            households have in common.
        component: names the weather variable; each has streams of its own.
        names: of the households, which own the local streams.
    """
    steps, hours = calendar.steps, calendar.step_hours
    regional = stream(seed, component, "region")
    region = persistent_noise(regional, steps, hours, source.regional_hours)
    local = [
        persistent_noise(stream(seed, component, name, "local"), steps, hours, source.local_hours)
        for name in names
    ]
    own, common = np.reshape(local, (len(names), steps)), source.regional_share
    return np.sqrt(common) * region + np.sqrt(1 - common) * own
