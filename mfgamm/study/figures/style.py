"""How every figure looks: colours that everybody can tell apart, sizes that print on A4.

The colours are those of Okabe and Ito. A colour always means the same thing, and no two lines
of a figure differ by colour alone. Thin dashes are drawn over thick lines, so that both can be
seen where they coincide.
"""

from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import Formatter

from mfgamm.study.wording import number

ORANGE, SKY, PURPLE, YELLOW = "#E69F00", "#56B4E9", "#CC79A7", "#F0E442"
VERMILION, BLUE, GREEN = "#D55E00", "#0072B2", "#009E73"
INK, GREY, PALE = "#222222", "#6E6E6E", "#E4E4E4"

SELLING = {"color": VERMILION, "linestyle": "-", "linewidth": 1.7}
BUYING = {"color": BLUE, "linestyle": (0, (5, 1.4)), "linewidth": 1.7}
WITH_COMMUNITY = {"color": GREEN, "linestyle": "-", "linewidth": 2.2}
WITHOUT_COMMUNITY = {"color": "#3C3C3C", "linestyle": (0, (4, 2)), "linewidth": 1.1}
CATEGORY_COLOURS = (ORANGE, SKY, PURPLE, YELLOW, INK)

# The text width of an A4 page with margins of 18 mm, in inches.
PAGE_WIDTH = 6.85

STYLE: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9,
    "axes.labelsize": 9,
    "axes.labelcolor": INK,
    "axes.edgecolor": GREY,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.unicode_minus": True,
    "axes.formatter.useoffset": False,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "text.color": INK,
    "legend.fontsize": 8.5,
    "legend.title_fontsize": 9,
    "legend.frameon": False,
    "legend.handlelength": 2.3,
    "legend.handletextpad": 0.5,
    "legend.columnspacing": 1.4,
    "legend.borderaxespad": 0.0,
    "legend.borderpad": 0.2,
    "hatch.linewidth": 0.6,
}

# Decorates whatever makes a figure; matplotlib's own settings are the same afterwards.
styled = rc_context(STYLE)


def panels(rows: int, height: float) -> tuple[Figure, list[Axes]]:
    """A figure as wide as the page with panels below each other that share their x axis.

    Args:
        rows: number of panels.
        height: of the figure, inches.
    """
    figure = Figure(figsize=(PAGE_WIDTH, height), layout="constrained")
    axes = figure.subplots(rows, 1, sharex=True, squeeze=False)[:, 0].tolist()
    for axis in axes:
        axis.grid(color=PALE, linewidth=0.6)
        axis.yaxis.set_major_formatter(ThinSpaceFormatter())
    return figure, axes


def legend_above(axis: Axes, title: str | None = None, columns: int = 5) -> None:
    """Name the lines above the panel, where nothing else is."""
    handles, labels = axis.get_legend_handles_labels()
    legend = axis.legend(
        handles,
        labels,
        loc="lower left",
        bbox_to_anchor=(0.0, 1.02),
        ncols=min(columns, len(handles)),
        title=title,
        alignment="left",
    )
    legend.get_title().set_fontweight("bold")


def say_absent(axis: Axes, text: str) -> None:
    """Say in an empty panel why it is empty."""
    axis.text(0.5, 0.5, text, transform=axis.transAxes, ha="center", va="center", color=GREY)
    axis.set_yticks([])
    axis.set_ylim(0, 1)


class ThinSpaceFormatter(Formatter):
    """Tick labels with thin-space thousands, all with the decimals that the finest needs."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        return self.format_ticks([x])[0]

    def format_ticks(self, values) -> list[str]:
        ticks = np.asarray(values, float)
        fits = (d for d in range(6) if np.allclose(ticks, ticks.round(d), rtol=0, atol=1e-9))
        decimals = next(fits, 6)
        return [number(tick, decimals) for tick in ticks]
