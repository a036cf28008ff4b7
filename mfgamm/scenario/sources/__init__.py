"""Recorded time series, read onto a study's calendar."""

from mfgamm.scenario.sources.alignment import align as align, resample as resample
from mfgamm.scenario.sources.curves import read_curves as read_curves, read_prices as read_prices
