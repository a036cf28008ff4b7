"""The paper's two layers of prices: books, bounds, and the layers by themselves."""

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from market.clusters import EVERYBODY, QUARTER, TARIFF, random_coupling, random_trades

from mfgamm import CommunityMarket, Flows, GridMarket, InvalidInput
from mfgamm.amm import clear, curve_by_name
from mfgamm.market import CurvePricing, NetLoadPricing, TwoLayerMarket

CURVE = CurvePricing(curve_by_name("mid-market"))
SLOPED = NetLoadPricing(lambda load: 0.12 + 0.05 * jnp.tanh(load))
seed = st.integers(0, 2**31)
pricing = st.sampled_from([CURVE, SLOPED])


def two_layers(coupling, masses, shares, local=CURVE, across=CURVE):
    return TwoLayerMarket(local, across, jnp.asarray(shares), TARIFF, coupling, masses)


@settings(max_examples=12)
@given(seed, pricing, pricing, st.floats(0, 1), st.floats(0, 1))
def test_energy_and_money_balance_to_rounding(seed, local, across, first, rest):
    sell, buy, members = random_trades(seed)
    shares = [first, (1 - first) * rest, (1 - first) * (1 - rest)]
    market = two_layers(random_coupling(seed), members.masses, shares, local, across)
    books = market.settle(sell, buy, members, QUARTER)
    assert float(jnp.max(books.energy_residual)) <= 1e-13
    assert float(jnp.max(jnp.abs(books.money_residual))) <= 1e-13
    paid = members.weights @ books.payments
    grid = jnp.sum(books.grid_charges - books.grid_credits, axis=0)
    network = books.network
    bill = grid + network.grid_charges - network.grid_credits
    np.testing.assert_allclose(paid, bill + books.income, atol=1e-13)
    prices = market.prices(Flows(members.total(sell), members.total(buy)))
    assert float(jnp.min(prices.buy - prices.sell)) >= -1e-15
    assert float(jnp.min(prices.sell - TARIFF.feed_in)) >= -1e-15
    assert float(jnp.min(TARIFF.retail - prices.buy)) >= -1e-15


def test_each_layer_by_itself_is_what_it_is_called():
    sell, buy, members = random_trades(1)
    flows = Flows(members.total(sell), members.total(buy))
    own, pool, grid = (
        two_layers(EVERYBODY, members.masses, shares).prices(flows) for shares in np.eye(3)
    )
    apart = CommunityMarket(curve_by_name("mid-market"), TARIFF).prices(flows)
    np.testing.assert_allclose(own.sell, apart.sell, atol=1e-15)
    total = clear(curve_by_name("mid-market"), flows.supply.sum(0), flows.demand.sum(0), TARIFF)
    np.testing.assert_allclose(pool.buy, jnp.broadcast_to(total.buy, pool.buy.shape), atol=1e-15)
    alone = GridMarket(TARIFF).prices(flows)
    np.testing.assert_allclose(grid.sell, alone.sell, atol=1e-15)
    np.testing.assert_allclose(grid.buy, alone.buy, atol=1e-15)


def test_a_price_of_net_load_is_the_same_for_both_sides():
    sell, buy, members = random_trades(2)
    flows = Flows(members.total(sell), members.total(buy))
    market = two_layers(EVERYBODY, members.masses, [1.0, 0.0, 0.0], SLOPED)
    prices = market.prices(flows)
    np.testing.assert_allclose(prices.sell, prices.buy, atol=1e-15)
    # kW per household of the cluster itself, whatever its size; the third one is empty.
    load = (flows.demand - flows.supply)[0] / members.masses[0]
    expected = jnp.clip(0.12 + 0.05 * jnp.tanh(load), TARIFF.feed_in, TARIFF.retail)
    np.testing.assert_allclose(prices.buy[0], expected, atol=1e-15)
    assert bool(jnp.isfinite(prices.buy).all())


@pytest.mark.parametrize("shares", [[0.5, 0.6, 0.2], [1.2, -0.2, 0.0], [0.5, 0.5]])
def test_shares_that_are_none_are_refused(shares):
    with pytest.raises(InvalidInput, match=r"market\.shares"):
        two_layers(EVERYBODY, jnp.full(4, 0.25), shares)
