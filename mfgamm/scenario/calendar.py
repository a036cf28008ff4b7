"""The time axis: whole local days in absolute steps, daylight saving included."""

import datetime
import itertools
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from mfgamm.core import InvalidInput
from mfgamm.scenario.schema import TimeTable


@dataclass(frozen=True)
class Calendar:
    """Equal absolute steps from one local midnight to another.

    The clock that counts is the household's: days run from local midnight to local midnight, and
    steps always last as long as they say. A day on which the clocks change therefore has 23 or 25
    hours, 92 or 100 quarter-hours. Where a midnight does not exist, its day begins with the
    first moment that does; where it occurs twice, with the first.

    Attributes:
        local: start of each step, in the zone of the study.
        end: start of the step after the last.
        step_minutes: length of a step, minutes.
    """

    local: pd.DatetimeIndex
    end: pd.Timestamp
    step_minutes: int

    @property
    def utc(self) -> pd.DatetimeIndex:
        """Start of each step, UTC."""
        return self.local.tz_convert("UTC")

    @property
    def steps(self) -> int:
        return len(self.local)

    @property
    def step_hours(self) -> float:
        """Length of a step, h."""
        return self.step_minutes / 60

    @property
    def timezone(self) -> str:
        return str(self.local.tz)

    @property
    def day(self) -> Int[np.ndarray, " time"]:
        """Which local day of the horizon each step belongs to, from 0."""
        dates = self.local.tz_localize(None).normalize()
        return ((dates - dates[0]) // pd.Timedelta(days=1)).to_numpy().astype(int)

    @property
    def hour(self) -> Float[np.ndarray, " time"]:
        """The wall clock at the start of each step, hours after local midnight, in [0, 24)."""
        return np.asarray(self.local.hour + self.local.minute / 60, float)

    @property
    def day_windows(self) -> list[tuple[int, int]]:
        """Half-open range of steps of each local day."""
        starts = [0, *(np.flatnonzero(np.diff(self.day)) + 1).tolist(), self.steps]
        return list(itertools.pairwise(starts))

    def describe_clock_changes(self) -> str:
        """The days of the horizon that do not last 24 hours, in words; empty if there is none."""
        changed = [
            f"{self.local[start]:%Y-%m-%d} is a daylight-saving day of "
            f"{(stop - start) * self.step_hours:g} hours ({stop - start} steps)"
            for start, stop in self.day_windows
            if (stop - start) * self.step_minutes != 24 * 60
        ]
        return "; ".join(changed)


def make_calendar(time: TimeTable, start: datetime.date | None = None) -> Calendar:
    """The time axis of a `[time]` table.

    Args:
        time: start, days, step and zone.
        start: another first local date, if given.

    Raises:
        InvalidInput: if a local day is not a whole number of steps.
    """
    first = pd.Timestamp(time.start if start is None else start)
    midnights = pd.DatetimeIndex([first, first + pd.Timedelta(days=time.days)])
    begin, end = midnights.tz_localize(
        time.timezone, ambiguous=np.array([True, True]), nonexistent="shift_forward"
    )
    step = pd.Timedelta(minutes=time.step_minutes)
    if (end - begin) // step * step != end - begin:
        raise InvalidInput(
            "time.step_minutes",
            time.step_minutes,
            f"the horizon from {first.date()} lasts {end - begin} in {time.timezone}, which is no "
            "whole number of steps; choose a divisor",
        )
    local = pd.date_range(begin, end, freq=step, inclusive="left")
    return Calendar(local, end, time.step_minutes)
