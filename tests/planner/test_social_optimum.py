"""The planner's optimum against HiGHS on the whole program, and the prices that support it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from oracles.community_program import planner_optimum
from oracles.household_program import solve_with_highs
from oracles.random_households import random_households

from mfgamm import (
    Household,
    InvalidInput,
    NotConverged,
    Population,
    Status,
    TariffPeriod,
    flat_tariff,
    series_tariff,
    time_of_use_tariff,
)
from mfgamm.planner import social_optimum

STEPS, HOURS = 24, 1.0
CLOCK = np.arange(STEPS) * HOURS
TARIFFS = {
    "two rates": time_of_use_tariff(
        CLOCK, [TariffPeriod(6, 23, 0.2146)], feed_in=0.0886, retail=0.1696
    ),
    "flat": flat_tariff(STEPS, feed_in=0.0886, retail=0.2146),
    "negative feed-in, no spread at night": series_tariff(
        np.where(CLOCK < 6, 0.15, 0.04 * np.sin(CLOCK)), np.where(CLOCK < 6, 0.15, 0.2)
    ),
}


@pytest.fixture(scope="module")
def households():
    return random_households(64, STEPS, 3)


@pytest.fixture(scope="module", params=TARIFFS, ids=str)
def solved(request, households):
    tariff = TARIFFS[request.param]
    population = Population.from_households(households, step_hours=HOURS)
    return tariff, social_optimum(population, tariff)


def test_agrees_with_highs_on_the_joint_program(solved, households):
    tariff, solution = solved
    best = planner_optimum(households, tariff, HOURS)
    assert solution.converged and solution.outcome is Status.CONVERGED
    assert float(solution.cost) == pytest.approx(best, rel=1e-6)
    assert float(solution.certificate) <= best + 1e-9 <= float(solution.cost) + 2e-9
    assert float(solution.relative) <= 1e-6 and float(solution.residuals) <= 1e-8


def test_the_prices_support_the_plans(solved, households):
    """At the duals everybody's own best response costs as much: a competitive equilibrium."""
    tariff, solution = solved
    sell, buy = np.asarray(solution.prices.sell), np.asarray(solution.prices.buy)
    np.testing.assert_allclose(sell, buy, atol=1e-12)
    assert np.all(sell >= tariff.feed_in) and np.all(buy <= tariff.retail)
    alone = np.mean([solve_with_highs(each, sell, buy, HOURS) for each in households])
    np.testing.assert_allclose(alone, solution.certificate, rtol=1e-6)


def test_plans_keep_their_balances_and_never_wash(solved, households):
    _, solution = solved
    types = Population.from_households(households, step_hours=HOURS).types
    assert float(jnp.max(jnp.abs(types.imbalance(solution.value)))) <= 1e-12
    assert float(jnp.max(solution.value.sell * solution.value.buy)) == 0


def test_weights_and_discount_enter_as_in_the_game(households):
    weights = np.random.default_rng(1).choice([0.0, 1.0, 3.0], len(households))
    day = (CLOCK >= 12).astype(int)
    population = Population.from_households(
        households, step_hours=HOURS, weights=weights, discount_per_day=0.8, day=day
    )
    tariff, discount = TARIFFS["two rates"], 0.8**day
    best = planner_optimum(households, tariff, HOURS, weights / weights.sum(), discount=discount)
    assert float(social_optimum(population, tariff).cost) == pytest.approx(best, rel=1e-6)


def test_a_lone_household_is_its_own_planner(households):
    population = Population.from_households(
        households, step_hours=HOURS, weights=np.arange(len(households)) == 5
    )
    solution = social_optimum(population, TARIFFS["two rates"])
    assert abs(float(solution.saving)) <= 1e-7
    np.testing.assert_allclose(solution.cost, solution.benchmark[5], atol=1e-7)


def test_without_devices_only_netting_saves():
    """A closed form: what is matched inside saves the spread."""
    seller = Household(np.full(3, 2.0), np.zeros(3), trade_limit=5.0, name="seller")
    buyer = Household(np.zeros(3), np.array([1.0, 2.0, 4.0]), trade_limit=5.0, name="buyer")
    population = Population.from_households([seller, buyer], step_hours=1.0)
    solution = social_optimum(population, flat_tariff(3, feed_in=0.1, retail=0.3))
    np.testing.assert_allclose(solution.saving, 0.2 * (1 + 2 + 2) / 2, rtol=1e-7)
    np.testing.assert_allclose(solution.prices.buy[jnp.array([0, 2])], [0.1, 0.3], rtol=1e-6)


def test_unconverged_is_never_success(households):
    population = Population.from_households(households, step_hours=HOURS)
    with pytest.raises(NotConverged, match=r"relative gap .* after 2 iterations") as caught:
        social_optimum(population, TARIFFS["flat"], max_iterations=2)
    assert caught.value.solution.outcome is Status.MAX_ITERATIONS


def test_bad_input_is_named(households):
    population = Population.from_households(households[:2], step_hours=HOURS)
    with pytest.raises(InvalidInput, match="tolerance"):
        social_optimum(population, TARIFFS["flat"], tolerance=0.0)
    with pytest.raises(InvalidInput, match="one price a step"):
        social_optimum(population, flat_tariff(5, feed_in=0.1, retail=0.2))
    with pytest.raises(InvalidInput, match="max_iterations"):
        social_optimum(population, TARIFFS["flat"], max_iterations=0)
    single = jax.tree.map(
        lambda x: x.astype(jnp.float32) if jnp.issubdtype(x.dtype, jnp.floating) else x, population
    )
    with pytest.raises(InvalidInput, match="float64"):
        social_optimum(single, TARIFFS["flat"])
