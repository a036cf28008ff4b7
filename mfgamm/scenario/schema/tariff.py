"""`[tariff]`: the grid's prices, which bound the community's own."""

import datetime
import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from mfgamm.scenario.schema.recording import Recording
from mfgamm.scenario.schema.table import Table, between, of_length, refusal

Price = Annotated[float, between(-10, 10, "€/kWh")]


def _clock_text(given: Any) -> Any:
    """TOML's own local times (`06:00:00`) read as the text `"06:00"`."""
    return given.strftime("%H:%M") if isinstance(given, datetime.time) else given


def _on_the_clock(text: str) -> str:
    if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d|24:00", text):
        raise refusal("must be a time from '00:00' to '24:00', such as '06:30'")
    return text


Clock = Annotated[str, BeforeValidator(_clock_text), AfterValidator(_on_the_clock)]


def minute_of_day(clock: str) -> int:
    """Minutes after midnight of a time such as `"06:30"`."""
    hours, minutes = clock.split(":")
    return 60 * int(hours) + int(minutes)


class Period(Table):
    """Other prices during a part of every day, by the local wall clock.

    Attributes:
        start: `from`, its first minute, such as "06:00".
        stop: `to`, the minute after its last; earlier than `from` if the period wraps midnight.
        feed_in, retail: the prices there, €/kWh; what is left out keeps the tariff's own.
    """

    start: Clock = Field(alias="from")
    stop: Clock = Field(alias="to")
    feed_in: Price | None = None
    retail: Price | None = None

    @model_validator(mode="after")
    def _says_something(self) -> "Period":
        if minute_of_day(self.start) == minute_of_day(self.stop):
            raise refusal("coincides with to, so that the period is empty", "from")
        if self.feed_in is None and self.retail is None:
            raise refusal("the period changes nothing; give it feed_in or retail")
        return self

    @property
    def minutes(self) -> frozenset[int]:
        """Every minute of the day that it covers."""
        start, stop = minute_of_day(self.start), minute_of_day(self.stop)
        inside = range(start, stop) if start < stop else (*range(start, 1440), *range(stop))
        return frozenset(inside)


class FlatTariff(Table):
    """The same prices at every hour, €/kWh."""

    kind: Literal["flat"]
    feed_in: Price
    retail: Price

    @model_validator(mode="after")
    def _ordered(self) -> "FlatTariff":
        _require_order(self.feed_in, self.retail)
        return self


class TimeOfUseTariff(Table):
    """Prices of their own in some periods of the day; the base prices otherwise, €/kWh."""

    kind: Literal["time-of-use"]
    feed_in: Price
    retail: Price
    periods: Annotated[tuple[Period, ...], Field(strict=False), of_length(1)]

    @model_validator(mode="after")
    def _ordered(self) -> "TimeOfUseTariff":
        _require_order(self.feed_in, self.retail)
        claimed: set[int] = set()
        for index, period in enumerate(self.periods):
            key = f"periods.{index}"
            feed_in = self.feed_in if period.feed_in is None else period.feed_in
            retail = self.retail if period.retail is None else period.retail
            _require_order(feed_in, retail, f"{key}.")
            if claimed & period.minutes:
                raise refusal("overlaps an earlier period; each minute needs one price", key)
            claimed |= period.minutes
        return self


class SeriesTariff(Recording):
    """Prices read from a CSV file with the columns `feed_in` and `retail`, €/kWh.

    Without a column of timestamps, the rows are the steps of one day or of the whole horizon.
    """

    kind: Literal["series"]


def _require_order(feed_in: float, retail: float, prefix: str = "") -> None:
    if feed_in > retail:
        raise refusal(
            f"{feed_in:g} exceeds the retail price {retail:g}: "
            "households would earn by trading with the grid alone; swap or lower it",
            f"{prefix}feed_in",
        )


AnyTariff = Annotated[FlatTariff | TimeOfUseTariff | SeriesTariff, Field(discriminator="kind")]
