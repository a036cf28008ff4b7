"""Arrays that say what they are."""

from collections.abc import Sequence

import numpy as np
import xarray as xr


def variable(dimensions: str | Sequence[str], values, units: str, long_name: str) -> xr.Variable:
    """An array with its dimensions, its unit and its meaning."""
    return xr.Variable(dimensions, np.asarray(values), {"units": units, "long_name": long_name})
