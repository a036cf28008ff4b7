"""Who gains: the households of each category, one dot each."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mfgamm.study.figures.style import (
    CATEGORY_COLOURS,
    GREY,
    INK,
    legend_above,
    panels,
    styled,
)
from mfgamm.study.summary import Summary, summarise
from mfgamm.study.wording import count, enumerated, euros, number

# Losing less than what rounds to a cent a day is not losing.
LOSS_EUR = 0.005
NOTHING_EUR = 0.001
# More dots than this are a blot: quantiles of the category then stand for its households.
MOST_DOTS = 300
# Quantiles of fewer households than this say nothing that the dots do not.
FEWEST_FOR_QUANTILES = 10
GOLDEN_RATIO = (1 + 5**0.5) / 2


@styled
def plot_gains(dataset: xr.Dataset) -> Figure:
    """Gain of each household by category, € per day, with means and quantiles."""
    summary = summarise(dataset)
    figure, (axis,) = panels(1, 1.1 + 0.62 * len(summary.categories))
    axis.axvline(0, color=INK, linewidth=1.0)
    for row, category in enumerate(summary.categories):
        daily, weights = _category_gains(dataset, category.name)
        colour = CATEGORY_COLOURS[row % len(CATEGORY_COLOURS)]
        _draw_category(axis, row, daily, weights, colour)
    axis.set_yticks(range(len(summary.categories)), labels=_row_labels(summary))
    axis.tick_params(axis="y", length=0)
    axis.grid(visible=False, axis="y")
    axis.set_ylim(len(summary.categories) - 0.5, -0.5)
    axis.set_xlabel("Gain over trading with the grid alone (€ per household-day)")
    axis.spines["left"].set_visible(False)
    _set_gain_range(axis, daily_gains(dataset))
    _explain_marks(axis, dataset)
    return figure


def describe_gains(dataset: xr.Dataset) -> tuple[str, str]:
    """What the figure shows, in two sentences."""
    summary = summarise(dataset)
    daily = daily_gains(dataset)
    mean = summary.gain_eur / summary.days / summary.households
    ranked = sorted(summary.categories, key=lambda c: -c.gain_per_household_day_eur)
    named = [f"{euros(c.gain_per_household_day_eur, 3)} ({c.name})" for c in ranked]
    losing = losing_households(dataset)
    losers = (
        "no household loses half a cent a day or more"
        if losing == 0
        else f"{count(losing, 'household')} of {number(summary.households)} "
        f"{'loses' if number(losing) == '1' else 'lose'} half a cent a day or more"
    )
    if np.abs(daily).max() < NOTHING_EUR:
        return (
            "No household gains or loses a tenth of a cent a day.",
            f"For {count(summary.households, 'household')} like these a community is worth as "
            "much as none.",
        )
    return (
        f"The average household gains {euros(mean, 3)} a day, by category {enumerated(named)}.",
        f"Single households range from {euros(daily.min(), 3)} to {euros(daily.max(), 3)} a day, "
        f"and {losers}.",
    )


def daily_gains(dataset: xr.Dataset) -> np.ndarray:
    """Gain of a household of each type, € per day."""
    return (dataset["benchmark_bill"] - dataset["bill"]).values / float(dataset.attrs["days"])


def losing_households(dataset: xr.Dataset, category: str | None = None) -> float:
    """How many households, of a category or in all, lose at least half a cent a day."""
    losing = daily_gains(dataset) <= -LOSS_EUR
    if category is not None:
        losing &= dataset["category"].values == category
    return float(dataset["represented"].values[losing].sum())


def _category_gains(dataset: xr.Dataset, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Gains of a category's types, € per day, and how many households each stands for."""
    rows = dataset["category"].values == name
    return daily_gains(dataset)[rows], dataset["represented"].values[rows]


def _draw_category(
    axis: Axes, row: int, daily: np.ndarray, weights: np.ndarray, colour: str
) -> None:
    dots = _quantiles(daily, weights, np.linspace(0, 1, MOST_DOTS)) if _crowded(daily) else daily
    # Steps of the golden ratio fill the row evenly, and the same way every time.
    jitter = (np.arange(dots.size) / GOLDEN_RATIO) % 1.0 - 0.5 if dots.size > 3 else 0.0 * dots
    size = 9.0 if dots.size > 60 else 16.0
    axis.scatter(dots, row + 0.6 * jitter, size, color=colour, alpha=0.65, linewidths=0)
    inside = "none"
    if daily.size >= FEWEST_FOR_QUANTILES:
        inside = "white"
        low, first, third, high = _quantiles(daily, weights, np.array([0.05, 0.25, 0.75, 0.95]))
        axis.hlines(row, low, high, color=INK, linewidth=1.0)
        axis.hlines(row, first, third, color=INK, linewidth=4.0)
    mean = np.average(daily, weights=weights)
    axis.scatter(mean, row, 42, marker="D", color=inside, edgecolors=INK, zorder=4)


def _quantiles(daily: np.ndarray, weights: np.ndarray, levels: np.ndarray) -> np.ndarray:
    return np.quantile(daily, levels, weights=weights, method="inverted_cdf")


def _crowded(daily: np.ndarray) -> bool:
    return daily.size > MOST_DOTS


def _row_labels(summary: Summary) -> list[str]:
    return [
        f"{category.name} ({number(category.households)})\n"
        f"mean {euros(category.gain_per_household_day_eur, 3)}"
        for category in summary.categories
    ]


def _set_gain_range(axis: Axes, daily: np.ndarray) -> None:
    """Zero is always in sight, and a community without gains is not blown up to rounding."""
    low, high = min(daily.min(), 0.0), max(daily.max(), 0.0)
    margin = 0.04 * max(high - low, 0.25)
    axis.set_xlim(low - margin, high + margin)


def _explain_marks(axis: Axes, dataset: xr.Dataset) -> None:
    """Legend entries of marks drawn by category, in a colour of none."""
    sizes = [_category_gains(dataset, name)[0] for name in np.unique(dataset["category"].values)]
    alone = not any(map(_crowded, sizes))
    axis.scatter([], [], 16, color=GREY, label="a household" if alone else "households (sampled)")
    if any(size.size >= FEWEST_FOR_QUANTILES for size in sizes):
        axis.plot([], [], color=INK, linewidth=4.0, label="middle half")
        axis.plot([], [], color=INK, linewidth=1.0, label="middle 90 %")
    axis.scatter([], [], 42, marker="D", color="white", edgecolors=INK, label="mean")
    legend_above(axis)
