"""The monotone potential: slopes, limits, the axioms with and without the rebate."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, strategies as st

from mfgamm.amm import MonotonePotential, PaymentRule, audit
from mfgamm.core import InvalidInput, Tariff

PARIS = Tariff(np.array([0.0886]), np.array([0.2146]))
TARIFF = Tariff(np.array([0.0886, 0.12, -0.05]), np.array([0.2146, 0.12, 0.1]))
flow = st.one_of(st.just(0.0), st.floats(1e-6, 1e6))
curvature = st.one_of(st.just(0.0), st.floats(1e-12, 1e6))


def total_cost(nu, supply, demand, tariff):
    """φ as it is written down."""
    middle, half = (tariff.feed_in + tariff.retail) / 2, tariff.spread / 2
    net, volume = demand - supply, demand + supply
    return middle * net + half * np.sqrt((net**2 + nu * volume**2) / (1 + nu))


@given(curvature, flow, flow)
def test_prices_lie_in_order_and_sum_to_the_potential(nu, supply, demand):
    potential = MonotonePotential(nu)
    prices = potential.prices(supply, demand, TARIFF)
    assert np.all(TARIFF.feed_in <= prices.sell) and np.all(prices.buy <= TARIFF.retail)
    assert np.all(prices.sell <= prices.buy + 1e-16)
    paid = prices.buy * demand - prices.sell * supply
    expected = total_cost(nu, supply, demand, TARIFF)
    np.testing.assert_allclose(paid, expected, atol=1e-14 * (1 + supply + demand))
    surplus = expected - total_cost(0.0, supply, demand, TARIFF)
    np.testing.assert_allclose(
        potential.surplus(supply, demand, TARIFF), surplus, atol=1e-14 * (1 + supply + demand)
    )
    assert np.all(potential.surplus(supply, demand, TARIFF) >= 0)


@pytest.mark.parametrize(("supply", "demand"), [(3.0, 1.0), (2.0, 2.0), (0.0, 2.0), (0.5, 4.0)])
def test_prices_are_the_slopes_of_the_potential(supply, demand):
    prices = MonotonePotential(0.2).prices(supply, demand, PARIS)
    step = 1e-6
    buy = (
        total_cost(0.2, supply, demand + step, PARIS)
        - total_cost(0.2, supply, demand - step, PARIS)
    ) / (2 * step)
    sell = (
        total_cost(0.2, supply + step, demand, PARIS)
        - total_cost(0.2, supply - step, demand, PARIS)
    ) / (-2 * step)
    np.testing.assert_allclose([prices.buy, prices.sell], [buy, sell], rtol=1e-8)


@given(curvature, flow, flow, flow, flow)
def test_the_price_map_is_monotone(nu, s1, d1, s2, d2):
    first, second = (MonotonePotential(nu).prices(*each, PARIS) for each in ((s1, d1), (s2, d2)))
    turn = (first.buy - second.buy) * (d1 - d2) - (first.sell - second.sell) * (s1 - s2)
    assert float(turn[0]) >= -1e-15 * (s1 + d1 + s2 + d2)


def test_the_limits_are_the_competitive_price_and_the_grid():
    planner, grid = MonotonePotential(0.0), MonotonePotential(1e9)
    for supply, demand, price in ((3.0, 1.0, 0.0886), (1.0, 3.0, 0.2146), (2.0, 2.0, 0.1516)):
        prices = planner.prices(supply, demand, PARIS)
        np.testing.assert_allclose([prices.sell[0], prices.buy[0]], price, rtol=1e-15)
        prices = grid.prices(supply, demand, PARIS)
        np.testing.assert_allclose([prices.sell[0], prices.buy[0]], [0.0886, 0.2146], rtol=1e-7)


def test_the_spread_at_balance_and_in_an_empty_market():
    for flows in (0.0, 1e-300, 2.0):
        prices = MonotonePotential(1 / 3).prices(flows, flows, PARIS)
        assert float(prices.buy[0] - prices.sell[0]) == pytest.approx(0.126 / 2, rel=1e-12)


@pytest.mark.parametrize("nu", [0.0, 1e-12, 0.2])
@pytest.mark.parametrize("supply", [0.0, 1e-200, 2.0])
@pytest.mark.parametrize("demand", [0.0, 1e-200, 2.0])
def test_derivatives_are_finite_everywhere(nu, supply, demand):
    def outcome(nu, supply, demand, feed_in, retail):
        tariff, potential = Tariff(feed_in, retail), MonotonePotential(nu)
        prices = potential.prices(supply, demand, tariff)
        return prices.sell, prices.buy, potential.surplus(supply, demand, tariff)

    arguments = (nu, supply, demand, TARIFF.feed_in, TARIFF.retail)
    slopes = jax.jacobian(outcome, argnums=range(5))(*(jnp.asarray(x) for x in arguments))
    assert all(bool(jnp.all(jnp.isfinite(leaf))) for leaf in jax.tree.leaves(slopes))


def test_derivatives_against_differences():
    def prices(nu, supply, demand):
        quoted = MonotonePotential(nu).prices(supply, demand, PARIS)
        return jnp.concatenate([quoted.sell, quoted.buy])

    point = tuple(jnp.asarray(x) for x in (0.2, 3.0, 2.0))
    exact = jax.jacobian(prices, argnums=(0, 1, 2))(*point)
    for k, slope in enumerate(exact):
        up, down = ([x + (k == i) * sign * 1e-6 for i, x in enumerate(point)] for sign in (1, -1))
        difference = (prices(*up) - prices(*down)) / 2e-6
        np.testing.assert_allclose(slope, difference, rtol=1e-6, atol=1e-9)


def rebating(nu, share):
    """Payments at the potential's prices, the surplus given back by `share` of the accounts."""

    def payments(net_exports, tariff):
        exports, imports = np.maximum(net_exports, 0), np.maximum(-net_exports, 0)
        potential = MonotonePotential(nu)
        prices = potential.prices(exports.sum(), imports.sum(), tariff)
        surplus = float(potential.surplus(exports.sum(), imports.sum(), tariff)[0])
        trade = float(prices.sell[0]) * exports - float(prices.buy[0]) * imports
        return trade + surplus * share(net_exports)

    return PaymentRule(payments)


