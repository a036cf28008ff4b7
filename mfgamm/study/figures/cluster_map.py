"""Clusters where they are: how strongly they are tied, and what they trade with each other."""

import numpy as np
import xarray as xr
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.figure import Figure

from mfgamm.study.cluster_summary import summarise_clusters
from mfgamm.study.figures.style import (
    GREY,
    INK,
    PAGE_WIDTH,
    ThinSpaceFormatter,
    legend_above,
    styled,
)
from mfgamm.study.wording import UNIT_SPACE, count, enumerated, measure, number

# Each cluster's ties to so many others are drawn: those to all others would be a blot.
TIES = 3
# Clusters are named where there is room for names.
MOST_NAMES = 12
# Hours of the day, by the clock on the wall: when the summer sun is highest, and when it is gone.
NOON, EVENING = 13, 19
# Clusters that trade less than this, W per household, do not trade.
NOBODY_W = 0.5
# Margin of a map, as a share of its larger side.
RIM = 0.15
# Widest tie and largest cluster, points.
WIDEST, LARGEST = 3.0, 17.0


@styled
def plot_cluster_map(dataset: xr.Dataset) -> Figure:
    """Clusters by size and by what they generate, with their strongest ties."""
    figure, (axis,) = _maps(dataset, 1)
    _draw_network(axis, dataset)
    for weight in (0.9, 0.6, 0.3):
        axis.plot([], [], color=GREY, linewidth=WIDEST * weight, label=f"coupling {weight:g}")
    _draw_ties(axis, dataset)
    generated = _generated(dataset)
    dots = _draw_clusters(axis, dataset, generated, "cividis", 0.0, float(generated.max()) or 1.0)
    _draw_names(axis, dataset)
    bar = figure.colorbar(dots, ax=axis, shrink=0.8, aspect=30, format=ThinSpaceFormatter())
    bar.set_label("Generation (kWh per household-day)")
    legend_above(axis)
    return figure


def describe_cluster_map(dataset: xr.Dataset) -> tuple[str, str]:
    """What the figure shows, in two sentences."""
    summary, generated = summarise_clusters(dataset), _generated(dataset)
    lived_in = dataset["cluster_households"].values > 0
    least, most = generated[lived_in].min(), generated[lived_in].max()
    sizes = dataset["cluster_households"].values[lived_in]
    spread = (
        f"{number(sizes.min())}"
        if sizes.min() == sizes.max()
        else f"{number(sizes.min())} to {number(sizes.max())}"
    )
    coupling = number(summary.mean_coupling, 2) if lived_in.size > 1 else "nothing"
    return (
        f"The {count(int(lived_in.sum()), 'cluster')} have {spread} households, who generate from "
        f"{measure(least, 'kWh')} to {measure(most, 'kWh')} a day each.",
        f"Of what another cluster offers, a cluster sees {coupling} on average, the less the "
        f"farther away (α{UNIT_SPACE}={UNIT_SPACE}{summary.alpha:g}); only the strongest ties are "
        "drawn.",
    )


@styled
def plot_cluster_flows(dataset: xr.Dataset) -> Figure:
    """What each cluster sells to others less what it buys from them, at noon and in the evening."""
    figure, axes = _maps(dataset, 2)
    moments = [cluster_flow(dataset, hour) for hour in (NOON, EVENING)]
    largest = max(float(np.abs(flow).max()) for flow in moments) or 1.0
    drawn = []
    for axis, hour, flow in zip(axes, (NOON, EVENING), moments, strict=True):
        _draw_network(axis, dataset)
        _draw_ties(axis, dataset, faint=True)
        drawn.append(_draw_clusters(axis, dataset, flow, "PuOr_r", -largest, largest))
        _draw_names(axis, dataset)
        axis.set_xlabel(f"{hour}:00 to {hour + 1}:00", fontweight="bold")
    bar = figure.colorbar(
        drawn[-1], ax=axes, location="bottom", shrink=0.7, aspect=40, format=ThinSpaceFormatter()
    )
    bar.set_label("Sold to other clusters, bought negative (W per household)")
    return figure


def describe_cluster_flows(dataset: xr.Dataset) -> tuple[str, str]:
    """What the figure shows, in two sentences."""
    return (
        f"Between {NOON}:00 and {NOON + 1}:00 {_traders(dataset, NOON)}.",
        f"Between {EVENING}:00 and {EVENING + 1}:00 {_traders(dataset, EVENING)}.",
    )


def cluster_flow(dataset: xr.Dataset, hour: int) -> Float[np.ndarray, " cluster"]:
    """Sales less purchases of each cluster in an hour of the day, W per household.

    The mean over the days of the horizon; zero where nobody lives, or nothing is traded.
    """
    if "cluster_sales" not in dataset:
        return np.zeros(dataset.sizes["cluster"])
    then = dataset["local_time"].dt.hour.values == hour
    net = (dataset["cluster_sales"] - dataset["cluster_purchases"]).values[:, then].mean(axis=1)
    households = dataset["cluster_households"].values
    return np.divide(1000 * net, households, out=np.zeros_like(net), where=households > 0)


