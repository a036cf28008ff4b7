"""Tuned scenarios: names become knobs, and results are said as they are."""

import numpy as np
import pytest

from mfgamm import CommunityMarket, InvalidInput, flat_tariff, load_scenario
from mfgamm.amm import Linear, curve_by_name
from mfgamm.scenario import build_community, make_calendar
from mfgamm.study.figures.tuning import plot_tuning
from mfgamm.study.tuning import design_of, objective_of


@pytest.fixture(scope="module")
def scenario():
    return load_scenario("paris-summer", ["population.size=4", "time.step_minutes=60"])


def test_names_become_knobs(scenario):
    calendar = make_calendar(scenario.time)
    design = design_of(["anchor", "fee", "two-rates"], build_community(scenario), calendar)
    assert list(design) == ["anchor", "fee", "two-rates"]
    dear = np.flatnonzero(design["two-rates"].dear)
    assert calendar.hour[dear].tolist() == [17, 18, 19, 20, 21]


@pytest.mark.parametrize("names", [["curve", "anchor"], ["colour"], []])
def test_designs_without_sense_are_refused(names, scenario):
    with pytest.raises(InvalidInput, match="choose"):
        design_of(names, build_community(scenario), make_calendar(scenario.time))


def test_objectives_are_read_with_their_weights():
    objective = objective_of(["cost", "gini=0.5"])
    assert objective.names == ("cost", "gini")
    assert objective.weights.tolist() == [1.0, 0.5]
    for text in ("beauty", "cost=much"):
        with pytest.raises(InvalidInput):
            objective_of([text])


def test_the_figure_shows_the_curve_beside_the_papers():
    tariff = flat_tariff(4, feed_in=0.05, retail=0.2)
    for curve, level in (
        (Linear.at(tariff.feed_in + 0.03), 0.2),
        (curve_by_name("mid-market"), 0.5),
    ):
        figure = plot_tuning(np.array([3.0, 1.0, 2.0]), CommunityMarket(curve, tariff))
        search, shape = figure.axes
        tuned = {line.get_label(): line.get_ydata() for line in shape.lines}["tuned"]
        np.testing.assert_allclose(tuned, level)
        best = {line.get_label(): line.get_ydata() for line in search.lines}["best so far"]
        assert list(best) == [3, 1, 1]
