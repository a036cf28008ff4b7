"""The audit of coupled clusters: what it finds in our markets, and in one that cheats."""

import dataclasses

import jax.numpy as jnp
import pytest
from market.clusters import CLUSTERS, EVERYBODY, TARIFF, random_coupling

from mfgamm import CommunityMarket, InvalidInput, Prices
from mfgamm.amm import Linear, curve_by_name
from mfgamm.market import CurvePricing, NestedMarket, TwoLayerMarket, audit_clusters

MID = Linear.mid_market()
KEPT = ("individual_rationality", "no_arbitrage", "anonymity", "energy", "money")


def violations(market, **options):
    found = audit_clusters(market, CLUSTERS, samples=8, **options)
    return {name: float(value) for name, value in vars(found).items()}


@pytest.mark.parametrize("balanced", [False, True])
def test_nested_market_makers_keep_every_axiom_within_clusters(balanced):
    market = NestedMarket(
        MID, curve_by_name("hyperbolic"), TARIFF, random_coupling(0), balanced=balanced
    )
    found = violations(market)
    assert max(found[name] for name in KEPT) < 1e-12
    # Clusters that see little of each other have prices of their own, unless they trade in pairs
    # at one price; and somebody has to pay for that.
    assert (found["no_arbitrage_across"] > 1e-3) != balanced
    assert (found["network_income"] < -1e-4) != balanced


def test_two_layers_whose_shares_sum_to_one_keep_them():
    pricing = CurvePricing(MID)
    shares, masses = jnp.asarray([0.5, 0.3, 0.2]), jnp.full(CLUSTERS, 1 / CLUSTERS)
    market = TwoLayerMarket(pricing, pricing, shares, TARIFF, EVERYBODY, masses)
    found = violations(market)
    assert max(found[name] for name in KEPT) < 1e-12


def test_a_single_cluster_leaves_nothing_to_trade_between():
    found = audit_clusters(CommunityMarket(MID, TARIFF), 1, samples=4)
    assert max(float(getattr(found, name)) for name in (*KEPT, "no_arbitrage_across")) < 1e-12


class Dear(CommunityMarket):
    """Charges buyers more than the grid does, and the first household less."""

    def prices(self, flows):
        honest = super().prices(flows)
        return Prices(sell=honest.sell, buy=honest.buy + 0.2)

    def settle(self, sell, buy, members, step_hours):
        honest = super().settle(sell, buy, members, step_hours)
        return dataclasses.replace(honest, payments=honest.payments.at[0].add(-1.0))


def test_a_market_that_cheats_is_found_out():
    found = violations(Dear(MID, TARIFF))
    assert found["individual_rationality"] > 0.1
    assert found["anonymity"] > 0.5 and found["money"] > 1e-3


def test_nothing_to_try_is_refused():
    with pytest.raises(InvalidInput, match="samples"):
        audit_clusters(CommunityMarket(MID, TARIFF), 2, samples=0)
