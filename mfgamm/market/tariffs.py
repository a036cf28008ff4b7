"""Ways to write down the grid's tariff."""

import dataclasses
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from mfgamm.core import InvalidInput, Number, Tariff


@dataclasses.dataclass(frozen=True)
class TariffPeriod:
    """Hours of the day in which the grid's prices differ.

    Attributes:
        start, stop: hours of the day in [0, 24], half-open; a period may wrap midnight.
        retail, feed_in: prices inside the period, €/kWh; None keeps the default.
    """

    start: Number
    stop: Number
    retail: Number | None = None
    feed_in: Number | None = None

    def __post_init__(self):
        for name in ("start", "stop"):
            if not 0 <= getattr(self, name) <= 24:
                raise InvalidInput(
                    f"tariff.periods.{name}", getattr(self, name), "must be an hour in [0, 24]"
                )

    def contains(self, hours: Float[np.ndarray, " time"]) -> np.ndarray:
        """Which of the hours of the day lie inside."""
        if self.start <= self.stop:
            return (hours >= self.start) & (hours < self.stop)
        return (hours >= self.start) | (hours < self.stop)


def flat_tariff(steps: int, *, feed_in: Number, retail: Number) -> Tariff:
    """The same two prices, €/kWh, at every step.

    Raises:
        InvalidInput: if feed_in exceeds retail.
    """
    return Tariff(np.full(steps, float(feed_in)), np.full(steps, float(retail)))


def time_of_use_tariff(
    hours: Float[np.ndarray, " time"],
    periods: Sequence[TariffPeriod],
    *,
    feed_in: Number,
    retail: Number,
) -> Tariff:
    """Prices that depend on the hour of the day; where periods overlap, the later one holds.

    Args:
        hours: hour of the day at the start of each step, in [0, 24).
        periods: hours with prices of their own.
        feed_in, retail: prices elsewhere, €/kWh.

    Raises:
        InvalidInput: if an hour is out of range, or feed_in exceeds retail somewhere.
    """
    hours = np.asarray(hours, float)
    if np.any((hours < 0) | (hours >= 24)):
        raise InvalidInput("hours", float(hours.max()), "hours of the day lie in [0, 24)")
    prices = {
        "feed_in": np.full(hours.shape, float(feed_in)),
        "retail": np.full(hours.shape, float(retail)),
    }
    for period in periods:
        inside = period.contains(hours)
        for name, series in prices.items():
            override = getattr(period, name)
            if override is not None:
                series[inside] = override
    return Tariff(**prices)


def series_tariff(
    feed_in: Float[np.ndarray, " time"] | Sequence[Number],
    retail: Float[np.ndarray, " time"] | Sequence[Number],
) -> Tariff:
    """A tariff given step by step, €/kWh, e.g. real-time prices.

    Raises:
        InvalidInput: if lengths differ, a price is missing, or feed_in exceeds retail.
    """
    return Tariff(np.asarray(feed_in, float), np.asarray(retail, float))
