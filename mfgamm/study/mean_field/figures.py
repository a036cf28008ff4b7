"""The figures of a mean field study: costs, prices, densities, one household's day."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mfgamm.study.figures.exhibits import Exhibit
from mfgamm.study.figures.style import (
    BLUE,
    GREEN,
    GREY,
    INK,
    ORANGE,
    PAGE_WIDTH,
    PALE,
    SKY,
    VERMILION,
    ThinSpaceFormatter,
    legend_above,
    panels,
    styled,
)
from mfgamm.study.figures.time_axis import label_wall_clock, step_edges
from mfgamm.study.mean_field.dataset import state_names
from mfgamm.study.mean_field.summary import COUPLED, summarise_mean_field
from mfgamm.study.wording import euros, measure, moment, number, percent

STATE_LABELS = {
    "deviation": "Deviation (kW)",
    "controllable": "Ahead of habit (kWh)",
    "shiftable": "Task served (kWh)",
    "battery": "Battery (kWh)",
    "vehicle": "Vehicle (kWh)",
}


@styled
def plot_ways(dataset: xr.Dataset) -> Figure:
    """Cost of a household in each way to trade, €/day; what others pay; the published one."""
    summary = summarise_mean_field(dataset)
    figure = Figure(figsize=(PAGE_WIDTH, 2.6), layout="constrained")
    axis = figure.subplots()
    axis.grid(axis="x", color=PALE, linewidth=0.6)
    rows = np.arange(len(summary.ways))[::-1]
    costs = np.array([way.cost for way in summary.ways])
    paid = np.array([max(-way.operators_income, 0) for way in summary.ways])
    axis.barh(rows, costs, height=0.55, color=BLUE, label="household")
    if paid.max() > 0:
        axis.barh(
            rows, paid, left=costs, height=0.55, color="white", edgecolor=VERMILION, hatch="///",
            linewidth=0.8, label="paid by those who run the layers",
        )  # fmt: skip
    published = [way.published for way in summary.ways]
    if all(each is not None for each in published):
        values = np.array(published, float)
        axis.plot(values, rows, "D", color=ORANGE, markeredgecolor=INK, label="published")
    axis.set_yticks(rows, labels=[way.name for way in summary.ways])
    axis.tick_params(axis="y", length=0)
    axis.set_xlim(left=min(0.0, float(costs.min())))
    axis.set_xlabel("Expected cost of a household (€/day)")
    legend_above(axis)
    return figure


def describe_ways(dataset: xr.Dataset) -> tuple[str, str]:
    """What the figure shows, in two sentences."""
    summary = summarise_mean_field(dataset)
    alone, last = summary.ways[0], summary.ways[-1]
    saved = percent((alone.cost - last.cost) / abs(alone.cost))
    first = (
        f"The generic household pays {euros(alone.cost)} a day by itself and {euros(last.cost)} "
        f"in {last.place}, {saved} less."
    )
    if last.operators_income < -0.005:
        share = -last.operators_income / (alone.cost - last.cost)
        return first, (
            f"Those who run the layers pay {euros(-last.operators_income)} of it for each "
            f"household: {percent(share)} of what it saves."
        )
    return first, (
        f"Those who run the layers are left with {euros(last.operators_income)} a day for each "
        "household."
    )


@styled
def plot_layer_prices(dataset: xr.Dataset) -> Figure:
    """Prices of the clusters' own layers, and of the one between them, €/kWh."""
    figure, (axis,) = panels(1, 2.9)
    edges, last = step_edges(dataset), dataset.isel(mode=-1)
    own = last["cluster_price"].values
    low, high = own.min(axis=0), own.max(axis=0)
    axis.stairs(high, edges, baseline=low, fill=True, color=SKY, alpha=0.35)
    axis.stairs(
        np.median(own, axis=0), edges, baseline=None, color=BLUE, linewidth=1.7,
        label="clusters' own layers: median, range",
    )  # fmt: skip
    if _is_coupled(dataset):
        axis.stairs(
            last["coupled_price"].values.mean(axis=0), edges, baseline=None, color=VERMILION,
            linestyle=(0, (5, 1.4)), linewidth=1.7, label="layer between clusters",
        )  # fmt: skip
    border = {"baseline": None, "color": INK, "linewidth": 0.9}
    axis.stairs(dataset["retail_price"], edges, linestyle=(0, (1, 1)), label="grid", **border)
    if not np.allclose(dataset["retail_price"], dataset["feed_in_price"]):
        axis.stairs(dataset["feed_in_price"], edges, linestyle=(0, (1, 1)), **border)
    axis.set_ylabel("Price (€/kWh)")
    label_wall_clock(axis, dataset)
    legend_above(axis)
    return figure


def describe_layer_prices(dataset: xr.Dataset) -> tuple[str, str]:
    """What the figure shows, in two sentences."""
    last = dataset.isel(mode=-1)
    where, name = "Inside clusters", "cluster_price"
    if _is_coupled(dataset):
        where, name = "Between clusters", "coupled_price"
    mean = last[name].values.mean(axis=0)
    cheap, dear = int(mean.argmin()), int(mean.argmax())
    spread = last["cluster_price"].values
    apart = spread.max(axis=0) - spread.min(axis=0)
    widest = int(apart.argmax())
    return (
        f"{where} a kWh costs from {euros(mean[cheap], 3)} at {moment(dataset, cheap)} "
        f"to {euros(mean[dear], 3)} at {moment(dataset, dear)}.",
        f"Clusters' own prices differ most at {moment(dataset, widest)}, by "
        f"{euros(apart[widest], 3)}.",
    )


