import jax
import jax.numpy as jnp
import numpy as np
import pytest
from oracles.household_program import solve_with_highs
from oracles.random_households import random_households, random_prices

from mfgamm import (
    Battery,
    FlexibleLoad,
    Household,
    InteriorPoint,
    InvalidInput,
    NotConverged,
    Population,
    Prices,
    Status,
    best_response,
)
from mfgamm.prosumer import infeasible_households

# Two days of hours: discounting tells them apart.
STEPS, COUNT = 48, 500
HOURS = 1.0
DISCOUNT = np.repeat([1.0, 0.9], 24)


@pytest.fixture(scope="module")
def households():
    """Half of them far from, half of them at the limits of what they can do."""
    candidates = random_households(COUNT + 100, STEPS, seed=11)
    population = Population.from_households(candidates, step_hours=HOURS)
    hopeless = infeasible_households(population)
    return [each for each in candidates if each.name not in hopeless][:COUNT]


@pytest.fixture(scope="module")
def population(households):
    assert len(households) == COUNT
    return Population.from_households(households, step_hours=HOURS, discount_per_day=0.9)


@pytest.fixture(scope="module")
def prices():
    return random_prices(STEPS, seed=5)


@pytest.fixture(scope="module")
def response(population, prices):
    return best_response(population, prices)


def test_cost_agrees_with_highs(households, response, prices):
    sell, buy = np.asarray(prices.sell), np.asarray(prices.buy)
    expected = np.array([solve_with_highs(each, sell, buy, HOURS, DISCOUNT) for each in households])
    np.testing.assert_allclose(np.asarray(response.cost), expected, rtol=1e-6, atol=1e-8)
    slack = 1e-9 * (1 + np.abs(expected))
    assert np.all(np.asarray(response.certificate) <= expected + slack)
    np.testing.assert_allclose(np.asarray(response.certificate), expected, rtol=1e-6, atol=1e-7)


def test_every_device_mix_is_in_the_sample(households):
    mixes = {tuple(device.kind for device in each.devices) for each in households}
    assert len(mixes) == 16


def test_plans_keep_every_bound(population, response):
    types, plan = population.types, response.value
    storage = types.storage
    worst = {
        "sell": jnp.max(plan.sell - types.trade_limit[:, None]),
        "buy": jnp.max(plan.buy - types.trade_limit[:, None]),
        "curtailed": jnp.max(plan.curtailed - types.curtailment_limit),
        "charge": jnp.max(plan.charge - storage.charge_limit),
        "discharge": jnp.max(plan.discharge - storage.discharge_limit),
        "upper": jnp.max(plan.state_of_charge - storage.state_upper),
        "lower": jnp.max(storage.state_lower - plan.state_of_charge),
        "sign": -min(float(jnp.min(x)) for x in jax.tree.leaves(plan)[:5]),
    }
    assert max(float(x) for x in worst.values()) <= 1e-7, worst


def test_energy_balances_to_rounding_and_nobody_washes(population, response):
    types, plan = population.types, response.value
    left = plan.sell - plan.buy + plan.curtailed + jnp.sum(plan.charge - plan.discharge, axis=1)
    np.testing.assert_allclose(left, types.generation - types.base_load, atol=1e-12)
    assert float(jnp.max(plan.sell * plan.buy)) == 0.0


def test_shadow_prices_obey_the_threshold_rule(population, response, prices):
    """Sell at the limit above, buy at the limit below: AMM paper, 'Optimal plan & shadow price'."""
    limit = np.asarray(population.types.trade_limit)[:, None]
    sell, buy = np.asarray(response.value.sell), np.asarray(response.value.buy)
    shadow, margin = np.asarray(response.shadow_price), 1e-5
    offered, asked = np.asarray(prices.sell), np.asarray(prices.buy)
    np.testing.assert_allclose(
        sell[shadow < offered - margin],
        np.broadcast_to(limit, sell.shape)[shadow < offered - margin],
        atol=1e-4,
    )
    np.testing.assert_allclose(
        buy[shadow > asked + margin],
        np.broadcast_to(limit, buy.shape)[shadow > asked + margin],
        atol=1e-4,
    )
    idle = (shadow > offered + margin) & (shadow < asked - margin)
    assert idle.any()
    np.testing.assert_allclose(np.maximum(sell, buy)[idle], 0.0, atol=1e-4)
    selling, buying = sell > 1e-3, buy > 1e-3
    assert np.all((shadow <= offered + margin)[selling])
    assert np.all((shadow >= asked - margin)[buying])


