"""A picture of quantities that fall like powers of a number."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

# Colours that stay apart for every kind of colour vision (Okabe and Ito).
COLOURS, GREY = ("#0072B2", "#D55E00"), "#6E6E6E"
MARKS = ("o-", "s--")


class Series(NamedTuple):
    """A quantity, its label, and the power with which it falls."""

    values: np.ndarray
    label: str
    slope: float


def slope_of(numbers: np.ndarray, values: np.ndarray) -> float:
    """The power of the number with which the values grow, by least squares of logarithms."""
    return float(np.polyfit(np.log(numbers), np.log(values), 1)[0])


def draw_power_laws(
    path: Path,
    name: str,
    numbers: np.ndarray,
    series: list[Series],
    labels: tuple[str, str],
    *,
    title: str = "",
    guide: float | None = None,
) -> None:
    """Write a figure with logarithmic axes as SVG.

    Args:
        path: of the file.
        name: letter of the number, for the legend.
        numbers: on the x axis.
        series: lines.
        labels: of the two axes.
        title: above it.
        guide: power of a dotted line beside the first series; none if None.
    """
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    settings = {"svg.hashsalt": path.stem, "svg.fonttype": "none", "font.size": 9}
    with plt.rc_context(settings):
        figure, axis = plt.subplots(figsize=(5, 3.4))
        for line, colour, marks in zip(series, COLOURS, MARKS, strict=False):
            power = f"{line.slope:.2f}".replace("-", "−")
            label = f"{line.label}: {name}^{power}"
            axis.loglog(numbers, line.values, marks, color=colour, label=label)
        if guide is not None:
            along = 1.6 * series[0].values[0] * (numbers / numbers[0]) ** guide
            axis.loglog(
                numbers, along, ":", color=GREY, label=f"{name}^{guide:g}".replace("-", "−")
            )
        axis.set(xlabel=labels[0], ylabel=labels[1])
        axis.set_title(title, fontsize=9)
        axis.legend(frameon=False)
        for side in ("top", "right"):
            axis.spines[side].set_visible(False)
        figure.tight_layout()
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, metadata={"Date": None})
        plt.close(figure)
