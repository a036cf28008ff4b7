"""Tuned scenarios: names become knobs, and results are said as they are."""

import numpy as np
import pytest

from mfgamm import CommunityMarket, InvalidInput, flat_tariff, load_scenario
from mfgamm.amm import Linear, curve_by_name
from mfgamm.scenario import build_community, make_calendar
from mfgamm.study.figures.pareto import FrontEnds, FrontPoints, plot_front
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


def test_the_fronts_figure_tells_its_points_apart():
    tariff = flat_tariff(4, feed_in=0.05, retail=0.2)
    low, high = (CommunityMarket(Linear.at(tariff.feed_in + x), tariff) for x in (0.03, 0.12))
    points = FrontPoints(
        tuned=np.array([[0.2, 0.6], [0.2001, 0.61], [0.1, 0.4]]),
        efficient=np.array([True, False, True]),
        weights=np.array([0.0, 0.5, 1.0]),
        before=np.array([0.15, 0.5]),
    )
    front, shape = plot_front(("gain", "gini"), points, FrontEnds(low, low, high)).axes
    drawn = {line.get_label(): line.get_xydata().tolist() for line in front.lines}
    assert drawn["efficient"] == [[0.1, 0.4], [0.2, 0.6]]
    assert drawn["beaten by another"] == [[0.2001, 0.61]] and drawn["as it is"] == [[0.15, 0.5]]
    assert [each.get_text() for each in front.texts] == ["0–0.5", "1"]
    assert front.get_xlim()[0] < 0.1 and front.get_xlim()[1] > 0.2001
    assert (front.get_xlabel(), front.get_ylabel()) == ("Gain, €", "Gini")
    curves = {line.get_label(): line.get_ydata() for line in shape.lines}
    np.testing.assert_allclose(curves["all for gain"], 0.2)
    np.testing.assert_allclose(curves["all for gini"], 0.8)


def test_the_fronts_figure_does_not_blow_up_what_hardly_moves():
    tariff = flat_tariff(4, feed_in=0.05, retail=0.2)
    market = CommunityMarket(curve_by_name("mid-market"), tariff)
    flat = np.array([[1.0, 0.036507], [1.1, 0.036508]])
    points = FrontPoints(flat, np.array([True, True]), np.array([0.0, 1.0]), flat[0])
    front, _ = plot_front(("cost", "gain"), points, FrontEnds(market, market, market)).axes
    assert np.ptp(front.get_ylim()) > 0.02 * 0.0365
