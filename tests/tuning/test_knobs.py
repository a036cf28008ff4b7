"""Knobs make the markets they promise; objectives are the numbers they are called."""

import jax.numpy as jnp
import numpy as np
import pytest

from mfgamm import CommunityMarket, InvalidInput, TariffPeriod, time_of_use_tariff
from mfgamm.amm import audit, curve_by_name
from mfgamm.equilibrium import Metrics
from mfgamm.tuning import (
    Anchor,
    Blend,
    Fee,
    LearnedCurve,
    Objective,
    TwoRates,
    gini,
    initial_parameters,
    objective_label,
    tuned_market,
)

CLOCK = np.arange(6.0) * 4
TARIFF = time_of_use_tariff(CLOCK, [TariffPeriod(6, 20, 0.22)], feed_in=0.08, retail=0.17)
MARKET = CommunityMarket(curve_by_name("mid-market"), TARIFF, fee=0.1)
BOUGHT = jnp.array([1.0, 2.0, 3.0, 1.0, 4.0, 2.0])
TWO_RATES = TwoRates(jnp.arange(6) >= 4, BOUGHT)


@pytest.mark.parametrize("knob", [LearnedCurve(8), Anchor(), Blend(), Fee(), TWO_RATES])
def test_every_value_within_bounds_makes_a_market_that_keeps_the_axioms(knob):
    low, high = knob.bounds
    start = knob.initial(MARKET)
    random = np.random.default_rng(0)
    values = [start, jnp.full(start.shape, low), jnp.full(start.shape, high)]
    values.append(jnp.asarray(random.uniform(low, high, start.shape)))
    for value in values:
        market = knob.turned(MARKET, value)
        assert audit(market.curve, market.tariff).passed


def test_tuning_begins_at_the_market_where_the_knob_allows():
    start = initial_parameters({"curve": LearnedCurve(8), "fee": Fee(), "rates": TWO_RATES}, MARKET)
    market = tuned_market({"curve": LearnedCurve(8)}, MARKET, {"curve": start["curve"]})
    sold = jnp.linspace(0, 1, 6)
    expected = MARKET.curve.average(sold, TARIFF)
    np.testing.assert_allclose(market.curve.average(sold, TARIFF), expected, rtol=5e-3)
    assert float(start["fee"]) == 0.1 and float(start["rates"]) == 0.0


def test_an_anchor_is_a_position_between_the_grids_prices():
    market = Anchor().turned(MARKET, jnp.asarray(0.25))
    expected = TARIFF.feed_in + 0.25 * TARIFF.spread
    np.testing.assert_allclose(market.curve.schedule(jnp.zeros(6), TARIFF), expected)


def test_two_rates_earn_the_grid_what_one_did():
    moved = TWO_RATES.turned(MARKET, jnp.asarray(0.05)).tariff
    np.testing.assert_allclose(moved.retail @ BOUGHT, TARIFF.retail @ BOUGHT)
    np.testing.assert_allclose(
        (moved.retail - TARIFF.retail)[-1] - (moved.retail - TARIFF.retail)[0], 0.05
    )
    greatest = TWO_RATES.turned(MARKET, jnp.asarray(0.2)).tariff
    assert bool(jnp.all(greatest.retail >= greatest.feed_in))


def test_gini_of_known_distributions():
    even = jnp.full(4, 0.25)
    assert float(gini(jnp.full(4, 3.0), even)) == 0
    assert float(gini(jnp.array([0.0, 0.0, 0.0, 1.0]), even)) == pytest.approx(0.75)
    assert float(gini(jnp.array([0.0, 1.0]), jnp.array([0.75, 0.25]))) == pytest.approx(0.75)


def test_objectives_are_made_small_by_what_is_good():
    number, types = jnp.asarray, jnp.array([0.2, 0.4])
    metrics = Metrics(
        gain=number(0.3),
        cost=number(1.0),
        peak_import=number(2.0),
        grid_import=number(5.0),
        self_sufficiency=number(0.6),
        bills=number([1.0, 2.0]),
        savings=number([0.2, 0.4]),
        saving_by_type=types,
    )
    objective = Objective.of(cost=1, gain=1, peak_import=2, self_sufficiency=1, worst_category=1)
    terms = objective.terms(metrics, jnp.array([0.5, 0.5]))
    np.testing.assert_allclose(terms, [1.0, -0.3, 2.0, -0.6, -0.2])
    np.testing.assert_allclose(terms * objective.signs, [1.0, 0.3, 2.0, 0.6, 0.2])
    assert objective_label("gain") == "gain, €" and objective_label("gini") == "gini"
    with pytest.raises(InvalidInput, match="choose among cost"):
        Objective.of(beauty=1)
