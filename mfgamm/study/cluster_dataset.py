"""Clusters as labelled arrays: who lives where, what each trades at which price, and with whom."""

import numpy as np
import xarray as xr
from jaxtyping import Array, Float, Int

from mfgamm.core import Membership
from mfgamm.equilibrium import Equilibrium
from mfgamm.graphon.grid import ElectricalNetwork
from mfgamm.scenario import ClusterMap
from mfgamm.study.labelled import variable

OVER_TIME = ("cluster", "time")


def cluster_variables(
    equilibrium: Equilibrium, own: Equilibrium | None, clusters: ClusterMap
) -> dict[str, xr.Variable]:
    """What there is to say of clusters; power and money are totals of a cluster's households.

    Args:
        equilibrium: of the coupled clusters.
        own: of the same households if each cluster trades by itself; None if it was not solved.
        clusters: where they are.
    """
    households = float(equilibrium.community.population.households)
    settlement, tariff = equilibrium.settlement, equilibrium.community.market.tariff
    types = equilibrium.community.population.types
    kilowatts = households / float(types.step_hours)
    everywhere = (clusters.count, equilibrium.flows.supply.shape[-1])

    def price(values, long_name: str) -> xr.Variable:
        each = np.broadcast_to(np.asarray(values), everywhere)
        return variable(OVER_TIME, each, "€ kWh-1", f"{long_name} in the cluster")

    def power(values, long_name: str, over: tuple[str, ...] = OVER_TIME) -> xr.Variable:
        return variable(over, kilowatts * np.asarray(values), "kW", long_name)

    variables = {
        "cluster_sell_price": price(equilibrium.prices.sell, "price for selling"),
        "cluster_buy_price": price(equilibrium.prices.buy, "price for buying"),
        "cluster_feed_in_price": price(tariff.feed_in, "feed-in tariff"),
        "cluster_retail_price": price(tariff.retail, "retail tariff"),
        "cluster_generation": variable(
            OVER_TIME,
            households * np.asarray(types.members.total(types.generation)),
            "kW",
            "generation of the cluster before curtailment",
        ),
        "cluster_supply": power(settlement.supply, "offered by the cluster's households"),
        "cluster_demand": power(settlement.demand, "asked for by the cluster's households"),
        "cluster_traded_inside": power(settlement.traded_inside, "traded inside the cluster"),
        "cluster_grid_import": power(settlement.grid_import, "bought from the grid"),
        "cluster_grid_export": power(settlement.grid_export, "sold to the grid"),
        "coupling": variable(
            ("cluster", "other_cluster"),
            clusters.coupling.weights,
            "1",
            "share of what the other cluster offers that the cluster sees",
        ),
    }
    network = settlement.network
    if network is not None:
        variables |= {
            "cluster_sales": power(network.sales, "sold to other clusters"),
            "cluster_purchases": power(network.purchases, "bought from other clusters"),
            "cluster_payments": variable(
                OVER_TIME,
                households * np.asarray(network.payments),
                "€",
                "paid for purchases from other clusters less received for sales to them",
            ),
            "network_grid_import": power(
                network.grid_import, "bought from the grid by the network", ("time",)
            ),
            "network_grid_export": power(
                network.grid_export, "sold to the grid by the network", ("time",)
            ),
            "network_income": variable(
                "time",
                households * np.asarray(network.income),
                "€",
                "left to the network between clusters; negative where it pays",
            ),
        }
    if own is not None:
        variables["own_cluster_bill"] = variable(
            "household",
            np.asarray(own.settlement.payments).sum(axis=-1),
            "€",
            "bill over the horizon if each cluster trades by itself",
        )
        variables["own_cluster_income"] = variable(
            "time",
            households * np.asarray(own.settlement.income),
            "€",
            "fees kept by the operators if each cluster trades by itself",
        )
    return variables


def cluster_coordinates(clusters: ClusterMap, homes: Int[Array, " type"]) -> dict:
    """Names and places of clusters, where households live, and the network if there is one."""
    x, y = clusters.places.positions.T
    width = {"units": "1", "long_name": "where the cluster is, in widths of the map"}
    names = np.array(clusters.names, str)
    coordinates = {
        "cluster": ("cluster", names),
        "other_cluster": ("other_cluster", names),
        "cluster_x": ("cluster", x, width),
        "cluster_y": ("cluster", y, width),
        "cluster_households": (
            "cluster",
            clusters.households.astype(float),
            {"units": "1", "long_name": "number of households that live in the cluster"},
        ),
        "home": ("household", names[np.asarray(homes)]),
    }
    if clusters.places.network is None:
        return coordinates
    return coordinates | _network_coordinates(clusters.places.network, names)


def cluster_attributes(own: Equilibrium | None, clusters: ClusterMap) -> dict:
    """How clusters trade, and how well the one of clusters on their own is solved."""
    table = clusters.table
    attributes = {"cluster_market": table.market, "alpha": table.alpha}
    if own is None:
        return attributes
    return attributes | {
        "own_cluster_status": own.outcome.label,
        "own_cluster_relative_exploitability": float(own.certificate.relative),
    }


def community_price(
    members: Membership, prices: Float[Array, "*quoted time"], flow: Float[Array, "*cluster time"]
) -> Float[np.ndarray, " time"]:
    """The mean price at each step, €/kWh, over what is traded; over households if nothing is."""
    quoted, weights = np.asarray(prices), np.asarray(flow)
    if quoted.ndim < 2:
        return quoted
    masses = np.asarray(members.masses)[:, None]
    return np.average(quoted, axis=0, weights=np.where(weights.sum(0) > 0, weights, masses))


def _network_coordinates(network: ElectricalNetwork, names: np.ndarray) -> dict:
    """Buses, the heads after all others, and the lines as pairs of them."""
    free, heads = len(network.names), len(network.heads)
    x, y = np.concatenate([network.coordinates, network.head_coordinates]).T
    feeders = network.head_lines + np.array([free, 0])
    return {
        "bus": ("bus", np.array([*network.names, *network.heads], str)),
        "bus_x": ("bus", x),
        "bus_y": ("bus", y),
        "bus_cluster": (
            "bus",
            np.array([*names[network.cluster], *[""] * heads], str),
            {"long_name": "cluster of the bus; none where the grid holds the voltage"},
        ),
        "line_ends": (
            ("line", "end"),
            np.concatenate([network.lines, feeders]),
            {"long_name": "positions of the buses that the line ties"},
        ),
    }