@styled
def plot_densities(dataset: xr.Dataset) -> Figure:
    """Share of the households at each value of each state variable, over the day."""
    names = state_names(dataset)
    figure, axes = panels(len(names), 1.0 + 1.55 * len(names))
    edges = step_edges(dataset)
    for axis, name in zip(axes, names, strict=True):
        density = dataset[f"{name}_density"].values
        # The few states with most of the mass would hide all others.
        image = axis.imshow(
            100 * density,
            extent=(edges[0], edges[-1], *_outer_edges(dataset[name].values)),
            origin="lower",
            aspect="auto",
            cmap="cividis",
            vmin=0,
            vmax=100 * float(np.quantile(density, 0.995)),
            interpolation="none",
        )
        axis.grid(visible=False)
        axis.set_ylabel(STATE_LABELS[name])
        bar = figure.colorbar(image, ax=axis, aspect=12, extend="max", format=ThinSpaceFormatter())
        bar.set_label("% of households", fontsize=8)
    label_wall_clock(axes[-1], dataset)
    return figure


def describe_densities(dataset: xr.Dataset) -> tuple[str, str]:
    """What the figure shows, in two sentences."""
    name = "battery" if "battery_density" in dataset else state_names(dataset)[-1]
    density, points = dataset[f"{name}_density"].values, dataset[name].values
    mean = points @ density
    full, empty = int(mean.argmax()), int(mean.argmin())
    return (
        f"Colour is the share of all households at each value, averaged over clusters; the state "
        f"variable {name} is at most {measure(mean[full], 'kWh')} on average, at "
        f"{moment(dataset, full)}, and at least {measure(mean[empty], 'kWh')}, at "
        f"{moment(dataset, empty)}.",
        f"At midnight it spreads over {number(int((density[:, -1] > 1e-3).sum()))} of "
        f"{number(points.size)} points.",
    )


@styled
def plot_day(dataset: xr.Dataset) -> Figure:
    """One household, drawn at random: its power, its stores, and the prices it sees."""
    names = [name for name in state_names(dataset) if name != "deviation"]
    figure, axes = panels(2 + len(names), 1.2 + 1.25 * (2 + len(names)))
    edges, cluster = step_edges(dataset), int(dataset["day_cluster"])
    base = dataset["base_load"].values[cluster]
    lines = {"baseline": None, "linewidth": 1.5}
    axes[0].stairs(base, edges, color=GREY, linestyle=(0, (4, 2)), label="expected load", **lines)
    axes[0].stairs(dataset["day_net_load"], edges, color=INK, label="net load", **lines)
    axes[0].set_ylabel("Power (kW)")
    legend_above(axes[0])
    for axis, name in zip(axes[1:-1], names, strict=True):
        axis.stairs(dataset[f"day_{name}"], edges, color=GREEN, **lines)
        axis.set_ylabel(STATE_LABELS[name])
    _prices(axes[-1], dataset, cluster, edges)
    label_wall_clock(axes[-1], dataset)
    return figure


def describe_day(dataset: xr.Dataset) -> tuple[str, str]:
    """What the figure shows, in two sentences."""
    net = dataset["day_net_load"].values
    hours = float(dataset.attrs["step_hours"])
    name = str(dataset["cluster"].values[int(dataset["day_cluster"])])
    bought, sold = hours * np.maximum(net, 0).sum(), hours * np.maximum(-net, 0).sum()
    return (
        f"A household of {name} with chance drawn at random buys {measure(bought, 'kWh')} and "
        f"sells {measure(sold, 'kWh')}.",
        f"Its net load is highest at {moment(dataset, int(net.argmax()))}, with "
        f"{measure(net.max(), 'kW')}.",
    )


def _prices(axis: Axes, dataset: xr.Dataset, cluster: int, edges: np.ndarray) -> None:
    last = dataset.isel(mode=-1, cluster=cluster)
    lines = {"baseline": None, "linewidth": 1.5}
    axis.stairs(last["buy_price"], edges, color=BLUE, label="buy", **lines)
    if not np.allclose(last["buy_price"], last["sell_price"]):
        axis.stairs(last["sell_price"], edges, color=VERMILION, label="sell", **lines)
        legend_above(axis)
    axis.set_ylabel("Price (€/kWh)")


def _is_coupled(dataset: xr.Dataset) -> bool:
    """Whether clusters trade with each other in the last way to trade."""
    return str(dataset["mode"].values[-1]) == COUPLED


def _outer_edges(points: np.ndarray) -> tuple[float, float]:
    half = (points[1] - points[0]) / 2
    return float(points[0] - half), float(points[-1] + half)


MEAN_FIELD_EXHIBITS = (
    Exhibit("ways", "Alone, in a cluster, together", plot_ways, describe_ways),
    Exhibit("layer-prices", "Prices of the layers", plot_layer_prices, describe_layer_prices),
    Exhibit("densities", "Where households are", plot_densities, describe_densities),
    Exhibit("day", "One household's day", plot_day, describe_day),
)
