"""What every recorded time series needs said about it: where it is, and when."""

import datetime
from typing import Literal

from pydantic import model_validator

from mfgamm.scenario.schema.table import Table, refusal
from mfgamm.scenario.schema.time_axis import StepMinutes, TimeZone


class Recording(Table):
    """A file of time series.

    Attributes:
        path: relative to the scenario file; `$VARIABLE`s are expanded.
        timestamps: name of the column that holds them; left out where there are none, and the
            values are then the steps of one day (repeated) or of the whole horizon.
        timezone: of timestamps that carry no offset; the scenario's own if left out.
        step_minutes: of the data; read off the timestamps, or the scenario's own, if left out.
        date: first local date to use of the data; the scenario's start if left out.
        missing: refuse missing values, or interpolate them linearly in time.
    """

    path: str
    timestamps: str | None = None
    timezone: TimeZone | None = None
    step_minutes: StepMinutes | None = None
    date: datetime.date | None = None
    missing: Literal["error", "interpolate"] = "error"

    @model_validator(mode="after")
    def _dated(self) -> "Recording":
        if self.timestamps is None and (self.date or self.timezone):
            key = "date" if self.date else "timezone"
            raise refusal("needs timestamps; name their column in the key timestamps", key)
        return self
