"""Batch clearing: known prices, the axioms, limits, derivatives, and compilation."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, strategies as st

from mfgamm.amm import Blended, Hyperbolic, Learned, Linear, clear, community_gain, fee_income
from mfgamm.core import InvalidInput, Tariff

PARIS = Tariff(np.array([0.0886]), np.array([0.2146]))
CURVES = {
    "mid-market": Linear.mid_market(),
    "geometric": Linear.geometric(),
    "hyperbolic": Hyperbolic(),
    "blended": Blended((Hyperbolic(), Linear.mid_market()), np.array([1.0, 3.0])),
    "learned": Learned(np.array([0.3, -1.0, 2.0, 0.0, 1.0, -0.5])),
}
every_curve = pytest.mark.parametrize("curve", CURVES.values(), ids=CURVES)

# Drawn from a few decades, with absent sides, balance and no spread among them.
flow = st.one_of(st.just(0.0), st.floats(1e-6, 1e6))
curve = st.one_of(
    st.sampled_from(list(CURVES.values())),
    st.lists(st.floats(-20, 20), min_size=6, max_size=6).map(lambda each: Learned(np.array(each))),
)
fee = st.floats(0, 1)


@st.composite
def tariffs(draw):
    feed_in, spread = draw(st.floats(0, 1)), draw(st.one_of(st.just(0.0), st.floats(1e-3, 1)))
    return Tariff(np.array([feed_in]), np.array([feed_in + spread]))


@st.composite
def flows(draw):
    supply = draw(flow)
    return supply, draw(st.one_of(st.just(supply), flow))


def clear_one(curve, supply, demand, tariff, fee=0.0):
    prices = clear(curve, supply, demand, tariff, fee)
    return float(prices.sell[0]), float(prices.buy[0])


@pytest.mark.parametrize(
    ("curve", "supply", "demand", "buy", "sell"),
    [
        ("hyperbolic", 10, 4, 0.103381836329, 0.0945127345315),
        ("hyperbolic", 10, 10, 0.137889666038, 0.137889666038),
        ("hyperbolic", 4, 10, 0.183915866415, 0.137889666038),
        ("mid-market", 10, 4, 0.1516, 0.1138),
        ("mid-market", 10, 10, 0.1516, 0.1516),
        ("mid-market", 4, 10, 0.1894, 0.1516),
    ],
)
def test_known_prices(curve, supply, demand, buy, sell):
    assert clear_one(CURVES[curve], supply, demand, PARIS) == pytest.approx((sell, buy), abs=1e-12)


def test_money_follows_the_three_regimes():
    curve, (feed_in, retail) = Hyperbolic(), (0.0886, 0.2146)
    for supply, demand in itertools.product([0.5, 1.0, 7.0], repeat=2):
        sell, buy = clear_one(curve, supply, demand, PARIS)
        sold = jnp.array([min(demand / supply, 1.0)])
        money = supply * float(curve.integral(sold, PARIS)[0])
        assert buy * demand == pytest.approx(money + retail * max(demand - supply, 0))
        assert sell * supply == pytest.approx(money + feed_in * max(supply - demand, 0))


@given(curve, flows(), tariffs(), fee)
def test_prices_lie_in_order_within_the_tariff(curve, flows, tariff, fee):
    sell, buy = clear_one(curve, *flows, tariff, fee)
    feed_in, retail = float(tariff.feed_in[0]), float(tariff.retail[0])
    rounding = 4e-16 * max(retail, 1e-300)
    assert feed_in - rounding <= sell <= buy + rounding <= retail + 2 * rounding


@given(curve, flows(), tariffs(), fee)
def test_the_operator_earns_the_fee_and_nothing_else(curve, flows, tariff, fee):
    (supply, demand), feed_in, retail = flows, float(tariff.feed_in[0]), float(tariff.retail[0])
    sell, buy = clear_one(curve, supply, demand, tariff, fee)
    collected = demand * buy + feed_in * max(supply - demand, 0)
    paid_out = supply * sell + retail * max(demand - supply, 0)
    income = float(fee_income(supply, demand, tariff, fee)[0])
    assert collected - paid_out == pytest.approx(income, abs=1e-14 * (supply + demand))


@given(curve, flows(), tariffs(), fee)
def test_households_gain_over_the_grid_the_same_whatever_the_curve(curve, flows, tariff, fee):
    (supply, demand), feed_in, retail = flows, float(tariff.feed_in[0]), float(tariff.retail[0])
    sell, buy = clear_one(curve, supply, demand, tariff, fee)
    gain = supply * (sell - feed_in) + demand * (retail - buy)
    expected = (1 - fee) * float(community_gain(supply, demand, tariff)[0])
    assert gain == pytest.approx(expected, abs=1e-14 * (supply + demand))


@given(curve, flows(), tariffs(), fee, st.floats(1e-3, 1e3))
def test_prices_do_not_depend_on_the_size_of_the_community(curve, flows, tariff, fee, scale):
    supply, demand = flows
    scaled = clear_one(curve, scale * supply, scale * demand, tariff, fee)
    assert scaled == pytest.approx(clear_one(curve, supply, demand, tariff, fee), abs=1e-13)


@given(curve, flows(), tariffs(), fee, st.floats(1, 1e3))
def test_prices_fall_with_supply_and_rise_with_demand(curve, flows, tariff, fee, growth):
    supply, demand = flows
    sell, buy = clear_one(curve, supply, demand, tariff, fee)
    for other, sign in (((growth * supply, demand), -1), ((supply, growth * demand), 1)):
        other_sell, other_buy = clear_one(curve, *other, tariff, fee)
        assert sign * (other_sell - sell) >= -1e-15 and sign * (other_buy - buy) >= -1e-15


@every_curve
def test_prices_where_a_side_is_absent_are_the_limits(curve):
    start = float(curve.schedule(jnp.zeros(1), PARIS)[0])
    whole = float(curve.integral(jnp.ones(1), PARIS)[0])
    assert clear_one(curve, 1.0, 0.0, PARIS) == pytest.approx((0.0886, start), rel=1e-14)
    assert clear_one(curve, 0.0, 1.0, PARIS) == pytest.approx((whole, 0.2146), rel=1e-14)
    assert clear_one(curve, 0.0, 0.0, PARIS) == pytest.approx((0.0886, 0.2146), rel=1e-14)
    for absent, present in ((1e-9, 1.0), (1e-200, 1e-190)):
        near = clear_one(curve, present, absent, PARIS)
        assert near == pytest.approx((0.0886, start), abs=1e-9)
        near = clear_one(curve, absent, present, PARIS)
        assert near == pytest.approx((whole, 0.2146), abs=1e-9)


@every_curve
def test_values_and_two_derivatives_are_finite_at_every_singular_point(curve):
    def prices(markets):
        supply, demand, fee, feed_in = markets
        cleared = clear(
            curve, supply, demand, Tariff(feed_in, jnp.full(feed_in.shape, 0.2146)), fee
        )
        return jnp.stack([cleared.sell.sum(), cleared.buy.sum()])

    def markets(*flows):
        each = itertools.product(flows, [0.0, 0.1, 1.0], [0.0, 0.0886, 0.2146])
        return jnp.array([[*flow, fee, feed_in] for flow, fee, feed_in in each]).T

    singular = markets((1.0, 0.0), (0.0, 1.0), (0.0, 0.0), (1.0, 1.0))
    # Where flows are tiny second derivatives are themselves beyond the range of floats.
    tiny = markets((1e-200, 0.0), (0.0, 1e-200), (1e-170, 1e-160))
    for points in (singular, tiny):
        assert np.all(np.isfinite(prices(points)))
        assert np.all(np.isfinite(jax.jacrev(prices)(points)))
    for row in np.eye(4):
        direction = jnp.broadcast_to(row[:, None], singular.shape)
        assert np.all(np.isfinite(jax.jvp(jax.jacrev(prices), (singular,), (direction,))[1]))


@every_curve
@pytest.mark.parametrize("flows", [(1.0, 0.35), (0.35, 1.0), (2.0, 1.9), (1.0, 0.0), (0.0, 1.0)])
def test_derivatives_agree_with_finite_differences(curve, flows):
    def prices(market):
        supply, demand, fee, feed_in, retail = market
        cleared = clear(curve, supply, demand, Tariff(feed_in[None], retail[None]), fee)
        return jnp.concatenate([cleared.sell, cleared.buy])

    market, step = np.array([*flows, 0.1, 0.0886, 0.2146]), 1e-6
    jacobian = jax.jacrev(prices)(jnp.asarray(market))
    for column, unit in enumerate(np.eye(5)):
        if market[column] > 0:
            change = (prices(market + step * unit) - prices(market - step * unit)) / (2 * step)
        else:  # absent sides have a one-sided neighbourhood; three points keep second order
            ahead, further = prices(market + step * unit), prices(market + 2 * step * unit)
            change = (4 * ahead - further - 3 * prices(jnp.asarray(market))) / (2 * step)
        np.testing.assert_allclose(jacobian[:, column], change, rtol=1e-5, atol=1e-9)


def test_derivatives_by_the_two_flows_have_rank_one():
    jacobian = jax.jacrev(lambda flows: clear(Hyperbolic(), flows[0], flows[1], PARIS).buy)(
        jnp.array([3.0, 2.0])
    )
    supply_slope, demand_slope = np.asarray(jacobian)[0]
    assert demand_slope == pytest.approx(-3.0 / 2.0 * supply_slope, rel=1e-12)


def test_flows_may_be_scalars_or_arrays_of_any_leading_shape():
    tariff = Tariff(np.full(4, 0.08), np.full(4, 0.2))
    for supply, demand, shape in [
        (1, 2.0, (4,)),
        (np.float64(1.0), np.ones(4), (4,)),
        (jnp.ones((3, 1)), np.ones(4), (3, 4)),
        (np.ones((5, 3, 4)), jnp.ones((3, 4)), (5, 3, 4)),
    ]:
        prices = clear(Hyperbolic(), supply, demand, tariff, fee=0)
        assert prices.sell.shape == prices.buy.shape == shape
        assert fee_income(supply, demand, tariff, 0.5).shape == shape


def test_single_precision_stays_single():
    tariff = Tariff(np.full(2, 0.08, np.float32), np.full(2, 0.2, np.float32))
    for curve in (Hyperbolic(), Linear.mid_market(), Linear.geometric()):
        prices = clear(curve, np.ones(2, np.float32), np.ones(2, np.float32), tariff)
        assert prices.sell.dtype == prices.buy.dtype == np.float32


@pytest.mark.parametrize("wrong", [-1.0, np.nan, np.inf])
def test_flows_that_are_no_amounts_are_refused(wrong):
    with pytest.raises(InvalidInput, match="supply"):
        clear(Hyperbolic(), np.array([1.0, wrong]), 1.0, PARIS)
    with pytest.raises(InvalidInput, match="demand"):
        community_gain(1.0, wrong, PARIS)


@pytest.mark.parametrize("wrong", [-0.1, 1.1, np.nan])
def test_fees_that_are_no_fractions_are_refused(wrong):
    with pytest.raises(InvalidInput, match="fee"):
        clear(Hyperbolic(), 1.0, 1.0, PARIS, wrong)
    with pytest.raises(InvalidInput, match="fee"):
        fee_income(1.0, 1.0, PARIS, wrong)


@every_curve
def test_new_values_do_not_compile_again(curve):
    traces = []

    @jax.jit
    def cleared(curve, supply, demand, tariff, fee):
        traces.append(1)
        return clear(curve, supply, demand, tariff, fee)

    for factor in (1.0, 0.5, 0.0):
        other = jax.tree.map(lambda leaf, by=factor: leaf * (1 + by) / 2, curve)
        tariff = Tariff(np.array([0.08 * factor]), np.array([0.2]))
        cleared(other, np.array([factor]), np.array([1.0]), tariff, 0.3 * factor)
    assert len(traces) == 1
