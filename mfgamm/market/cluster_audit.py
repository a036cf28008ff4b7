"""The axioms where clusters are coupled: any market of clusters, tried on random trades."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from mfgamm.core import Clusters, Flows, InvalidInput, Membership, Prices
from mfgamm.market.market import AbstractMarket
from mfgamm.market.settlement import Settlement

TYPES_PER_CLUSTER = 3
STEP_HOURS = 0.25


class ClusterAudit(eqx.Module):
    """The largest violation of each axiom; a market that keeps it has rounding errors only.

    Attributes:
        individual_rationality: how far prices leave the grid's own, feed-in ≤ r and c ≤ retail,
            €/kWh.
        no_arbitrage: r − c within a cluster, €/kWh.
        no_arbitrage_across: r_q − c_p between clusters, €/kWh: what it would be worth to buy in
            one and to sell in another. Clusters that see each other through weights of their own
            may be that far from one price.
        anonymity: change of anybody's payment, €, where a household is split into two, or names
            within a cluster are exchanged.
        energy, money: residuals of the books, kWh and €; budget balance, with what a network's
            operator is left with in the `NetworkAccount`.
        network_income: the least that such an operator is left with in a step, € per household;
            negative where somebody has to pay.
    """

    individual_rationality: Float[Array, ""]
    no_arbitrage: Float[Array, ""]
    no_arbitrage_across: Float[Array, ""]
    anonymity: Float[Array, ""]
    energy: Float[Array, ""]
    money: Float[Array, ""]
    network_income: Float[Array, ""]


def audit_clusters(
    market: AbstractMarket, clusters: int, *, samples: int = 64, seed: int = 0
) -> ClusterAudit:
    """Try a market of clusters on random trades: surplus, deficit, balance, and empty clusters.

    Args:
        market: any, with as many clusters as said.
        clusters: their number.
        samples: random draws of all trades.
        seed: of the draws.

    Raises:
        InvalidInput: if there are no clusters or no samples.
    """
    if clusters < 1 or samples < 1:
        raise InvalidInput("clusters, samples", (clusters, samples), "must be at least one each")
    steps = market.tariff.retail.shape[-1]
    random = np.random.default_rng(seed)
    found = [_tried(market, *_trades(random, clusters, steps)) for _ in range(samples)]
    worst = {
        name: jnp.max(jnp.stack([getattr(each, name) for each in found]))
        for name in vars(found[0])
        if name != "network_income"
    }
    income = jnp.min(jnp.stack([each.network_income for each in found]))
    return ClusterAudit(**worst, network_income=income)


def _trades(random: np.random.Generator, clusters: int, steps: int):
    """What types sell and buy, kW, and their members; some clusters sell only, some are empty."""
    homes = np.repeat(np.arange(clusters), TYPES_PER_CLUSTER)
    leaning = random.choice([-3.0, 0.0, 3.0], size=(clusters, 1))[homes]
    net = random.normal(size=(homes.size, steps)) + leaning
    weights = random.uniform(0.1, 1.0, homes.size)
    if clusters > 1:
        weights = np.where(homes == random.integers(clusters), 0.0, weights)
    members = Membership(jnp.asarray(weights / weights.sum()), Clusters(homes, clusters))
    return jnp.maximum(jnp.asarray(net), 0.0), jnp.maximum(jnp.asarray(-net), 0.0), members


def _tried(market: AbstractMarket, sell, buy, members: Membership) -> ClusterAudit:
    hours = jnp.asarray(STEP_HOURS)
    prices = market.prices(Flows(members.total(sell), members.total(buy)))
    books = market.settle(sell, buy, members, hours)
    outside = jnp.maximum(market.tariff.feed_in - prices.sell, prices.buy - market.tariff.retail)
    network = books.network
    return ClusterAudit(
        individual_rationality=_excess(outside),
        no_arbitrage=_excess(prices.sell - prices.buy),
        no_arbitrage_across=_between(prices, members),
        anonymity=_favour(market, sell, buy, members, books),
        energy=jnp.max(jnp.abs(books.energy_residual)),
        money=jnp.max(jnp.abs(books.money_residual)),
        network_income=jnp.asarray(0.0) if network is None else jnp.min(network.income),
    )


def _excess(violation: Array) -> Float[Array, ""]:
    return jnp.maximum(jnp.max(violation), 0.0)


def _between(prices: Prices, members: Membership) -> Float[Array, ""]:
    """The dearest sale less the cheapest purchase of clusters in which somebody lives."""
    lived_in = (members.masses > 0)[:, None]
    dearest = jnp.max(jnp.where(lived_in, prices.sell, -jnp.inf), axis=0)
    cheapest = jnp.min(jnp.where(lived_in, prices.buy, jnp.inf), axis=0)
    return _excess(dearest - cheapest)


def _favour(market, sell, buy, members: Membership, books: Settlement) -> Float[Array, ""]:
    """Payments with every type as two halves, names exchanged, less those without."""
    assert members.clusters is not None
    types = members.weights.size
    order = np.arange(types).reshape(-1, TYPES_PER_CLUSTER)[:, ::-1]
    order = np.repeat(order, 2, axis=1).ravel()  # halves side by side, cluster after cluster
    homes = Clusters(np.asarray(members.clusters.of_type)[order], members.count)
    halves = Membership(members.weights[order] / 2, homes)
    split = market.settle(sell[order], buy[order], halves, jnp.asarray(STEP_HOURS))
    return jnp.max(jnp.abs(split.payments - books.payments[order]))