def test_prices_alone_keep_all_seven_axioms_the_budget_weakly():
    result = audit(MonotonePotential(0.2).prices, PARIS)
    assert result.passed and result.strictly_responsive, result.summary()
    # The surplus per kWh of the larger side is largest at balance: spread·√(ν/(1 + ν)).
    assert result.largest_surplus == pytest.approx(0.126 * np.sqrt(0.2 / 1.2), rel=1e-12)


def test_at_zero_curvature_the_budget_is_exact_and_responsiveness_only_weak():
    result = audit(MonotonePotential(0.0).prices, PARIS)
    assert result.passed and not result.strictly_responsive, result.summary()
    assert result.largest_surplus < 1e-15


def test_a_rebate_for_every_account_balances_the_budget_and_invites_splitting():
    equal = audit(rebating(0.2, lambda flows: np.full(flows.shape, 1 / flows.size)), PARIS)
    assert equal.largest_surplus < 1e-15
    # An account that hardly trades is paid the same: by the kWh, it sells dearer than others buy.
    assert set(equal.violated) == {"coalition-proofness", "no-arbitrage"}


def test_a_rebate_by_the_kwh_keeps_every_axiom_but_is_no_longer_a_lump_sum():
    volume = rebating(0.2, lambda flows: np.abs(flows) / max(np.abs(flows).sum(), 1e-300))
    result = audit(volume, PARIS)
    assert result.largest_surplus < 1e-15
    assert {"anonymity", "coalition-proofness", "budget balance"}.isdisjoint(result.violated)


@pytest.mark.parametrize("curvature", [-0.1, np.inf, np.nan])
def test_a_curvature_that_is_no_number_from_zero_up_is_refused(curvature):
    with pytest.raises(InvalidInput, match=r"monotone.curvature"):
        MonotonePotential(curvature)


def test_negative_flows_are_refused():
    with pytest.raises(InvalidInput, match=r"supply = -1\.0"):
        MonotonePotential(0.1).prices(-1.0, 2.0, PARIS)
