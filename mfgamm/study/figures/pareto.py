"""What two objectives cost in terms of each other, and the curves at the front's ends."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mfgamm.market import CommunityMarket
from mfgamm.study.figures.style import (
    BLUE,
    GREY,
    INK,
    PAGE_WIDTH,
    PALE,
    VERMILION,
    WITHOUT_COMMUNITY,
    ThinSpaceFormatter,
    styled,
)
from mfgamm.study.figures.tuning import SOLD, curve_positions
from mfgamm.study.wording import trimmed
from mfgamm.tuning import objective_label

# Points nearer than this share of the panel share a label.
CLOSE = 0.1
# What hardly moves is not blown up: a panel spans at least this share of its largest number.
LEAST_SPAN = 0.02
MARGIN = 0.18


class FrontPoints(NamedTuple):
    """What is drawn of a front, both objectives as they are named.

    Attributes:
        tuned: of each tuned market.
        efficient: which of them are full and joined; the others are hollow.
        weights: of the second objective at each.
        before: of the market as it was.
    """

    tuned: Float[np.ndarray, "point 2"]
    efficient: Bool[np.ndarray, " point"]
    weights: Float[np.ndarray, " point"]
    before: Float[np.ndarray, " 2"]


class FrontEnds(NamedTuple):
    """Markets: as it was, and with all weight on the first or on the second objective."""

    before: CommunityMarket
    first: CommunityMarket
    last: CommunityMarket


@styled
def plot_front(names: tuple[str, str], points: FrontPoints, ends: FrontEnds) -> Figure:
    """The front of two objectives, each point with its weight, beside the curves of its ends."""
    figure = Figure(figsize=(PAGE_WIDTH, 2.9), layout="constrained")
    front, shape = figure.subplots(1, 2)
    for axis in (front, shape):
        axis.grid(color=PALE, linewidth=0.6)
    _draw_front(front, points)
    first, second = map(objective_label, names)
    front.set_xlabel(first[0].upper() + first[1:])
    front.set_ylabel(second[0].upper() + second[1:])
    drawn = {
        "as it is": (ends.before, WITHOUT_COMMUNITY),
        f"all for {names[0]}": (ends.first, {"color": BLUE}),
        f"all for {names[1]}": (ends.last, {"color": VERMILION, "linestyle": (0, (5, 1.4))}),
    }
    for label, (market, line) in drawn.items():
        shape.plot(SOLD, curve_positions(market.curve, market.tariff), label=label, **line)
    shape.set_xlabel("Share of the supply sold")
    shape.set_ylabel("Marginal price (share of the spread)")
    shape.set_ylim(-0.03, 1.03)
    shape.legend()
    return figure


def _draw_front(axis: Axes, points: FrontPoints) -> None:
    best, beaten = points.tuned[points.efficient], points.tuned[~points.efficient]
    along = best[np.argsort(best[:, 0])]
    axis.plot(*along.T, color=BLUE, linewidth=1.2, marker="o", markersize=5, label="efficient")
    if beaten.size:
        hollow = {"color": GREY, "marker": "o", "markersize": 5, "markerfacecolor": "none"}
        axis.plot(*beaten.T, linestyle="", label="beaten by another", **hollow)
    axis.plot(*points.before, linestyle="", marker="D", markersize=5, color=INK, label="as it is")
    low, high = _reach(points)
    axis.set_xlim(low[0], high[0])
    axis.set_ylim(low[1], high[1])
    for text, point in _labels(points):
        axis.annotate(text, point, (6, -10), textcoords="offset points", color=GREY, fontsize=8)
    for scale in (axis.xaxis, axis.yaxis):
        scale.set_major_formatter(ThinSpaceFormatter())
    axis.legend()


def _reach(points: FrontPoints) -> tuple[Float[np.ndarray, " 2"], Float[np.ndarray, " 2"]]:
    """Where the panel begins and ends, in both objectives."""
    drawn = np.vstack([points.tuned, points.before])
    least = LEAST_SPAN * np.abs(drawn).max(axis=0) + np.finfo(float).tiny
    span = np.maximum(np.ptp(drawn, axis=0), least)
    middle = (drawn.min(axis=0) + drawn.max(axis=0)) / 2
    return middle - (0.5 + MARGIN) * span, middle + (0.5 + MARGIN) * span


def _labels(points: FrontPoints) -> list[tuple[str, tuple[float, float]]]:
    """Weights by where they stand: neighbours too close to be labelled apart share a label."""
    low, high = _reach(points)
    groups: list[list[int]] = []
    for k, point in enumerate(points.tuned):
        if groups and np.all(np.abs(point - points.tuned[groups[-1][0]]) < CLOSE * (high - low)):
            groups[-1].append(k)
        else:
            groups.append([k])
    return [(_span(points.weights[group]), tuple(points.tuned[group[-1]])) for group in groups]


def _span(weights: Float[np.ndarray, " point"]) -> str:
    first, last = (trimmed(weights[k], 2) for k in (0, -1))
    return first if first == last else f"{first}–{last}"
