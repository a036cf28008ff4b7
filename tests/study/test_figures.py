import re

import matplotlib
import numpy as np
import pytest
from bent_results import RESULTS, clocks_change, nobody_sells, over_days, solve_small
from legibility import assert_legible, assert_two_sentences, drawn
from matplotlib.colors import to_hex

from mfgamm.study.figures import EXHIBITS, plot_convergence, plot_gains, plot_prices, plot_storage

UNIT = re.compile(r"\((kW|kWh|€/kWh|% of (?:the|a nominal) gain|€ per household-day)\)")


@pytest.fixture(scope="module")
def solved():
    return solve_small()


@pytest.mark.parametrize("exhibit", EXHIBITS, ids=lambda exhibit: exhibit.name)
@pytest.mark.parametrize("result", RESULTS)
def test_every_figure_of_every_result_is_legible(solved, exhibit, result):
    assert_legible(exhibit.plot(RESULTS[result](solved)))


@pytest.mark.parametrize("exhibit", EXHIBITS, ids=lambda exhibit: exhibit.name)
def test_axes_state_their_units(solved, exhibit):
    figure = exhibit.plot(solved)
    for axes in figure.axes:
        assert UNIT.search(axes.get_ylabel() + axes.get_xlabel())
    assert figure.axes[-1].get_xlabel()


@pytest.mark.parametrize("exhibit", EXHIBITS, ids=lambda exhibit: exhibit.name)
@pytest.mark.parametrize("result", RESULTS)
def test_words_are_two_sentences_of_this_result(solved, exhibit, result):
    assert_two_sentences(exhibit.describe(RESULTS[result](solved)))


def test_settings_of_matplotlib_are_left_alone(solved):
    before = dict(matplotlib.rcParams)
    for exhibit in EXHIBITS:
        drawn(exhibit.plot(solved))
    assert dict(matplotlib.rcParams) == before


def stairs(axes, label):
    (found,) = [patch for patch in axes.patches if patch.get_label() == label]
    return found.get_data()


def test_prices_are_those_of_the_dataset(solved):
    (axes,) = plot_prices(solved).axes
    for label, name in (
        ("sell price", "sell_price"),
        ("buy price", "buy_price"),
        ("retail tariff", "retail_price"),
        ("feed-in tariff", "feed_in_price"),
    ):
        np.testing.assert_array_equal(stairs(axes, label).values, solved[name])
        np.testing.assert_array_equal(stairs(axes, label).edges, np.arange(25))


def test_times_without_trade_are_marked(solved):
    (axes,) = plot_prices(nobody_sells(solved)).axes
    (mark,) = [patch for patch in axes.patches if patch.get_label() == "no inside trade"]
    assert mark.get_x() == 0 and mark.get_width() == 24
    busy = solved.assign(traded_inside=solved["traded_inside"] + 1)
    assert "no inside trade" not in plot_prices(busy).axes[0].get_legend_handles_labels()[1]


def test_exploitability_is_relative_to_what_the_certificate_says(solved):
    (axes,) = plot_convergence(solved).axes
    assert axes.get_ylabel().endswith("(% of the gain)")
    (axes,) = plot_convergence(nobody_sells(solved)).axes
    assert axes.get_ylabel().endswith("(% of a nominal gain)")


def clock_ticks(figure):
    axis = figure.axes[-1].xaxis
    labels = [label.get_text() for label in axis.get_ticklabels()]
    return dict(zip(labels, axis.get_ticklocs().tolist(), strict=True))


@pytest.mark.parametrize(
    "start, hours, expected",
    [
        ("2023-07-12", 24, {"00:00": 0, "03:00": 3, "21:00": 21, "24:00": 24}),
        ("2023-03-26", 23, {"00:00": 0, "03:00": 2, "21:00": 20, "24:00": 23}),
        ("2023-10-29", 25, {"00:00": 0, "03:00": 4, "21:00": 22, "24:00": 25}),
    ],
)
def test_time_passes_evenly_under_the_clock_on_the_wall(solved, start, hours, expected):
    ticks = clock_ticks(plot_prices(clocks_change(start, hours)(solved)))
    assert {label: ticks[label] for label in expected} == expected
    assert len(ticks) == 9


@pytest.mark.parametrize("days", [2, 3, 4, 5, 9, 30])
def test_days_are_named_and_few_enough(solved, days):
    ticks = clock_ticks(plot_prices(over_days(days)(solved)))
    assert sum("12\N{NO-BREAK SPACE}Jul" in label for label in ticks) == 1
    assert 4 <= len(ticks) <= 10


def test_zero_gain_is_in_sight_and_means_are_marked(solved):
    (axes,) = plot_gains(solved).axes
    low, high = axes.get_xlim()
    assert low < 0 < high
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert len(labels) == 3 and all("mean" in label for label in labels)


def test_best_round_so_far_never_rises(solved):
    (axes,) = plot_convergence(solved).axes
    lines = {line.get_label(): np.asarray(line.get_ydata()) for line in axes.lines}
    relative = solved["round_relative_exploitability"].values
    np.testing.assert_array_equal(lines["each round"], relative)
    np.testing.assert_array_equal(lines["best so far"], np.minimum.accumulate(relative))
    (tolerance,) = set(next(y for name, y in lines.items() if name.startswith("tolerance")))
    assert tolerance == solved.attrs["tolerance"]


def test_storage_adds_up_batteries_and_leaves_flexible_loads_out(solved):
    figure = plot_storage(RESULTS["every device"](solved))
    titles = [axes.get_legend().get_title().get_text() for axes in figure.axes]
    assert titles == ["Batteries", "Vehicles", "Thermal stores"]
    initial, later = solved["initial_state_of_charge"], solved["state_of_charge"]
    one = [
        (solved["represented"] * energy.isel(device=0)).sum("household")
        for energy in (initial, later)
    ]
    line = next(line for line in figure.axes[0].lines if line.get_label() == "with a community")
    np.testing.assert_array_equal(line.get_xdata(), np.arange(25))
    np.testing.assert_allclose(line.get_ydata(), 2 * np.append(*one))


def test_a_colour_means_the_same_in_every_figure(solved):
    colours = {}
    for exhibit in EXHIBITS:
        for axes in exhibit.plot(solved).axes:
            for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
                colour = getattr(handle, "get_edgecolor", None) or handle.get_color
                colours.setdefault(label, set()).add(np.asarray(colour()).tobytes())
                if label == "with a community":
                    assert to_hex(colour()) == "#009e73"
    assert {"supply", "demand", "with a community", "without a community"} <= set(colours)