def test_shadow_price_is_the_worth_of_one_more_kwh(households, prices):
    chosen = households[:COUNT]
    more = 1e-4
    shifted = [
        Household(
            each.generation,
            each.base_load + more * (np.arange(STEPS) == 10),
            each.devices,
            each.trade_limit,
            each.curtailable,
        )
        for each in chosen
    ]
    tight = InteriorPoint(tolerance=1e-11)
    base = best_response(Population.from_households(chosen, step_hours=HOURS), prices, tight)
    moved = best_response(Population.from_households(shifted, step_hours=HOURS), prices, tight)
    slope = np.asarray(moved.cost - base.cost) / (more * HOURS)
    low = np.asarray(base.shadow_price)[:, 10]
    high = np.asarray(moved.shadow_price)[:, 10]
    # The value is convex in the load: the secant lies between the two shadow prices.
    assert np.all(slope >= low - 1e-4) and np.all(slope <= high + 1e-4)


def test_smoothed_cost_tends_to_the_exact_one(population, prices, response):
    previous = np.inf
    for barrier in (1e-2, 1e-3, 1e-4):
        smoothed = best_response(population, prices, InteriorPoint(barrier=barrier))
        excess = float(jnp.max(smoothed.cost - response.cost))
        assert -1e-7 <= excess < 0.3 * previous
        previous = excess


def test_a_lossless_battery_buys_low_and_sells_high():
    battery = Battery(2.0, 2.0, 0.0, round_trip_efficiency=1.0)
    household = Household(np.zeros(2), np.zeros(2), (battery,), trade_limit=5.0)
    population = Population.from_households([household], step_hours=1.0)
    prices = Prices(sell=jnp.array([0.05, 0.3]), buy=jnp.array([0.1, 0.4]))
    response = best_response(population, prices)
    np.testing.assert_allclose(response.value.buy, [[2.0, 0.0]], atol=1e-7)
    np.testing.assert_allclose(response.value.sell, [[0.0, 2.0]], atol=1e-7)
    np.testing.assert_allclose(response.cost, [-0.4], atol=1e-8)


def test_flexible_load_runs_in_the_cheapest_hours_that_its_power_allows():
    household = Household(np.zeros(4), np.zeros(4), (FlexibleLoad(3.0, 2.0),))
    population = Population.from_households([household], step_hours=1.0)
    prices = Prices(sell=jnp.zeros(4), buy=jnp.array([0.4, 0.1, 0.3, 0.2]))
    plan = best_response(population, prices).value
    np.testing.assert_allclose(plan.buy, [[0.0, 2.0, 0.0, 1.0]], atol=1e-7)


@pytest.mark.parametrize(
    ("sell", "buy", "message"),
    [
        (np.full(STEPS, 0.3), np.full(STEPS, 0.1), "exceeds the buying price by 0.2"),
        (np.full(STEPS, 0.1), np.full(STEPS, np.nan), r"prices.buy = 'nan or inf'"),
        (np.full(3, 0.1), np.full(3, 0.2), r"prices.sell = 'shape \(3,\)'"),
    ],
)
def test_prices_that_make_no_sense_are_refused(population, sell, buy, message):
    with pytest.raises(InvalidInput, match=message):
        best_response(population, Prices(sell=sell, buy=buy))


def test_equal_prices_zero_prices_and_negative_prices_are_solved(population):
    for level, spread in ((0.15, 0.0), (0.0, 0.0), (-0.05, 0.1), (-0.2, 0.0)):
        prices = Prices(sell=jnp.full(STEPS, level), buy=jnp.full(STEPS, level + spread))
        response = best_response(population, prices)
        assert response.converged
        assert float(jnp.max(response.value.sell * response.value.buy)) == 0.0


def test_an_unsolved_response_raises_or_tells(population, prices):
    hasty = InteriorPoint(max_iterations=1)
    with pytest.raises(NotConverged, match="500 of 500 best responses did not converge") as caught:
        best_response(population, prices, hasty)
    assert caught.value.solution.value.sell.shape == (COUNT, STEPS)
    response = best_response(population, prices, hasty, throw=False)
    assert set(np.asarray(response.status)) == {Status.MAX_ITERATIONS}
