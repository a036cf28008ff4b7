"""`[time]`: which local days, in which zone, at which step."""

import datetime
import zoneinfo
from typing import Annotated

from pydantic import AfterValidator

from mfgamm.scenario.schema.table import Table, between, one_of, refusal


def _known_zone(name: str) -> str:
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise refusal("must be an IANA time zone, such as 'Europe/Paris' or 'UTC'") from None
    return name


TimeZone = Annotated[str, AfterValidator(_known_zone)]
StepMinutes = Annotated[int, one_of(1, 2, 3, 5, 6, 10, 12, 15, 20, 30, 60)]


class TimeTable(Table):
    """The horizon.

    Attributes:
        start: first local date; the horizon begins at its midnight.
        days: how many local days.
        step_minutes: length of a step; a divisor of the hour.
        timezone: IANA name of the zone whose midnights and wall clock count.
    """

    start: datetime.date
    days: Annotated[int, between(1, 366, "days")] = 1
    step_minutes: StepMinutes = 15
    timezone: TimeZone = "Europe/Paris"
