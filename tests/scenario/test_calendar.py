"""Local days in absolute steps."""

import datetime

import numpy as np
import pytest

from mfgamm.core import InvalidInput
from mfgamm.scenario import make_calendar
from mfgamm.scenario.schema import TimeTable


def calendar(start, days=1, **keys):
    return make_calendar(TimeTable(start=datetime.date.fromisoformat(start), days=days, **keys))


@pytest.mark.parametrize(
    ("start", "steps"), [("2023-07-12", 96), ("2023-03-26", 92), ("2023-10-29", 100)]
)
def test_daylight_saving_days_are_shorter_or_longer(start, steps):
    day = calendar(start)
    assert day.steps == steps
    assert day.step_hours == 0.25
    assert np.all(np.diff(day.utc) == np.timedelta64(15, "m"))
    assert str(day.local[0]).startswith(f"{start} 00:00:00")
    assert bool(day.describe_clock_changes()) == (steps != 96)


def test_wall_clock_skips_and_repeats_the_changed_hour():
    spring, autumn = calendar("2023-03-26"), calendar("2023-10-29")
    assert 2.0 not in spring.hour
    assert np.count_nonzero(autumn.hour == 2.0) == 2
    assert "2023-03-26 is a daylight-saving day of 23 hours (92 steps)" in (
        spring.describe_clock_changes()
    )


def test_days_are_local_over_a_change():
    days = calendar("2023-10-28", 3)
    assert days.day_windows == [(0, 96), (96, 196), (196, 292)]
    assert days.day.tolist() == [0] * 96 + [1] * 100 + [2] * 96
    assert all(days.hour[start] == 0 for start, _ in days.day_windows)


def test_a_midnight_that_does_not_exist_gives_way_to_the_first_moment_that_does():
    day = calendar("2023-09-03", timezone="America/Santiago")
    assert day.steps == 92
    assert day.hour[0] == 1.0


def test_a_step_that_does_not_divide_the_day_is_refused():
    with pytest.raises(InvalidInput, match=r"time.step_minutes = 60.*whole number of steps"):
        calendar("2023-04-02", timezone="Australia/Lord_Howe", step_minutes=60)


def test_utc_has_no_changes():
    assert calendar("2023-03-26", 3, timezone="UTC", step_minutes=60).steps == 72
