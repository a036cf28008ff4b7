"""Prices of every cluster over time."""

import numpy as np
import xarray as xr
from jaxtyping import Float, Int
from matplotlib.figure import Figure

from mfgamm.study.figures.style import ThinSpaceFormatter, panels, styled
from mfgamm.study.figures.time_axis import label_wall_clock, step_edges
from mfgamm.study.wording import euros, moment

# Clusters are named along the axis where there is room for names.
MOST_NAMES = 12


@styled
def plot_cluster_prices(dataset: xr.Dataset) -> Figure:
    """Sell and buy price of each cluster, €/kWh, the cheapest to buy in at the top."""
    figure, axes = panels(2, 5.4)
    order, edges = _by_price(dataset), step_edges(dataset)
    shown = [dataset[f"cluster_{side}_price"].values[order] for side in ("sell", "buy")]
    low, high = min(each.min() for each in shown), max(each.max() for each in shown)
    images = []
    for axis, title, prices in zip(axes, ("Selling", "Buying"), shown, strict=True):
        images.append(
            axis.imshow(
                prices,
                extent=(edges[0], edges[-1], len(order), 0),
                aspect="auto",
                cmap="cividis",
                vmin=low,
                vmax=max(high, low + 1e-3),
                interpolation="none",
            )
        )
        axis.grid(visible=False)
        axis.set_title(title, fontsize=9, fontweight="bold", loc="left")
        _name_rows(axis, dataset["cluster"].values[order])
    label_wall_clock(axes[-1], dataset)
    bar = figure.colorbar(images[-1], ax=axes, aspect=40, format=ThinSpaceFormatter())
    bar.set_label("Price (€/kWh)")
    return figure


def describe_cluster_prices(dataset: xr.Dataset) -> tuple[str, str]:
    """What the figure shows, in two sentences."""
    buy = dataset["cluster_buy_price"].values
    apart = buy.max(axis=0) - buy.min(axis=0)
    widest = int(apart.argmax())
    order = _by_price(dataset)
    names, means = dataset["cluster"].values, _mean_prices(dataset).tolist()
    first, last = int(order[0]), int(order[-1])
    return (
        f"A kWh costs {euros(means[first], 3)} on average over the hours in {names[first]} and "
        f"{euros(means[last], 3)} in {names[last]}.",
        f"Clusters differ most at {moment(dataset, widest)}, when buying costs from "
        f"{euros(buy[:, widest].min(), 3)} to {euros(buy[:, widest].max(), 3)}.",
    )


def _name_rows(axis, names: np.ndarray) -> None:
    if names.size <= MOST_NAMES:
        axis.set_yticks(np.arange(names.size) + 0.5, labels=[str(name) for name in names])
        axis.tick_params(axis="y", length=0)
    else:
        axis.set_yticks([])
        axis.set_ylabel(f"{names.size} clusters")


def _by_price(dataset: xr.Dataset) -> Int[np.ndarray, " cluster"]:
    """The clusters, the cheapest first."""
    return np.argsort(_mean_prices(dataset), kind="stable")


def _mean_prices(dataset: xr.Dataset) -> Float[np.ndarray, " cluster"]:
    """Over the horizon, €/kWh: not weighted, so that clusters without trade have one, too."""
    return dataset["cluster_buy_price"].values.mean(axis=1)
