import dataclasses
import io

import pytest
from bent_results import RESULTS, clocks_change, nobody_sells, solve_small
from rich.console import Console

from mfgamm.scenario import load_scenario
from mfgamm.study import announce, show_summary, summarise


def printed(show, *given):
    """What the terminal shows, its lines joined and its special spaces plain."""
    console = Console(file=io.StringIO(), width=200)
    show(console, *given)
    return " ".join(console.file.getvalue().split())


@pytest.mark.parametrize(("start", "length"), [("2023-07-12", "1 day"), ("2023-03-26", "23 hours")])
def test_the_horizon_is_announced_in_true_hours(start, length):
    settings = ["population.size=1", f"time.start={start}"]
    said = printed(announce, load_scenario("paris-summer", settings))
    assert f"1 household, {length} of 15-minute steps, mid-market curve" in said


def test_a_short_day_has_23_hours():
    spring = summarise(clocks_change("2023-03-26", 23)(solve_small()))
    assert "Bills over 23 hours, €" in printed(show_summary, spring)


def test_one_round_is_one_round():
    summary = dataclasses.replace(summarise(solve_small()), rounds=1)
    said = printed(show_summary, summary)
    assert "converged after 1 round and " in said
    assert "% of the gain." in said and "Bills over 1 day, €" in said


def test_a_community_without_gain_is_measured_by_a_nominal_one():
    said = printed(show_summary, summarise(nobody_sells(solve_small())))
    assert "of a nominal gain of 1.0 × 10⁻⁴ € per household-day" in said
    assert "of the gain" not in said and "Mean prices" not in said


@pytest.mark.parametrize("result", RESULTS)
def test_every_result_is_printed_without_nan(result):
    said = printed(show_summary, summarise(RESULTS[result](solve_small())))
    assert "nan" not in said and "traded inside" in said
