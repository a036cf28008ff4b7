import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, strategies as st

from mfgamm import CommunityMarket, Flows, GridMarket, InvalidInput, Tariff, flat_tariff
from mfgamm.amm import curve_by_name
from mfgamm.core import Membership

TYPES, STEPS = 4, 3
power = st.lists(
    st.floats(0, 10) | st.just(0.0), min_size=TYPES * STEPS, max_size=TYPES * STEPS
).map(lambda values: jnp.asarray(values).reshape(TYPES, STEPS))
curve = st.sampled_from(["mid-market", "geometric", "hyperbolic"])
fee = st.floats(0, 1)
tariff = st.lists(
    st.tuples(st.floats(0.001, 0.2), st.floats(0, 0.3)), min_size=STEPS, max_size=STEPS
).map(lambda rows: Tariff([low for low, _ in rows], [low + gap for low, gap in rows]))
weights = st.lists(st.floats(0.01, 1), min_size=TYPES, max_size=TYPES).map(
    lambda raw: jnp.asarray(raw) / sum(raw)
)
QUARTER = jnp.asarray(0.25)


@given(curve, tariff, fee, power, power, weights)
def test_energy_and_money_balance_to_rounding(name, tariff, fee, sell, buy, weights):
    market = CommunityMarket(curve_by_name(name), tariff, fee)
    books = market.settle(sell, buy, Membership(weights), QUARTER)
    scale = 1 + float(jnp.max(sell) + jnp.max(buy))
    assert float(jnp.max(books.energy_residual)) <= 1e-14 * scale
    assert float(jnp.max(jnp.abs(books.money_residual))) <= 1e-14 * scale
    assert float(jnp.min(books.operator_income)) >= 0
    # Imports and exports never coincide.
    assert float(jnp.max(books.grid_import * books.grid_export)) == 0


@given(curve, tariff, fee, power, power, weights)
def test_gain_on_fixed_plans_is_the_same_for_every_curve(name, tariff, fee, sell, buy, weights):
    market = CommunityMarket(curve_by_name(name), tariff, fee)
    within = market.settle(sell, buy, Membership(weights), QUARTER)
    without = GridMarket(tariff).settle(sell, buy, Membership(weights), QUARTER)
    gain = weights @ (without.payments - within.payments) + within.operator_income
    matched = jnp.minimum(weights @ sell, weights @ buy)
    np.testing.assert_allclose(gain, 0.25 * matched * tariff.spread, atol=1e-14, rtol=1e-12)


@given(curve, tariff, fee, power, power, weights)
def test_pooling_two_households_changes_no_total_payment(name, tariff, fee, sell, buy, weights):
    market = CommunityMarket(curve_by_name(name), tariff, fee)
    apart = market.settle(sell, buy, Membership(weights), QUARTER).payments
    share = weights[:2] / weights[:2].sum()

    def pool(power):
        return jnp.concatenate([(share @ power[:2])[None], power[2:]])

    pooled = jnp.concatenate([weights[:2].sum()[None], weights[2:]])
    together = market.settle(pool(sell), pool(buy), Membership(pooled), QUARTER).payments
    np.testing.assert_allclose(
        pooled[0] * together[0], weights[:2] @ apart[:2], atol=1e-14, rtol=1e-12
    )
    np.testing.assert_allclose(together[1:], apart[2:], atol=1e-13, rtol=1e-12)


def test_the_grid_alone_trades_nothing_inside():
    grid = GridMarket(flat_tariff(STEPS, feed_in=0.05, retail=0.2))
    sell, buy = jnp.ones((TYPES, STEPS)), 2 * jnp.ones((TYPES, STEPS))
    books = grid.settle(sell, buy, Membership(jnp.full(TYPES, 1 / TYPES)), QUARTER)
    np.testing.assert_allclose(books.grid_import, 0.5)
    np.testing.assert_allclose(books.grid_export, 0.25)
    np.testing.assert_allclose(books.payments, 0.25 * (2 * 0.2 - 0.05))
    np.testing.assert_allclose(books.money_residual, 0, atol=1e-15)
    prices = grid.prices(Flows(jnp.ones(STEPS), jnp.ones(STEPS)))
    np.testing.assert_array_equal(prices.buy, grid.tariff.retail)


def test_markets_refuse_what_they_cannot_clear():
    tariff = flat_tariff(STEPS, feed_in=-0.05, retail=0.2)
    with pytest.raises(InvalidInput, match="fee"):
        CommunityMarket(curve_by_name("mid-market"), tariff, 1.5)
    with pytest.raises(InvalidInput, match=r"tariff.feed_in"):
        CommunityMarket(curve_by_name("hyperbolic"), tariff)
