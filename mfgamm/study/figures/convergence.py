"""How the certificate tightened round by round."""

import math

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter

from mfgamm.study.figures.style import BLUE, GREY, INK, legend_above, panels, say_absent, styled
from mfgamm.study.summary import summarise
from mfgamm.study.wording import count, of_the_gain, percent, seconds

# Exploitability this far below the tolerance is drawn at the floor: a logarithm has no zero.
FLOOR = 1e-4
MOST_MARKERS = 60


@styled
def plot_convergence(dataset: xr.Dataset) -> Figure:
    """Exploitability relative to the community's gain after each round, with the tolerance."""
    figure, (axis,) = panels(1, 2.9)
    rounds, relative = dataset["round"].values, dataset["round_relative_exploitability"].values
    tolerance = float(dataset.attrs["tolerance"])
    axis.set_ylabel(f"Exploitability\n(% {of_the_gain(summarise(dataset))})")
    axis.set_xlabel("Round, and time since the first began")
    if rounds.size == 0:
        axis.set_xticks([])
        say_absent(axis, "The solve ended before its first round did.")
        return figure
    drawn = np.maximum(relative, FLOOR * tolerance)
    axis.set_yscale("log")
    axis.plot(
        rounds,
        drawn,
        color=GREY,
        linewidth=1.0,
        marker="o" if rounds.size <= MOST_MARKERS else "",
        markersize=3.5,
        label="each round",
    )
    if rounds.size > 1:
        best = np.minimum.accumulate(drawn)
        axis.step(rounds, best, where="post", color=BLUE, linewidth=1.8, label="best so far")
    label = f"tolerance ({percent(tolerance)})"
    axis.axhline(tolerance, color=INK, linestyle=(0, (5, 2)), linewidth=1.0, label=label)
    _set_log_range(axis, np.append(drawn, tolerance))
    _label_rounds(axis, rounds, dataset["round_elapsed"].values)
    legend_above(axis)
    return figure


def describe_convergence(dataset: xr.Dataset) -> tuple[str, str]:
    """What the figure shows, in two sentences."""
    relative = dataset["round_relative_exploitability"].values
    tolerance = float(dataset.attrs["tolerance"])
    if relative.size == 0:
        return (
            "The solve ended before its first round did.",
            "What is shown elsewhere is every household's answer to the grid's tariff.",
        )
    best = int(np.argmin(relative))
    verdict = "meets" if relative[best] <= tolerance else "misses"
    elapsed = seconds(float(dataset["round_elapsed"].values[-1]))
    if relative.size == 1:
        return (
            f"The only round ends with a relative exploitability of {percent(relative[0])}, which "
            f"{verdict} the tolerance of {percent(tolerance)}.",
            f"It took {elapsed}.",
        )
    share = of_the_gain(summarise(dataset))
    worse = int((np.diff(relative) > 0).sum())
    setbacks = (
        f"{worse} of them {'was' if worse == 1 else 'were'} worse than the one before, which is "
        "why the best is kept"
        if worse
        else "each was better than the one before"
    )
    return (
        f"Exploitability begins at {percent(relative[0])} {share} and is lowest in round "
        f"{best + 1}, at {percent(relative[best])}, which {verdict} the tolerance of "
        f"{percent(tolerance)}.",
        f"The {count(relative.size, 'round')} took {elapsed}, and {setbacks}.",
    )


def _set_log_range(axis: Axes, values: np.ndarray) -> None:
    """Whole decades, so that at least two labelled ticks are in sight."""
    low = math.floor(math.log10(0.8 * values.min()))
    high = max(math.ceil(math.log10(1.2 * values.max())), low + 1)
    axis.set_ylim(10.0**low, 10.0**high)
    axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:g}"))
    axis.yaxis.set_minor_formatter(NullFormatter())


def _label_rounds(axis: Axes, rounds: np.ndarray, elapsed: np.ndarray) -> None:
    """Under each labelled round, when it was over."""
    last = int(rounds[-1])
    ticks = MaxNLocator(nbins=8, integer=True).tick_values(1, max(last, 2))
    chosen = sorted({1, *(int(tick) for tick in ticks if 1 < tick <= last)})
    axis.set_xlim(0.5, last + 0.5)
    axis.set_xticks(chosen, labels=[f"{k}\n{seconds(elapsed[k - 1])}" for k in chosen])
