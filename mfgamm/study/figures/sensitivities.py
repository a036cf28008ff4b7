"""What a step of each parameter does to each metric: bars, hollow where derivatives are unsure."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from mfgamm.study.figures.style import BLUE, GREY, INK, PAGE_WIDTH, PALE, VERMILION, styled

SURE_MARK, UNSURE_MARK = " ", "?"
# Panels a row: with more, tick labels collide.
COLUMNS = 3


@styled
def plot_sensitivities(dataset: xr.Dataset) -> Figure:
    """One panel a metric, one bar a parameter: the effect of a step, in the metric's unit."""
    count, parameters = dataset.sizes["metric"], dataset.sizes["parameter"]
    rows = -(-count // COLUMNS)
    height = rows * (0.9 + 0.19 * parameters)
    figure = Figure(figsize=(PAGE_WIDTH, height), layout="constrained")
    axes = figure.subplots(rows, COLUMNS, sharey=True, squeeze=False)
    for index, axis in enumerate(axes.flat):
        if index < count:
            _draw(axis, dataset.isel(metric=index))
        else:
            axis.set_visible(False)
    first: Axes = axes[0, 0]
    first.set_yticks(range(parameters), labels=dataset["parameter"].values.tolist())
    first.set_ylim(parameters - 0.5, -0.5)
    figure.supxlabel(
        "Change with one step of the parameter; hollow: no derivative to rely on", fontsize=9
    )
    return figure


def _draw(axis: Axes, one: xr.Dataset) -> None:
    effect = one["effect"].values
    sure = one["settled"].values & one["verified"].values
    colours = np.where(effect >= 0, BLUE, VERMILION)
    axis.barh(
        np.arange(effect.size),
        effect,
        height=0.65,
        color=np.where(sure, colours, "none").tolist(),
        edgecolor=colours.tolist(),
        linewidth=0.9,
    )
    axis.axvline(0, color=INK, linewidth=0.8)
    axis.set_title(str(one["metric"].values), fontsize=9, loc="left")
    axis.set_xlabel(str(one["metric_unit"].values), color=GREY, fontsize=8)
    axis.xaxis.set_major_locator(MaxNLocator(nbins=3))
    axis.grid(color=PALE, linewidth=0.6, axis="x")
    axis.tick_params(axis="y", length=0)
    # Zero is always in sight, and a metric that nothing moves is not blown up to rounding.
    reach = max(np.abs(effect).max(), 1e-6)
    axis.set_xlim(min(effect.min(), 0) - 0.06 * reach, max(effect.max(), 0) + 0.06 * reach)
