"""Prices inside the community, between the two tariffs of the grid."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mfgamm.study.figures.style import (
    BUYING,
    INK,
    PALE,
    SELLING,
    legend_above,
    panels,
    styled,
)
from mfgamm.study.figures.time_axis import label_wall_clock, step_edges
from mfgamm.study.summary import mean_price, summarise, trickle
from mfgamm.study.wording import euros, hours, moment


@styled
def plot_prices(dataset: xr.Dataset) -> Figure:
    """Sell and buy price inside the band that feed-in and retail tariff span, €/kWh."""
    figure, (axis,) = panels(1, 2.9)
    edges = step_edges(dataset)
    feed_in, retail = dataset["feed_in_price"].values, dataset["retail_price"].values
    axis.stairs(retail, edges, baseline=feed_in, fill=True, color=PALE, alpha=0.6)
    border = {"baseline": None, "color": INK, "linewidth": 0.9}
    axis.stairs(retail, edges, linestyle=(0, (1, 1)), label="retail tariff", **border)
    axis.stairs(dataset["buy_price"], edges, baseline=None, label="buy price", **BUYING)
    axis.stairs(dataset["sell_price"], edges, baseline=None, label="sell price", **SELLING)
    axis.stairs(feed_in, edges, linestyle=(0, (4, 1, 1, 1)), label="feed-in tariff", **border)
    _set_price_range(axis, feed_in, retail)
    _mark_no_trade(axis, edges, no_trade(dataset))
    axis.set_ylabel("Price (€/kWh)")
    label_wall_clock(axis, dataset)
    legend_above(axis)
    return figure


def describe_prices(dataset: xr.Dataset) -> tuple[str, str]:
    """What the figure shows, in two sentences."""
    summary = summarise(dataset)
    feed_in, retail = grid_prices(dataset)
    idle = no_trade(dataset)
    step = float(dataset.attrs["step_hours"])
    if idle.all():
        return _describe_no_trade(dataset)
    spread = np.where(idle, np.inf, (dataset["buy_price"] - dataset["sell_price"]).values)
    closest = int(np.argmin(spread))
    nearest = float(spread[closest])
    quiet = (
        f"nothing is traded inside during {hours(idle.sum() * step)} of "
        f"{hours(idle.size * step)} hours"
        if idle.any()
        else "something is traded inside at every step"
    )
    return (
        f"A kWh sold inside earns {euros(summary.mean_sell_price, 3)} on average and a kWh bought "
        f"costs {euros(summary.mean_buy_price, 3)}, where the grid would pay {euros(feed_in, 3)} "
        f"and charge {euros(retail, 3)} at the same times.",
        f"The two prices come closest at {moment(dataset, closest)}, "
        f"{'less than ' if nearest < 0.001 else ''}{euros(max(nearest, 0.001), 3)} apart, and "
        f"{quiet}.",
    )


def no_trade(dataset: xr.Dataset) -> np.ndarray:
    """At which steps nothing worth mentioning is traded inside."""
    return dataset["traded_inside"].values <= trickle(dataset)


def grid_prices(dataset: xr.Dataset) -> tuple[float, float]:
    """What the grid would pay and charge for what is sold and bought inside, €/kWh."""
    feed_in = mean_price(dataset, "feed_in_price", "supply")
    return feed_in, mean_price(dataset, "retail_price", "demand")


def _describe_no_trade(dataset: xr.Dataset) -> tuple[str, str]:
    summary = summarise(dataset)
    feed_in, retail = grid_prices(dataset)
    sellers, buyers = not np.isnan(feed_in), not np.isnan(retail)
    nothing = "Nothing is traded inside the community at any time: there are"
    if buyers:
        return (
            f"{nothing} {'sellers and buyers, but never at once' if sellers else 'no sellers'}.",
            f"A kWh bought costs {euros(summary.mean_buy_price, 3)} on average, where the grid "
            f"would charge {euros(retail, 3)} at the same times.",
        )
    if sellers:
        return (
            f"{nothing} no buyers.",
            f"A kWh sold earns {euros(summary.mean_sell_price, 3)} on average, where the grid "
            f"would pay {euros(feed_in, 3)} at the same times.",
        )
    return (f"{nothing} neither sellers nor buyers.", "The prices shown are paid by nobody.")


def _set_price_range(axis: Axes, feed_in: np.ndarray, retail: np.ndarray) -> None:
    low, high = float(feed_in.min()), float(retail.max())
    margin = 0.12 * max(high - low, 0.1 * abs(high), 0.01)
    axis.set_ylim(low - margin, high + margin)


def _mark_no_trade(axis: Axes, edges: np.ndarray, idle: np.ndarray) -> None:
    """A bar along the foot of the panel while nothing is traded inside."""
    change = np.diff(np.concatenate([[0], idle.astype(int), [0]]))
    spans = zip(np.flatnonzero(change > 0), np.flatnonzero(change < 0), strict=True)
    for index, (start, stop) in enumerate(spans):
        label = "no inside trade" if index == 0 else None
        axis.axvspan(
            edges[start], edges[stop], ymax=0.025, facecolor=INK, edgecolor="none", label=label
        )
