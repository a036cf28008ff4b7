"""Nested market makers: books, bounds, and the limits in which the answer is known."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from market.clusters import (
    EVERYBODY,
    NOBODY,
    QUARTER,
    STEPS,
    TARIFF,
    random_coupling,
    random_trades,
)

from mfgamm import CommunityMarket, Flows, InvalidInput, Tariff
from mfgamm.amm import Linear, clear, curve_by_name
from mfgamm.core import Clusters, Membership
from mfgamm.graphon import DenseAggregate
from mfgamm.market import NestedMarket

curve = st.sampled_from(["mid-market", "geometric", "hyperbolic"])
seed = st.integers(0, 2**31)
blur = st.sampled_from([0.0, 1e-2])


def nested(coupling, inside="mid-market", pool="hyperbolic", **options):
    return NestedMarket(curve_by_name(inside), curve_by_name(pool), TARIFF, coupling, **options)


def flows_of(sell, buy, members):
    return Flows(members.total(sell), members.total(buy))


@settings(max_examples=12)
@given(seed, curve, curve, blur, st.floats(0, 1), st.booleans())
def test_energy_and_money_balance_to_rounding(seed, inside, pool, blur, fee, balanced):
    market = nested(random_coupling(seed), inside, pool, blur=blur, fee=fee, balanced=balanced)
    books = market.settle(*random_trades(seed), QUARTER)
    assert float(jnp.max(books.energy_residual)) <= 1e-14
    assert float(jnp.max(jnp.abs(books.money_residual))) <= 1e-14
    # Everything that the members pay goes to the grid, to operators, or stays in the account.
    network = books.network
    paid = books.members.weights @ books.payments
    grid = books.grid_charges - books.grid_credits
    bill = jnp.sum(grid, axis=0) + network.grid_charges - network.grid_credits
    np.testing.assert_allclose(paid, bill + books.income, atol=1e-14)
    if balanced:
        np.testing.assert_allclose(network.income, 0, atol=1e-15)
        np.testing.assert_allclose(network.grid_import + network.grid_export, 0, atol=1e-15)


@settings(max_examples=12)
@given(seed, curve, curve, blur, st.booleans())
def test_prices_lie_within_the_tariff_at_every_level(seed, inside, pool, blur, balanced):
    market = nested(random_coupling(seed), inside, pool, blur=blur, balanced=balanced)
    prices = market.prices(flows_of(*random_trades(seed)))
    assert float(jnp.min(prices.buy - prices.sell)) >= -1e-15
    assert float(jnp.min(prices.sell - TARIFF.feed_in)) >= -1e-15
    assert float(jnp.min(TARIFF.retail - prices.buy)) >= -1e-15


@pytest.mark.parametrize("balanced", [False, True])
@pytest.mark.parametrize("blur", [0.0, 1e-2])
def test_clusters_that_see_nobody_trade_with_the_grid_alone(balanced, blur):
    sell, buy, members = random_trades(1)
    market = nested(NOBODY, blur=blur, fee=0.2, balanced=balanced)
    alone = CommunityMarket(curve_by_name("mid-market"), TARIFF, fee=0.2, blur=blur)
    books, expected = (each.settle(sell, buy, members, QUARTER) for each in (market, alone))
    np.testing.assert_allclose(books.payments, expected.payments, atol=1e-15)
    np.testing.assert_allclose(books.grid_import, expected.grid_import, atol=1e-15)
    np.testing.assert_allclose(books.network.sales, 0, atol=1e-15)
    np.testing.assert_allclose(books.network.income, 0, atol=1e-15)


@pytest.mark.parametrize("balanced", [False, True])
@pytest.mark.parametrize("weight", [0.3, 1.0])
def test_one_cluster_is_the_single_community(balanced, weight):
    sell, buy, members = random_trades(2)
    one = Membership(members.weights, Clusters(jnp.zeros(sell.shape[0], int), 1))
    market = nested(DenseAggregate(jnp.full((1, 1), weight)), balanced=balanced)
    single = CommunityMarket(curve_by_name("mid-market"), TARIFF, blur=market.blur)
    books = market.settle(sell, buy, one, QUARTER)
    expected = single.settle(sell, buy, Membership(members.weights), QUARTER)
    np.testing.assert_allclose(books.payments, expected.payments, atol=1e-15)
    np.testing.assert_allclose(books.grid_import[0], expected.grid_import, atol=1e-15)


@pytest.mark.parametrize("balanced", [False, True])
def test_where_everybody_sees_everybody_there_is_one_pool(balanced):
    sell, buy, members = random_trades(3)
    market = nested(EVERYBODY, blur=0.0, balanced=balanced)
    flows = flows_of(sell, buy, members)
    left = market.offers(flows)
    pool = clear(
        curve_by_name("hyperbolic"), left.supply.sum(axis=0), left.demand.sum(axis=0), TARIFF
    )
    network = market.settle(sell, buy, members, QUARTER).network
    np.testing.assert_allclose(network.income, 0, atol=1e-15)
    # What clusters pay for all that they had left, with what the grid took of it.
    books = market.settle(sell, buy, members, QUARTER)
    paid = network.payments + books.grid_charges - books.grid_credits
    expected = QUARTER * (pool.buy * left.demand - pool.sell * left.supply)
    np.testing.assert_allclose(paid, expected, atol=1e-15)


def test_the_decay_of_the_coupling_tends_to_one_pool_and_to_none():
    """What is paid; prices at which nothing is traded may jump where a cluster sees nobody."""
    trades, distance = random_trades(6), -jnp.log(random_coupling(6).weights)

    def paid(coupling):
        return nested(coupling).settle(*trades, QUARTER).payments

    def apart(decay, limit):
        faded = DenseAggregate(jnp.exp(-decay * distance))
        return float(jnp.max(jnp.abs(paid(faded) - paid(limit))))

    towards_pool = [apart(decay, EVERYBODY) for decay in (1.0, 0.1, 1e-3, 1e-6)]
    towards_grid = [apart(decay, NOBODY) for decay in (1.0, 10.0, 30.0, 100.0)]
    for gaps in (towards_pool, towards_grid):
        assert sorted(gaps, reverse=True) == gaps and gaps[0] > 1e-4 and gaps[-1] < 1e-6


def test_in_pairs_only_ratios_of_weights_count():
    trades = random_trades(7)
    weights = random_coupling(7).weights - jnp.eye(4)
    few, many = (
        nested(DenseAggregate(jnp.eye(4) + share * weights), balanced=True).settle(*trades, QUARTER)
        for share in (1e-3, 1.0)
    )
    np.testing.assert_allclose(few.payments, many.payments, atol=1e-12)


@pytest.mark.parametrize("balanced", [False, True])
def test_permuting_clusters_permutes_prices(balanced):
    coupling, order = random_coupling(4), np.array([2, 0, 3, 1])
    flows = flows_of(*random_trades(4))
    permuted = DenseAggregate(coupling.weights[order][:, order])
    prices = nested(coupling, balanced=balanced).prices(flows)
    moved = nested(permuted, balanced=balanced).prices(
        Flows(flows.supply[order], flows.demand[order])
    )
    np.testing.assert_allclose(moved.sell, prices.sell[order], atol=1e-15)
    np.testing.assert_allclose(moved.buy, prices.buy[order], atol=1e-15)


def test_members_of_a_cluster_are_treated_alike_and_may_pool():
    sell, buy, members = random_trades(5)
    books = nested(random_coupling(5)).settle(sell, buy, members, QUARTER)
    # The first two types live together: as one household they pay what they paid apart.
    share = members.weights[:2] / members.weights[:2].sum()

    def pool(power):
        return jnp.concatenate([(share @ power[:2])[None], power[2:]])

    weights = jnp.concatenate([members.weights[:2].sum()[None], members.weights[2:]])
    homes = Clusters(members.clusters.of_type[1:], members.count)
    together = nested(random_coupling(5)).settle(
        pool(sell), pool(buy), Membership(weights, homes), QUARTER
    )
    np.testing.assert_allclose(together.payments[0], share @ books.payments[:2], atol=1e-14)
    np.testing.assert_allclose(together.payments[1:], books.payments[2:], atol=1e-14)


@pytest.mark.parametrize("balanced", [False, True])
@pytest.mark.parametrize("empty", [False, True])
def test_prices_have_finite_derivatives(balanced, empty):
    sell, buy, members = random_trades(7)
    flows = flows_of(0 * sell if empty else sell, buy, members)
    coupling = random_coupling(7)

    def total(weights, flows):
        prices = nested(DenseAggregate(weights), balanced=balanced).prices(flows)
        return jnp.sum(prices.sell * jnp.arange(STEPS)) + jnp.sum(prices.buy)

    slopes = jax.grad(total, (0, 1))(coupling.weights, flows)
    assert all(bool(jnp.isfinite(x).all()) for x in jax.tree.leaves(slopes))


def test_a_market_that_cannot_work_is_refused():
    with pytest.raises(InvalidInput, match=r"market\.blur"):
        nested(EVERYBODY, blur=1.0)
    with pytest.raises(InvalidInput, match=r"market\.curve"):
        NestedMarket(Linear.at(0.1), Linear.mid_market(), TARIFF, EVERYBODY)
    apart = Tariff(jnp.full((4, STEPS), 0.1), jnp.full((4, STEPS), 0.2))
    with pytest.raises(InvalidInput, match="one tariff"):
        NestedMarket(Linear.mid_market(), Linear.mid_market(), apart, EVERYBODY, balanced=True)
