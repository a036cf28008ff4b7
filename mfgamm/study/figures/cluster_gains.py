"""What trading inside a cluster brings, and what trading between clusters adds to it."""

import numpy as np
import xarray as xr
from jaxtyping import Float
from matplotlib.figure import Figure

from mfgamm.study.cluster_summary import cluster_gains, summarise_clusters
from mfgamm.study.figures.style import GREEN, GREY, INK, SKY, legend_above, panels, styled
from mfgamm.study.wording import count, enumerated, euros

# Looks and names of the ways to trade, in the order of the pictures.
STAND_ALONE = {"color": INK, "marker": "|", "s": 90}
OWN_CLUSTER = {"color": SKY, "marker": "o", "s": 26}
COUPLED = {"color": GREEN, "marker": "D", "s": 26}
# A difference of less is none, € per household-day.
HARDLY_EUR = 5e-4
# Clusters are named along the axis where there is room for names.
MOST_NAMES = 12


@styled
def plot_cluster_gains(dataset: xr.Dataset) -> Figure:
    """Each cluster's gain, € per household-day: on its own, and together with the others."""
    figure, (axis,) = panels(1, 3.2)
    together, own = cluster_gains(dataset), _own_gains(dataset)
    lived_in = np.flatnonzero(np.isfinite(together))
    ranked = lived_in[np.argsort(-together[lived_in], kind="stable")]
    places = np.arange(ranked.size)
    axis.axhline(0, color=INK, linewidth=1.0)
    if own is not None:
        axis.vlines(places, own[ranked], together[ranked], color=GREY, linewidth=0.8)
        axis.scatter(places, own[ranked], label="own cluster", zorder=3, **OWN_CLUSTER)
    axis.scatter(places, together[ranked], label=_coupled(dataset), zorder=4, **COUPLED)
    axis.set_ylabel("Gain over stand-alone\n(€ per household-day)")
    axis.grid(visible=False, axis="x")
    axis.set_xlim(-0.8, ranked.size - 0.2)
    if ranked.size <= MOST_NAMES:
        names = [str(name) for name in dataset["cluster"].values[ranked]]
        axis.set_xticks(places, labels=names, rotation=0 if ranked.size <= 8 else 30)
    else:
        axis.set_xticks([])
        axis.set_xlabel(f"{ranked.size} clusters, by gain")
    legend_above(axis)
    return figure


def describe_cluster_gains(dataset: xr.Dataset) -> tuple[str, str]:
    """What the figure shows, in two sentences."""
    summary = summarise_clusters(dataset)
    best, worst = summary.inhabited[0], summary.inhabited[-1]
    gains = np.array([cluster.gain_eur for cluster in summary.inhabited])
    first = (
        f"Clusters gain from {euros(worst.gain_eur, 3)} ({worst.name}) to "
        f"{euros(best.gain_eur, 3)} ({best.name}) per household-day, "
        f"{euros(float(np.median(gains)), 3)} in the middle."
    )
    own = np.array([cluster.own_gain_eur for cluster in summary.inhabited])
    if summary.market == "own" or np.isnan(own).any():
        return first, "Gains are over every household on its own against the grid, re-optimised."
    better, worse = (
        count(int(some.sum()), "cluster") if some.any() else "none"
        for some in (gains > own + HARDLY_EUR, gains < own - HARDLY_EUR)
    )
    return (
        first,
        f"Over trade inside clusters alone, trade between them makes {better} of {gains.size} "
        f"better off and {worse} worse off, by more than half a tenth of a cent.",
    )


@styled
def plot_three_ways(dataset: xr.Dataset) -> Figure:
    """Bills of the same households in every way to trade, by category, € per household-day."""
    rows = _bills(dataset)
    figure, (axis,) = panels(1, 1.1 + 0.45 * len(rows))
    looks = {"stand-alone": STAND_ALONE, "own cluster": OWN_CLUSTER, _coupled(dataset): COUPLED}
    ways = list(next(iter(rows.values())))
    for row, bills in enumerate(rows.values()):
        axis.hlines(row, min(bills.values()), max(bills.values()), color=GREY, linewidth=0.8)
    for way in ways:
        values = [bills[way] for bills in rows.values()]
        axis.scatter(values, range(len(rows)), label=way, zorder=3, linewidths=1.8, **looks[way])
    axis.set_yticks(range(len(rows)), labels=list(rows))
    axis.tick_params(axis="y", length=0)
    axis.set_ylim(len(rows) - 0.5, -0.5)
    axis.grid(visible=False, axis="y")
    axis.spines["left"].set_visible(False)
    axis.set_xlabel("Bill, income negative (€ per household-day)")
    legend_above(axis)
    return figure


def describe_three_ways(dataset: xr.Dataset) -> tuple[str, str]:
    """What the figure shows, in two sentences."""
    everybody = _bills(dataset)["all"]
    summary = summarise_clusters(dataset)
    named = [f"{euros(bill, 3)} ({way})" for way, bill in everybody.items()]
    first = f"The average household pays {enumerated(named)} a day, re-optimised in each."
    income = summary.network_income_eur / float(dataset.attrs["days"])
    if summary.market == "own":
        return first, "Clusters do not trade with each other here."
    verb = "keeps" if income >= 0 else "pays"
    return (
        first,
        f"Between clusters the network {verb} {euros(abs(income))} a day, because what they sell "
        "and what they buy need not agree where each sees the others through its own weights."
        if abs(income) >= 0.005
        else "The network between clusters neither keeps nor pays a cent a day.",
    )


def _coupled(dataset: xr.Dataset) -> str:
    own = dataset.attrs["cluster_market"] == "own"
    return "own cluster" if own else "cluster of clusters"


def _own_gains(dataset: xr.Dataset) -> Float[np.ndarray, " cluster"] | None:
    if "own_cluster_bill" not in dataset:
        return None
    return cluster_gains(dataset, "own_cluster_bill")


def _bills(dataset: xr.Dataset) -> dict[str, dict[str, float]]:
    """By category and for all: what a household pays in every way that was solved, €/day."""
    names = {"stand-alone": "benchmark_bill", "own cluster": "own_cluster_bill"}
    names |= {_coupled(dataset): "bill"}
    categories, represented = dataset["category"].values, dataset["represented"].values
    groups = {name: categories == name for name in dict.fromkeys(categories.tolist())}
    groups["all"] = np.ones(categories.size, bool)
    days = float(dataset.attrs["days"])
    return {
        group: {
            way: float(np.average(dataset[bill].values[rows], weights=represented[rows])) / days
            for way, bill in names.items()
            if bill in dataset
        }
        for group, rows in groups.items()
    }
