"""Putting a recorded series on the calendar of a study: never by guessing."""

from datetime import date

import numpy as np
import pandas as pd
from jaxtyping import Float

from mfgamm.core import InvalidInput
from mfgamm.scenario.calendar import Calendar, make_calendar
from mfgamm.scenario.schema import Recording, TimeTable


def align(
    key: str,
    recording: Recording,
    values: Float[np.ndarray, "series sample"],
    stamps: pd.Index | None,
    calendar: Calendar,
    time: TimeTable,
) -> Float[np.ndarray, "series time"]:
    """The series at the calendar's steps, with missing values dealt with.

    With timestamps, each marks the start of a step, and the horizon is cut out by them. Without,
    the samples are one day, repeated, or the whole horizon. Where the data's step is shorter than
    the calendar's, its values are averaged; where it is longer, they are repeated; neither
    creates nor loses energy.

    Args:
        key: of the scenario, to blame.
        stamps: of the samples, if any.

    Raises:
        InvalidInput: if samples do not fit the calendar or are missing.
    """
    if stamps is None:
        minutes = recording.step_minutes or calendar.step_minutes
        values = _whole_horizon(key, values, minutes, calendar)
    else:
        moments = parse_stamps(key, recording, stamps, calendar.timezone)
        minutes = recording.step_minutes or _usual_step(key, moments)
        window = _window(key, recording.date, calendar, time)
        values = _cut_out(key, values, moments, minutes, window)
    return resample(key, _without_gaps(key, recording, values), minutes, calendar.step_minutes)


def parse_stamps(
    key: str, recording: Recording, stamps: pd.Index, scenario_zone: str
) -> pd.DatetimeIndex:
    """Timestamps as moments, UTC.

    Without an offset they are read by the wall clock of `timezone` (the scenario's by default).
    The hour that occurs twice when summer time ends is told apart by its order.

    Raises:
        InvalidInput: if they are no timestamps, do not exist on that clock, or occur twice.
    """
    try:
        # Only ISO 8601: 02/03/2023 is in February or in March, and no one would notice which.
        moments = pd.to_datetime(stamps, utc=_carry_offset(stamps), format="ISO8601")
        moments = pd.DatetimeIndex(moments)
    except (ValueError, TypeError) as error:
        raise InvalidInput(
            f"{key}.timestamps", str(stamps[0]), f"must be ISO 8601, as 2023-07-12 06:15: {error}"
        ) from error
    if moments.tz is None:
        zone = recording.timezone or scenario_zone
        try:
            moments = moments.tz_localize(zone, ambiguous="infer", nonexistent="raise")
        except ValueError as error:
            raise InvalidInput(
                f"{key}.timezone",
                zone,
                f"the timestamps do not fit this zone's clock ({error}); data without "
                "daylight saving is often in 'UTC' or a fixed offset such as 'Etc/GMT-1'",
            ) from error
    elif recording.timezone is not None:
        raise InvalidInput(
            f"{key}.timezone",
            recording.timezone,
            f"the timestamps carry an offset ({stamps[0]}); leave timezone out",
        )
    moments = moments.tz_convert("UTC")
    twice = moments.duplicated()
    if twice.any():
        raise InvalidInput(
            f"{key}.timestamps", str(stamps[int(np.argmax(twice))]), "occurs twice in the data"
        )
    return moments


