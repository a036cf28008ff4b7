"""The figures in the order in which a report shows them."""

from collections.abc import Callable
from typing import NamedTuple

import xarray as xr
from matplotlib.figure import Figure

from mfgamm.study.cluster_summary import has_clusters
from mfgamm.study.figures.cluster_gains import (
    describe_cluster_gains,
    describe_three_ways,
    plot_cluster_gains,
    plot_three_ways,
)
from mfgamm.study.figures.cluster_map import (
    describe_cluster_flows,
    describe_cluster_map,
    plot_cluster_flows,
    plot_cluster_map,
)
from mfgamm.study.figures.cluster_prices import describe_cluster_prices, plot_cluster_prices
from mfgamm.study.figures.convergence import describe_convergence, plot_convergence
from mfgamm.study.figures.exchange import describe_exchange, plot_exchange
from mfgamm.study.figures.flexibility import describe_flexibility, plot_flexibility
from mfgamm.study.figures.gains import describe_gains, plot_gains
from mfgamm.study.figures.prices import describe_prices, plot_prices
from mfgamm.study.figures.storage import describe_storage, plot_storage


class Exhibit(NamedTuple):
    """A figure and the words that go with it.

    Attributes:
        name: for files and links.
        heading: what it is about.
        plot: draws it.
        describe: says in two sentences what is seen in this result.
    """

    name: str
    heading: str
    plot: Callable[[xr.Dataset], Figure]
    describe: Callable[[xr.Dataset], tuple[str, str]]


EXHIBITS = (
    Exhibit("prices", "Prices inside the tariff band", plot_prices, describe_prices),
    Exhibit("exchange", "Supply, demand and the grid", plot_exchange, describe_exchange),
    Exhibit("storage", "Stored energy", plot_storage, describe_storage),
    Exhibit("flexibility", "Flexible consumption", plot_flexibility, describe_flexibility),
    Exhibit("gains", "Who gains", plot_gains, describe_gains),
    Exhibit("convergence", "Towards equilibrium", plot_convergence, describe_convergence),
)

CLUSTER_EXHIBITS = (
    Exhibit("cluster-map", "Where the clusters are", plot_cluster_map, describe_cluster_map),
    Exhibit("three-ways", "Alone, in a cluster, together", plot_three_ways, describe_three_ways),
    Exhibit("cluster-gains", "Which clusters gain", plot_cluster_gains, describe_cluster_gains),
    Exhibit("cluster-prices", "Prices by cluster", plot_cluster_prices, describe_cluster_prices),
    Exhibit("cluster-flows", "Trade between clusters", plot_cluster_flows, describe_cluster_flows),
)


def exhibits_of(dataset: xr.Dataset) -> tuple[Exhibit, ...]:
    """The figures that there are of these results: clusters' before the others."""
    return (*CLUSTER_EXHIBITS, *EXHIBITS) if has_clusters(dataset) else EXHIBITS
