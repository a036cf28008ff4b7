"""Bonding curves: their schedules, their integrals, and what they refuse."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, strategies as st

from mfgamm.amm import Blended, Hyperbolic, Learned, Linear, clear, curve_by_name
from mfgamm.core import InvalidInput, Tariff

PARIS = Tariff(np.array([0.0886]), np.array([0.2146]))
SHARES = jnp.linspace(0, 1, 101)
CURVES = {
    "mid-market": Linear.mid_market(),
    "geometric": Linear.geometric(),
    "given": Linear.at(0.1),
    "hyperbolic": Hyperbolic(),
    "blended": Blended((Hyperbolic(), Linear.mid_market()), np.array([1.0, 3.0])),
    "learned": Learned(np.array([0.3, -1.0, 2.0, 0.0, 1.0, -0.5])),
}
every_curve = pytest.mark.parametrize("curve", CURVES.values(), ids=CURVES)
logits = st.lists(st.floats(-30, 30), min_size=3, max_size=12).map(np.array)


@every_curve
def test_schedule_is_nondecreasing_within_the_tariff(curve):
    schedule = np.asarray(curve.schedule(SHARES, PARIS))
    assert np.all(np.diff(schedule) >= 0)
    assert np.all((schedule >= 0.0886 - 1e-16) & (schedule <= 0.2146 + 1e-16))


@every_curve
def test_integral_is_the_quadrature_of_the_schedule(curve):
    # Gauss-Legendre on each sixtieth, whose ends include the nodes of the learned curve.
    nodes, weights = np.polynomial.legendre.leggauss(8)
    ends = np.linspace(0, 1, 61)
    shares = ends[:-1, None] + (nodes + 1) / 120
    areas = np.asarray(curve.schedule(jnp.asarray(shares), PARIS)) @ weights / 120
    expected = np.concatenate([[0], np.cumsum(areas)])
    np.testing.assert_allclose(curve.integral(jnp.asarray(ends), PARIS), expected, atol=1e-14)


@every_curve
def test_average_is_the_integral_per_share_and_starts_at_the_schedule(curve):
    average = curve.average(SHARES, PARIS)
    np.testing.assert_allclose(average[1:], (curve.integral(SHARES, PARIS) / SHARES)[1:])
    np.testing.assert_allclose(average[0], curve.schedule(SHARES[:1], PARIS)[0])


@every_curve
def test_marginal_price_is_the_slope_of_the_integral(curve):
    shares = jnp.array([0.0, 0.1, 0.37, 0.99])
    slope = jax.vmap(jax.grad(lambda share: curve.integral(share[None], PARIS)[0]))(shares)
    np.testing.assert_allclose(slope, curve.schedule(shares, PARIS), rtol=1e-12)


@every_curve
@pytest.mark.parametrize("price", [0.0, 0.1, 0.3])
def test_without_a_spread_there_is_one_price(curve, price):
    if curve is CURVES["given"]:
        curve = Linear.at(price)
    tariff = Tariff(np.array([price]), np.array([price]))
    np.testing.assert_allclose(curve.schedule(SHARES, tariff), price, rtol=1e-15)
    np.testing.assert_allclose(curve.average(SHARES, tariff), price, rtol=1e-15)


@every_curve
def test_shares_broadcast_against_the_tariff(curve):
    tariff = Tariff(np.full((2, 3), 0.08), np.full((2, 3), 0.2))
    for shape in [(3,), (2, 1), (4, 2, 3), (1,)]:
        shares = jnp.full(shape, 0.5)
        expected = np.broadcast_shapes(shape, (2, 3))
        assert curve.schedule(shares, tariff).shape == expected
        assert curve.average(shares, tariff).shape == expected


def test_hyperbolic_runs_from_feed_in_to_retail_with_the_geometric_mean_on_average():
    curve = Hyperbolic()
    np.testing.assert_allclose(
        curve.schedule(jnp.array([0.0, 1.0]), PARIS), [0.0886, 0.2146], rtol=1e-15
    )
    np.testing.assert_allclose(
        curve.integral(jnp.array([1.0]), PARIS), np.sqrt(0.0886 * 0.2146), rtol=1e-15
    )


def test_hyperbolic_gives_energy_away_where_the_grid_pays_nothing_for_it():
    tariff = Tariff(np.array([0.0]), np.array([0.2]))
    np.testing.assert_array_equal(
        Hyperbolic().schedule(jnp.array([0.0, 0.5, 0.999, 1.0]), tariff), [0, 0, 0, 0.2]
    )
    np.testing.assert_array_equal(Hyperbolic().average(SHARES, tariff), np.zeros(101))


class TestUniswapV3:
    """The pool is a range position: token0 is energy, token1 money, L the liquidity κ."""

    def test_amounts_of_a_whole_range(self):
        # SqrtPriceMath: L = 1 from price 1 to 1.21 takes .0909090909090909 of token0, .1 of token1.
        tariff = Tariff(np.array([1.0]), np.array([1.21]))
        supply = 0.0909090909090909090
        liquidity = supply * np.sqrt(1.21) / (np.sqrt(1.21) - 1)
        np.testing.assert_allclose(liquidity, 1, rtol=1e-15)
        raised = supply * Hyperbolic().integral(jnp.array([1.0]), tariff)
        np.testing.assert_allclose(raised, 0.1, rtol=1e-14)

    def test_a_swap_inside_the_range(self):
        # SwapMath: L = 2 at price 1, 1 of token1 in less a fee of 600 ppm gives this much token0.
        tariff, supply = Tariff(np.array([1.0]), np.array([4.0])), 1.0
        energy, money = 0.666399946655997866, 1 - 600e-6
        sold = jnp.array([energy / supply])
        np.testing.assert_allclose(supply * Hyperbolic().integral(sold, tariff), money, rtol=1e-14)
        np.testing.assert_allclose(
            Hyperbolic().schedule(sold, tariff), (1 + money / 2) ** 2, rtol=1e-14
        )


def test_blend_is_the_weighted_mean_and_ignores_the_scale_of_weights():
    parts = Hyperbolic(), Linear.mid_market()
    blend, tenfold = Blended(parts, np.array([1.0, 3.0])), Blended(parts, np.array([10.0, 30.0]))
    mean = 0.25 * parts[0].schedule(SHARES, PARIS) + 0.75 * parts[1].schedule(SHARES, PARIS)
    np.testing.assert_allclose(blend.schedule(SHARES, PARIS), mean, rtol=1e-15)
    np.testing.assert_allclose(
        tenfold.schedule(SHARES, PARIS), blend.schedule(SHARES, PARIS), rtol=1e-15
    )


@given(logits=logits)
def test_learned_schedule_is_monotone_and_within_the_tariff_for_any_parameters(logits):
    curve = Learned(logits)
    schedule = np.asarray(curve.schedule(SHARES, PARIS))
    average = np.asarray(curve.average(SHARES, PARIS))
    assert np.all(np.diff(schedule) >= -1e-16) and np.all(np.diff(average) >= -1e-16)
    assert np.all((schedule >= 0.0886 - 1e-15) & (schedule <= 0.2146 + 1e-15))
    assert np.all(average <= schedule + 1e-15)


def test_learned_ends_can_stay_away_from_the_grid_prices():
    ends = Learned(np.log([0.25, 0.25, 0.25, 0.25])).schedule(jnp.array([0.0, 1.0]), PARIS)
    np.testing.assert_allclose(ends, 0.0886 + 0.126 * np.array([0.25, 0.75]))


@pytest.mark.parametrize("name", ["mid-market", "hyperbolic", "blended"])
def test_learned_imitates_another_curve_at_its_nodes(name):
    curve = CURVES[name]
    imitation = Learned.like(curve, PARIS, cells=20)
    nodes = jnp.linspace(0, 1, 21)
    np.testing.assert_allclose(
        imitation.schedule(nodes, PARIS), curve.schedule(nodes, PARIS), atol=1e-5
    )


def test_learned_imitates_over_the_steps_that_have_a_spread():
    tariff = Tariff(np.array([[0.0886, 0.1], [0.05, 0.1]]), np.array([[0.2146, 0.1], [0.25, 0.1]]))
    imitation = Learned.like(Linear.at(np.array([0.1516, 0.1])), tariff, cells=2)
    mean = (0.5 + (0.1516 - 0.05) / 0.2) / 2
    np.testing.assert_allclose(
        imitation.schedule(jnp.array([0.5]), PARIS), 0.0886 + 0.126 * mean, atol=1e-5
    )


def test_learned_parameters_have_the_gradients_of_finite_differences():
    flows = np.array([0.3, 1.0, 2.5])
    tariff = Tariff(np.full(3, 0.0886), np.full(3, 0.2146))

    def bill(logits):
        prices = clear(Learned(logits), np.ones(3), flows, tariff)
        return jnp.sum(flows * prices.buy - prices.sell**2)

    logits, step = np.array([0.3, -1.0, 2.0, 0.0, 1.0]), 1e-6
    gradient = np.asarray(jax.grad(bill)(jnp.asarray(logits)))
    differences = [
        (bill(logits + step * unit) - bill(logits - step * unit)) / (2 * step) for unit in np.eye(5)
    ]
    np.testing.assert_allclose(gradient, differences, rtol=1e-5)
    assert np.all(gradient != 0)


def test_blend_weights_have_the_gradients_of_finite_differences():
    def price(weights):
        curve = Blended((Hyperbolic(), Linear.mid_market()), weights)
        return curve.average(jnp.array([0.4]), PARIS)[0]

    weights, step = np.array([0.3, 0.5]), 1e-6
    differences = [
        (price(weights + step * unit) - price(weights - step * unit)) / (2 * step)
        for unit in np.eye(2)
    ]
    np.testing.assert_allclose(jax.grad(price)(jnp.asarray(weights)), differences, rtol=1e-5)


class TestRefusals:
    def test_a_given_price_must_lie_within_the_tariff(self):
        tariff = Tariff(np.array([0.08, 0.15]), np.array([0.2, 0.25]))
        with pytest.raises(InvalidInput, match=r"linear.price = 0.1.*\(1,\)"):
            Linear.at(0.1).schedule(SHARES[:1], tariff)

    @pytest.mark.parametrize("curve", [Linear.geometric(), Hyperbolic()])
    def test_roots_refuse_a_negative_feed_in_price_and_name_the_remedy(self, curve):
        tariff = Tariff(np.array([-0.01, 0.05]), np.array([0.2, 0.2]))
        with pytest.raises(InvalidInput, match=r"feed_in = -0.01.*Linear.mid_market"):
            curve.average(SHARES[:1], tariff)

    def test_under_jit_a_negative_feed_in_price_gives_nan_not_a_plausible_price(self):
        feed_in, retail = jnp.array([-0.01]), jnp.array([0.2])
        for curve in (Linear.geometric(), Hyperbolic()):
            price = jax.jit(lambda f, r, c=curve: c.average(SHARES[:1] + 0.5, Tariff(f, r)))
            assert np.isnan(price(feed_in, retail)).all()

    @pytest.mark.parametrize("weights", [[-1.0, 2.0], [0.0, 0.0], [np.nan, 1.0], [1.0]])
    def test_weights_must_make_a_mean(self, weights):
        with pytest.raises(InvalidInput, match=r"blended.weights"):
            Blended((Hyperbolic(), Linear.mid_market()), np.array(weights))

    def test_a_learned_curve_needs_a_cell(self):
        with pytest.raises(InvalidInput, match=r"learned.logits"):
            Learned(np.zeros(2))
        with pytest.raises(InvalidInput, match=r"cells"):
            Learned.like(Hyperbolic(), PARIS, cells=0)

    def test_imitation_needs_a_spread(self):
        with pytest.raises(InvalidInput, match=r"spread"):
            Learned.like(Hyperbolic(), Tariff(np.array([0.1]), np.array([0.1])))


def test_curves_by_name():
    for name in ("mid-market", "geometric", "hyperbolic"):
        np.testing.assert_array_equal(
            curve_by_name(name).schedule(SHARES, PARIS), CURVES[name].schedule(SHARES, PARIS)
        )
    with pytest.raises(InvalidInput, match=r"mid-market, geometric, hyperbolic"):
        curve_by_name("uniswap")
