"""Paths of weather that neighbours share in part."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from scipy.signal import lfilter

from mfgamm.scenario.random_streams import stream


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
    seed: int,
    component: str,
    names: Sequence[str],
    steps: int,
    step_hours: float,
    *,
    regional_hours: float,
    local_hours: float,
    regional_share: float,
) -> Float[np.ndarray, "household time"]:
    """Standard normal paths, one per household, correlated through a common regional one.

    Args:
        component: names the weather variable; each has streams of its own.
        names: of the households, which own the local streams.
        regional_share: share of the variance that all households have in common.
    """
    region = persistent_noise(stream(seed, component, "region"), steps, step_hours, regional_hours)
    local = [
        persistent_noise(stream(seed, component, name, "local"), steps, step_hours, local_hours)
        for name in names
    ]
    own = np.reshape(local, (len(names), steps))
    return np.sqrt(regional_share) * region + np.sqrt(1 - regional_share) * own
