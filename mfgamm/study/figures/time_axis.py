"""Time on the x axis: as it passes, labelled by the wall clock.

The axis counts the hours that have really passed, so that the hour which the clocks skip or
repeat neither folds nor tears a curve; its labels are what the clock on the wall shows.
"""

import datetime

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from mfgamm.study.figures.style import GREY
from mfgamm.study.wording import dates

HOUR = np.timedelta64(1, "h")
QUARTERS_PER_DAY = 96


def step_edges(dataset: xr.Dataset) -> np.ndarray:
    """Where the steps begin, and where the last one ends, h since the first began."""
    steps = dataset.sizes["time"]
    return np.arange(steps + 1) * float(dataset.attrs["step_hours"])


def label_wall_clock(axis: Axes, dataset: xr.Dataset) -> None:
    """Ticks and label of the x axis: hours over a day, dates over a week."""
    edges = step_edges(dataset)
    clock = _wall_clock(dataset)
    every, between = _tick_hours(edges[-1])
    positions, times = _round_hours(clock, every)
    axis.set_xlim(0, edges[-1])
    axis.set_xticks(positions, labels=_labels(times, edges[-1]))
    axis.set_xticks(_round_hours(clock, between)[0], minor=True)
    axis.tick_params(axis="x", which="minor", length=2)
    axis.set_xlabel(_axis_label(dataset))
    if 36 < edges[-1] <= 8 * 24:
        for midnight in _round_hours(clock, 24)[0]:
            axis.axvline(midnight, color=GREY, linewidth=0.6, zorder=0.5)


def _wall_clock(dataset: xr.Dataset) -> np.ndarray:
    """What the clock shows at each quarter-hour of the horizon, its end included, minutes."""
    edges = step_edges(dataset)
    start = dataset["time"].values
    offset = dataset["local_time"].values - start
    passed = np.arange(0, edges[-1] + 1e-9, 0.25)
    step = np.clip(np.searchsorted(edges, passed, side="right") - 1, 0, start.size - 1)
    quarter_hours = np.arange(passed.size) * np.timedelta64(15, "m")
    return (start[0] + quarter_hours + offset[step]).astype("datetime64[m]")


def _tick_hours(hours: float) -> tuple[int, int]:
    """Spacing of labelled and of small ticks on the clock, h."""
    for longest, every, between in ((36, 3, 1), (54, 6, 3), (102, 12, 3), (8 * 24, 24, 6)):
        if hours <= longest:
            return every, between
    return 24 * int(np.ceil(hours / (8 * 24))), 24


def _round_hours(clock: np.ndarray, every: int) -> tuple[np.ndarray, np.ndarray]:
    """Positions (h) and clock times at which the clock shows a multiple of `every` hours."""
    since = clock - clock[0].astype("datetime64[D]")
    (chosen,) = np.nonzero(since % (every * HOUR) == np.timedelta64(0, "m"))
    return chosen * 24 / QUARTERS_PER_DAY, clock[chosen]


def _labels(times: np.ndarray, hours: float) -> list[str]:
    """Clock times over a day, with dates below midnights over some, dates alone over more."""
    moments = times.astype("datetime64[m]").astype(datetime.datetime)
    days = [f"{moment.day}\N{NO-BREAK SPACE}{moment:%b}" for moment in moments]
    clock = [f"{moment:%H:%M}" for moment in moments]
    if hours > 102:
        return days
    if hours > 36:
        dated = zip(clock, days, strict=True)
        return [f"{time}\n{day}" if time == "00:00" else time for time, day in dated]
    return [*clock[:-1], "24:00" if clock[-1] == "00:00" else clock[-1]]


def _axis_label(dataset: xr.Dataset) -> str:
    local = dataset["local_time"].values
    offset = local - dataset["time"].values
    change = "" if (offset == offset[0]).all() else "; the clocks change"
    return f"Local time ({dataset.attrs['timezone']}), {dates(dataset)}{change}"
