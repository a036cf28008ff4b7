import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, strategies as st

from mfgamm import GridMarket, InvalidInput, Tariff, flat_tariff, load_scenario
from mfgamm.amm import MonotonePotential
from mfgamm.core import Membership
from mfgamm.market import MonotoneMarket
from mfgamm.scenario import build_market

TYPES, STEPS = 4, 3
power = st.lists(
    st.floats(0, 10) | st.just(0.0), min_size=TYPES * STEPS, max_size=TYPES * STEPS
).map(lambda values: jnp.asarray(values).reshape(TYPES, STEPS))
tariff = st.lists(
    st.tuples(st.floats(-0.1, 0.2), st.floats(0, 0.3)), min_size=STEPS, max_size=STEPS
).map(lambda rows: Tariff([low for low, _ in rows], [low + gap for low, gap in rows]))
weights = st.lists(st.floats(0.01, 1), min_size=TYPES, max_size=TYPES).map(
    lambda raw: jnp.asarray(raw) / sum(raw)
)
curvature = st.floats(0, 10)
sizes = st.none() | st.lists(st.floats(0.1, 9), min_size=TYPES, max_size=TYPES)
QUARTER = jnp.asarray(0.25)


@given(curvature, tariff, sizes, power, power, weights)
def test_energy_and_money_balance_to_rounding(nu, tariff, sizes, sell, buy, weights):
    market = MonotoneMarket(MonotonePotential(nu), tariff, sizes)
    books = market.settle(sell, buy, Membership(weights), QUARTER)
    scale = 1 + float(jnp.max(sell) + jnp.max(buy))
    assert float(jnp.max(books.energy_residual)) <= 1e-14 * scale
    assert float(jnp.max(jnp.abs(books.money_residual))) <= 1e-14 * scale
    assert float(jnp.max(jnp.abs(books.operator_income))) == 0
    assert float(jnp.min(books.rebates)) >= 0


@given(curvature, tariff, power, power, weights)
def test_the_community_pays_the_grids_bill_and_nobody_loses(nu, tariff, sell, buy, weights):
    market, members = MonotoneMarket(MonotonePotential(nu), tariff), Membership(weights)
    within = market.settle(sell, buy, members, QUARTER)
    without = GridMarket(tariff).settle(sell, buy, members, QUARTER)
    matched = jnp.minimum(weights @ sell, weights @ buy)
    gain = weights @ (without.payments - within.payments)
    np.testing.assert_allclose(gain, 0.25 * matched * tariff.spread, atol=1e-14, rtol=1e-10)
    assert float(jnp.min(without.payments - within.payments)) >= -1e-14


def test_the_rebate_is_equal_or_by_size():
    tariff = flat_tariff(STEPS, feed_in=0.05, retail=0.2)
    sell, buy = jnp.eye(TYPES, STEPS) * 3, jnp.ones((TYPES, STEPS))
    weights = jnp.asarray([0.1, 0.2, 0.3, 0.4])
    members = Membership(weights)
    equal = MonotoneMarket(MonotonePotential(0.1), tariff).settle(sell, buy, members, QUARTER)
    assert float(jnp.ptp(equal.rebates, axis=0).max()) == 0 and float(equal.rebates.min()) > 1e-3
    sized = MonotoneMarket(MonotonePotential(0.1), tariff, [1.0, 2.0, 3.0, 0.0])
    books = sized.settle(sell, buy, members, QUARTER)
    np.testing.assert_allclose(books.rebates[1], 2 * books.rebates[0], rtol=1e-14)
    np.testing.assert_array_equal(books.rebates[3], 0.0)
    np.testing.assert_allclose(weights @ books.rebates, equal.rebates[0], rtol=1e-14)


@pytest.mark.parametrize("sizes", [[1.0, -1.0], [0.0, 0.0], [np.nan, 1.0]])
def test_sizes_that_share_nothing_are_refused(sizes):
    with pytest.raises(InvalidInput, match=r"market.sizes"):
        MonotoneMarket(MonotonePotential(0.1), flat_tariff(2, feed_in=0.1, retail=0.2), sizes)


def test_a_scenario_chooses_it_by_name():
    market = build_market(
        load_scenario("paris-summer", ["market.curve=monotone", "market.curvature=0.25"])
    )
    assert isinstance(market, MonotoneMarket) and float(market.potential.curvature) == 0.25
    assert market.sizes is None


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        (["market.curve=monotone"], "market.curvature: is missing"),
        (["market.curvature=0.1"], "belongs to curve 'monotone'"),
        (["market.curve=monotone", "market.curvature=0.1", "market.fee=0.1"], "market.fee"),
    ],
)
def test_a_scenario_that_does_not_fit_together_is_refused(settings, reason):
    with pytest.raises(InvalidInput, match=reason):
        load_scenario("paris-summer", settings)