def _traders(dataset: xr.Dataset, hour: int) -> str:
    """Who sells and who buys most, on balance."""
    flow, names = cluster_flow(dataset, hour), dataset["cluster"].values
    sides = [
        f"{count(int(some.sum()), 'cluster')} {verb if some.sum() > 1 else verb + 's'} on balance, "
        f"{names[np.abs(flow * some).argmax()]} most with "
        f"{measure(np.abs(flow * some).max(), 'W')} per household"
        for verb, some in (("sell", flow > NOBODY_W), ("buy", flow < -NOBODY_W))
        if some.any()
    ]
    return enumerated(sides) if sides else "no cluster sells to another or buys from one"


def _maps(dataset: xr.Dataset, columns: int) -> tuple[Figure, list[Axes]]:
    """Panels of equal scale in both directions, with room for names at the rim."""
    figure = Figure(figsize=(PAGE_WIDTH, 4.6 if columns == 1 else 4.2), layout="constrained")
    axes = figure.subplots(1, columns, squeeze=False)[0].tolist()
    points = np.concatenate([_places(dataset), _buses(dataset)])
    low, high = points.min(axis=0), points.max(axis=0)
    room = RIM * (float((high - low).max()) or 1.0)
    for axis in axes:
        axis.set_aspect("equal")
        axis.set_xlim(low[0] - room, high[0] + room)
        axis.set_ylim(low[1] - room, high[1] + room)
        axis.set_xticks([])
        axis.set_yticks([])
        axis.spines[:].set_visible(False)
    return figure, axes


def _draw_network(axis: Axes, dataset: xr.Dataset) -> None:
    """Lines and buses, if clusters are communities of a network."""
    if "line_ends" not in dataset.coords:
        return
    buses = _buses(dataset)
    ends = buses[dataset["line_ends"].values]
    axis.add_collection(LineCollection(list(ends), colors=INK, linewidths=0.8, zorder=1.5))
    axis.scatter(buses[:, 0], buses[:, 1], 6, color=INK, linewidths=0, zorder=1.6, label="bus")
    heads = dataset["bus_cluster"].values == ""
    axis.scatter(
        buses[heads, 0], buses[heads, 1], 30, color=INK, marker="s", zorder=1.7, label="grid"
    )


def _draw_ties(axis: Axes, dataset: xr.Dataset, faint: bool = False) -> None:
    """Each cluster's strongest ties, as wide as they are strong."""
    weights = dataset["coupling"].values
    pairs = strongest_ties(weights)
    if not pairs:
        return
    first, second = np.array(pairs).T
    places = _places(dataset)
    widths = (0.4 if faint else 1.0) * WIDEST * weights[first, second]
    lines = list(np.stack([places[first], places[second]], axis=1))
    alpha = 0.25 if faint else 0.55
    axis.add_collection(
        LineCollection(lines, linewidths=widths.tolist(), colors=GREY, alpha=alpha, zorder=1.0)
    )


def strongest_ties(weights: Float[np.ndarray, "cluster cluster"]) -> list[tuple[int, int]]:
    """Pairs of clusters, each once, of which one is among the other's `TIES` nearest."""
    pairs = set()
    for cluster, row in enumerate(weights):
        others = [other for other in np.argsort(-row, kind="stable").tolist() if other != cluster]
        pairs |= {(min(cluster, other), max(cluster, other)) for other in others[:TIES]}
    return sorted(pairs)


def _draw_clusters(
    axis: Axes,
    dataset: xr.Dataset,
    values: Float[np.ndarray, " cluster"],
    colours: str,
    low: float,
    high: float,
) -> PathCollection:
    """One dot a cluster, its area by its households, empty clusters a point."""
    households = dataset["cluster_households"].values
    crowd = np.clip(4.0 / np.sqrt(households.size), 0.5, 1.0)
    areas = (crowd * LARGEST) ** 2 * households / max(households.max(), 1.0)
    return axis.scatter(
        dataset["cluster_x"].values,
        dataset["cluster_y"].values,
        s=np.maximum(areas, 2.0),
        c=values,
        cmap=colours,
        vmin=low,
        vmax=high,
        edgecolors=INK,
        linewidths=0.5,
        zorder=2.0,
    )


def _draw_names(axis: Axes, dataset: xr.Dataset) -> None:
    names = dataset["cluster"].values
    if names.size > MOST_NAMES:
        return
    for name, place in zip(names, _places(dataset), strict=True):
        axis.annotate(
            str(name),
            place,
            (0, 11),
            textcoords="offset points",
            ha="center",
            fontsize=8,
            zorder=3,
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 0.6},
        )


def _places(dataset: xr.Dataset) -> Float[np.ndarray, "cluster 2"]:
    return np.stack([dataset["cluster_x"].values, dataset["cluster_y"].values], axis=1)


def _buses(dataset: xr.Dataset) -> Float[np.ndarray, "bus 2"]:
    """None where clusters are not of a network."""
    if "line_ends" not in dataset.coords:
        return np.zeros((0, 2))
    return np.stack([dataset["bus_x"].values, dataset["bus_y"].values], axis=1)


def _generated(dataset: xr.Dataset) -> Float[np.ndarray, " cluster"]:
    """kWh per household-day; 0 where nobody lives."""
    energy = dataset["cluster_generation"].values.sum(axis=1) * float(dataset.attrs["step_hours"])
    households = dataset["cluster_households"].values * float(dataset.attrs["days"])
    return np.divide(energy, households, out=np.zeros_like(energy), where=households > 0)
