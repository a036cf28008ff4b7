"""Prices smooth where supply meets demand: the same market, but for a share of the matching."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, strategies as st

from mfgamm.amm import Hyperbolic, clear, curve_by_name, matched_power
from mfgamm.core import Flows, InvalidInput, Membership, Tariff
from mfgamm.market import CommunityMarket, flat_tariff

TARIFF = Tariff(feed_in=jnp.asarray([0.0886]), retail=jnp.asarray([0.2146]))
flow = st.one_of(st.just(0.0), st.floats(1e-6, 1e3))
share = st.sampled_from([1e-12, 1e-6, 1e-2, 0.5])


def root(supply, demand, blur):
    return 0.5 * (supply + demand - np.sqrt((demand - supply) ** 2 + 4 * blur * supply * demand))


@given(flow, flow, share)
def test_matched_power_is_the_smaller_root(supply, demand, blur):
    matched = float(matched_power(supply, demand, blur))
    scale = supply + demand + 1e-12
    assert matched == pytest.approx(root(supply, demand, blur), abs=1e-12 * scale, rel=1e-9)
    assert matched <= min(supply, demand)


@given(flow, flow, share)
def test_prices_stay_between_the_tariffs_and_books_balance(supply, demand, blur):
    market = CommunityMarket(
        Hyperbolic(), flat_tariff(1, feed_in=0.0886, retail=0.2146), fee=0.2, blur=blur
    )
    sell, buy = (jnp.asarray([[power]]) for power in (supply, demand))
    prices = market.prices(Flows(sell[0], buy[0]))
    rounding = 1e-12
    assert 0.0886 - rounding <= float(prices.sell[0]) <= float(prices.buy[0]) + rounding
    assert float(prices.buy[0]) <= 0.2146 + rounding
    books = market.settle(sell, buy, Membership(jnp.ones(1)), jnp.asarray(0.25))
    scale = 1 + supply + demand
    assert abs(float(books.money_residual[0])) <= 1e-13 * scale
    assert abs(float(books.energy_residual[0])) <= 1e-13 * scale


@pytest.mark.parametrize("curve", [curve_by_name("mid-market"), Hyperbolic()])
def test_prices_tend_to_the_exact_ones_and_are_smooth_at_balance(curve):
    def prices(supply, blur):
        quoted = clear(curve, jnp.asarray([supply]), jnp.asarray([1.0]), TARIFF, blur=blur)
        return jnp.concatenate([quoted.sell, quoted.buy])

    for supply in (0.3, 1.0, 2.0):
        exact = prices(supply, 0.0)
        off = [float(jnp.max(jnp.abs(prices(supply, b) - exact))) for b in (1e-2, 1e-4, 1e-6)]
        assert off[0] > off[1] > off[2]
        assert off[2] < 2e-4
    slope = jax.jacfwd(prices)
    below, above = slope(1 - 1e-7, 1e-4), slope(1 + 1e-7, 1e-4)
    np.testing.assert_allclose(below, above, atol=1e-5)
    assert float(jnp.max(jnp.abs(slope(1 - 1e-7, 0.0) - slope(1 + 1e-7, 0.0)))) > 1e-2


def test_a_blur_is_a_share():
    with pytest.raises(InvalidInput, match=r"market.blur = 1.0: must be a share in \[0, 1\)"):
        CommunityMarket(Hyperbolic(), flat_tariff(1, feed_in=0.1, retail=0.2), blur=1.0)