def resample(
    key: str, values: Float[np.ndarray, "series sample"], minutes: int, step_minutes: int
) -> Float[np.ndarray, "series time"]:
    """Mean power over longer steps, the same power over shorter ones.

    Raises:
        InvalidInput: if neither step is a whole multiple of the other.
    """
    if step_minutes % minutes == 0:
        count = step_minutes // minutes
        return values.reshape(len(values), -1, count).mean(axis=-1)
    if minutes % step_minutes == 0:
        return np.repeat(values, minutes // step_minutes, axis=-1)
    raise InvalidInput(
        f"{key}.step_minutes",
        minutes,
        f"must be a whole multiple or a divisor of time.step_minutes = {step_minutes}",
    )


def _carry_offset(stamps: pd.Index) -> bool:
    if isinstance(stamps, pd.DatetimeIndex):
        return stamps.tz is not None
    return bool(stamps.astype(str).str.contains(r"(?:Z|[+-]\d\d:?\d\d)$").any())


def _usual_step(key: str, moments: pd.DatetimeIndex) -> int:
    gaps = pd.Series(moments.sort_values()).diff().dropna().mode()
    minutes = gaps.iloc[0] / pd.Timedelta(minutes=1) if len(gaps) else 0
    if minutes < 1 or minutes != int(minutes):
        raise InvalidInput(
            f"{key}.step_minutes", minutes, "the data's step must be whole minutes; give it"
        )
    return int(minutes)


def _window(key: str, first: date | None, calendar: Calendar, time: TimeTable) -> Calendar:
    """The data's days, which must be as long as the study's for the clocks to agree."""
    if first is None:
        return calendar
    window = make_calendar(time, first)
    if window.day_windows != calendar.day_windows:
        changes = calendar.describe_clock_changes() or window.describe_clock_changes()
        raise InvalidInput(
            f"{key}.date", str(first), f"its days are not as long as the study's: {changes}"
        )
    return window


def _cut_out(
    key: str,
    values: Float[np.ndarray, "series sample"],
    moments: pd.DatetimeIndex,
    minutes: int,
    window: Calendar,
) -> Float[np.ndarray, "series cut"]:
    """The samples of the window, NaN where there is none."""
    begin, end = window.local[0], window.end
    steps = pd.date_range(begin, end, freq=f"{minutes}min", inclusive="left").tz_convert("UTC")
    inside = (moments >= begin) & (moments < end)
    if not inside.any():
        raise InvalidInput(
            f"{key}.date",
            f"{begin:%Y-%m-%d}",
            f"the data run from {moments.min():%Y-%m-%d %H:%M} to {moments.max():%Y-%m-%d %H:%M} "
            "UTC; choose a date among them",
        )
    off = ~moments[inside].isin(steps)
    if off.any():
        raise InvalidInput(
            f"{key}.timestamps",
            str(moments[inside][off][0]),
            f"lies off the grid of {minutes} minutes from {begin}",
        )
    cut = np.full((len(values), len(steps)), np.nan)
    cut[:, steps.get_indexer(moments[inside])] = values[:, inside]
    return cut


def _whole_horizon(
    key: str, values: Float[np.ndarray, "series sample"], minutes: int, calendar: Calendar
) -> Float[np.ndarray, "series horizon"]:
    """One day repeated, or the horizon as it is."""
    per_day = [
        (stop - start) * calendar.step_minutes / minutes for start, stop in calendar.day_windows
    ]
    found = values.shape[-1]
    if found == sum(per_day):
        return values
    if set(per_day) == {found}:
        return np.tile(values, (1, len(per_day)))
    lengths = " or ".join(f"{count:g}" for count in sorted(set(per_day)))
    changes = calendar.describe_clock_changes()
    turned = len(values) in (sum(per_day), *per_day)
    raise InvalidInput(
        key,
        f"{found} steps",
        f"expected {lengths} steps of {minutes} minutes for a day"
        + (f", or {sum(per_day):g} for the horizon" if len(per_day) > 1 else "")
        + (f"; {changes}, so give it timestamps or data of that length" if changes else "")
        + ("; it has that many series, so layout may be the other way" if turned else ""),
    )


def _without_gaps(
    key: str, recording: Recording, values: Float[np.ndarray, "series sample"]
) -> Float[np.ndarray, "series sample"]:
    missing = np.isnan(values)
    if not missing.any():
        return values
    row, step = (int(index) for index in np.argwhere(missing)[0])
    if recording.missing == "error":
        raise InvalidInput(
            f"{key}.missing",
            recording.missing,
            f"{missing.sum()} of {values.size} values are missing, the first in curve {row + 1} "
            f"at step {step + 1}; set missing = 'interpolate' to fill them linearly in time",
        )
    empty = missing.all(axis=-1)
    if empty.any():
        raise InvalidInput(key, f"curve {int(np.argmax(empty)) + 1}", "has no value at all")
    filled = pd.DataFrame(values.T).interpolate(limit_direction="both")
    return filled.to_numpy().T
