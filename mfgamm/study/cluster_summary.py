"""Clusters in numbers: who gains by trading inside a cluster, and who by trading between them."""

import dataclasses
from collections.abc import Callable

import numpy as np
import xarray as xr
from jaxtyping import Float


@dataclasses.dataclass(frozen=True)
class Mode:
    """One way for the same households to trade, re-optimised; totals over the horizon.

    Attributes:
        name: "stand-alone", "own cluster" or "cluster of clusters".
        bill_eur: of all households, €.
        gain_per_household_day_eur: over stand-alone, households' own, € per household-day.
        operators_income_eur: kept by the clusters' operators, €.
        network_income_eur: left to the network between clusters, negative where it pays, €.
    """

    name: str
    bill_eur: float
    gain_per_household_day_eur: float
    operators_income_eur: float
    network_income_eur: float


@dataclasses.dataclass(frozen=True)
class ClusterSummary:
    """One cluster, € per household-day.

    Attributes:
        name: of the cluster.
        households: how many live there; where none do, all else is nan.
        gain_eur: over stand-alone.
        own_gain_eur: if it trades by itself; nan if that was not solved.
        worst_gain_eur, best_gain_eur: of a single household.
        mean_sell_price, mean_buy_price: over what it sells and buys, €/kWh; nan if nothing.
    """

    name: str
    households: float
    gain_eur: float
    own_gain_eur: float
    worst_gain_eur: float
    best_gain_eur: float
    mean_sell_price: float
    mean_buy_price: float


@dataclasses.dataclass(frozen=True)
class ClustersSummary:
    """A study's clusters.

    Attributes:
        market: how they trade with each other.
        alpha: decay of their coupling.
        mean_coupling: of two different clusters; nan if there is one.
        own_status, own_exploitability_relative: of the solve of clusters on their own; None and
            nan if there was none.
        modes: stand-alone, own cluster and cluster of clusters, those that were solved.
        sales_kwh, purchases_kwh: to and from other clusters, kWh.
        network_grid_import_kwh, network_grid_export_kwh: by which the network between clusters
            makes up the difference, kWh.
        network_income_eur: what it is left with, €; negative where it pays.
        each: the clusters one by one.
    """

    market: str
    alpha: float
    mean_coupling: float
    own_status: str | None
    own_exploitability_relative: float
    modes: tuple[Mode, ...]
    sales_kwh: float
    purchases_kwh: float
    network_grid_import_kwh: float
    network_grid_export_kwh: float
    network_income_eur: float
    each: tuple[ClusterSummary, ...]

    @property
    def inhabited(self) -> tuple[ClusterSummary, ...]:
        """The clusters in which somebody lives, by their gain, the best first."""
        return tuple(sorted((c for c in self.each if c.households > 0), key=lambda c: -c.gain_eur))


def has_clusters(dataset: xr.Dataset) -> bool:
    """Whether a study's results are of several clusters, not of a single community."""
    return "cluster" in dataset.dims


def summarise_clusters(dataset: xr.Dataset) -> ClustersSummary:
    """The totals of the clusters of a study's results, which has some."""
    attributes, hours = dataset.attrs, dataset.attrs["step_hours"]

    def total(name: str, scale: float = 1.0) -> float:
        return scale * float(dataset[name].sum()) if name in dataset else 0.0

    return ClustersSummary(
        market=attributes["cluster_market"],
        alpha=float(attributes["alpha"]),
        mean_coupling=_mean_coupling(dataset["coupling"].values),
        own_status=attributes.get("own_cluster_status"),
        own_exploitability_relative=float(
            attributes.get("own_cluster_relative_exploitability", np.nan)
        ),
        modes=_modes(dataset),
        sales_kwh=total("cluster_sales", hours),
        purchases_kwh=total("cluster_purchases", hours),
        network_grid_import_kwh=total("network_grid_import", hours),
        network_grid_export_kwh=total("network_grid_export", hours),
        network_income_eur=total("network_income"),
        each=_each(dataset),
    )


def cluster_gains(dataset: xr.Dataset, bill: str = "bill") -> Float[np.ndarray, " cluster"]:
    """What a cluster's households gain over stand-alone, € per household-day; nan if none live.

    Args:
        dataset: a study's results.
        bill: the variable that holds what they pay.
    """
    gained = dataset["represented"] * (dataset["benchmark_bill"] - dataset[bill])
    homes, names = dataset["home"].values, dataset["cluster"].values
    totals = np.array([float(gained.values[homes == name].sum()) for name in names])
    households = dataset["cluster_households"].values * float(dataset.attrs["days"])
    return np.divide(totals, households, out=np.full(names.size, np.nan), where=households > 0)


def _modes(dataset: xr.Dataset) -> tuple[Mode, ...]:
    coupled = "own cluster" if dataset.attrs["cluster_market"] == "own" else "cluster of clusters"
    bills = {"stand-alone": "benchmark_bill", "own cluster": "own_cluster_bill", coupled: "bill"}
    incomes = {"own cluster": "own_cluster_income", coupled: "operator_income"}
    represented = dataset["represented"].values
    household_days = represented.sum() * float(dataset.attrs["days"])
    paid = {
        name: float(represented @ dataset[bill].values)
        for name, bill in bills.items()
        if bill in dataset
    }
    return tuple(
        Mode(
            name=name,
            bill_eur=bill,
            gain_per_household_day_eur=(paid["stand-alone"] - bill) / household_days,
            operators_income_eur=float(dataset[incomes[name]].sum()) if name in incomes else 0.0,
            network_income_eur=(
                float(dataset["network_income"].sum())
                if name == coupled and "network_income" in dataset
                else 0.0
            ),
        )
        for name, bill in paid.items()
    )


def _each(dataset: xr.Dataset) -> tuple[ClusterSummary, ...]:
    nothing = np.full(dataset.sizes["cluster"], np.nan)
    own = cluster_gains(dataset, "own_cluster_bill") if "own_cluster_bill" in dataset else nothing
    gains = cluster_gains(dataset)
    daily = (dataset["benchmark_bill"] - dataset["bill"]).values / float(dataset.attrs["days"])
    homes = dataset["home"].values
    sell, buy = (
        _mean(dataset[f"cluster_{price}_price"].values, dataset[f"cluster_{flow}"].values)
        for price, flow in (("sell", "supply"), ("buy", "demand"))
    )
    return tuple(
        ClusterSummary(
            name=str(name),
            households=float(dataset["cluster_households"][row]),
            gain_eur=float(gains[row]),
            own_gain_eur=float(own[row]),
            worst_gain_eur=_extreme(np.min, daily[homes == name]),
            best_gain_eur=_extreme(np.max, daily[homes == name]),
            mean_sell_price=float(sell[row]),
            mean_buy_price=float(buy[row]),
        )
        for row, name in enumerate(dataset["cluster"].values)
    )


def _extreme(
    of: Callable[[Float[np.ndarray, " type"]], float], daily: Float[np.ndarray, " type"]
) -> float:
    return float(of(daily)) if daily.size else float("nan")


def _mean(
    prices: Float[np.ndarray, "cluster time"], flow: Float[np.ndarray, "cluster time"]
) -> Float[np.ndarray, " cluster"]:
    traded = flow.sum(axis=1)
    paid = (prices * flow).sum(axis=1)
    return np.divide(paid, traded, out=np.full(traded.size, np.nan), where=traded > 0)


def _mean_coupling(weights: Float[np.ndarray, "cluster cluster"]) -> float:
    others = ~np.eye(len(weights), dtype=bool)
    return float(weights[others].mean()) if others.any() else float("nan")
