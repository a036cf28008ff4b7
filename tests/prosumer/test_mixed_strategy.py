import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from oracles.random_households import random_households, random_prices

from mfgamm import MixedStrategy, Population, best_response
from mfgamm.prosumer import draw_community

STEPS, PLANS = 12, 3


@pytest.fixture(scope="module")
def population():
    households = random_households(6, STEPS, seed=4)
    return Population.from_households(households, step_hours=24 / STEPS, weights=np.arange(6.0))


@pytest.fixture(scope="module")
def plans(population):
    return [best_response(population, random_prices(STEPS, seed)).value for seed in range(PLANS)]


@pytest.fixture(scope="module")
def mixture(plans):
    """Half of every type on the second plan, a third on the last, the rest on the first."""
    mixed = MixedStrategy.pure(plans[0]).with_capacity(PLANS)
    return mixed.with_plan(plans[1], 0.75).with_plan(plans[2], 1 / 3)


SHARES = (1 / 6, 1 / 2, 1 / 3)


def assert_plans_equal(found, expected):
    for name in ("sell", "buy", "curtailed", "charge", "discharge", "state_of_charge"):
        np.testing.assert_allclose(getattr(found, name), getattr(expected, name), atol=1e-9)


def test_a_pure_strategy_is_its_plan(population, plans):
    assert_plans_equal(MixedStrategy.pure(plans[0]).average(population.types), plans[0])


def test_the_average_weighs_sales_and_purchases_apart(population, plans, mixture):
    np.testing.assert_allclose(mixture.weights, np.tile(np.array(SHARES)[:, None], 6))
    expected = jax.tree.map(
        lambda *each: sum(s * x for s, x in zip(SHARES, each, strict=True)), *plans
    )
    average = mixture.average(population.types)
    assert_plans_equal(average, expected)
    assert float(population.types.worst_violation(average)) <= 1e-9
    assert float(jnp.max(jnp.abs(population.types.imbalance(average)))) <= 1e-12
    assert float(jnp.max(jnp.minimum(average.sell, average.buy))) > 0.1


def test_a_full_mixture_gives_up_its_lightest_plan(population, plans, mixture):
    weights = mixture.weights.at[:, 0].set(jnp.array([0.5, 0.2, 0.3]))
    skewed = dataclasses.replace(mixture, weights=weights)
    replaced = skewed.with_plan(plans[0], 0.25)
    np.testing.assert_allclose(replaced.weights[:, 0], [0.75 * 5 / 8, 0.25, 0.75 * 3 / 8])
    np.testing.assert_allclose(replaced.weights[:, 1], [0.25, 0.75 * 0.6, 0.75 * 0.4])
    net = replaced.net_trade(population.types)
    np.testing.assert_allclose(net[1, 0], plans[0].sell[0] - plans[0].buy[0], atol=1e-9)


def test_places_are_found_before_plans_are_given_up(plans):
    roomy = MixedStrategy.pure(plans[0]).with_capacity(4).with_plan(plans[1])
    np.testing.assert_array_equal(roomy.held.sum(axis=0), 2)
    np.testing.assert_array_equal(roomy.weights.max(axis=0), 1)


def test_a_smaller_capacity_keeps_the_heaviest(population, plans, mixture):
    smaller = mixture.with_capacity(2)
    np.testing.assert_allclose(smaller.weights, np.tile([[0.6], [0.4]], 6))
    net = smaller.net_trade(population.types)
    np.testing.assert_allclose(net[0], plans[1].sell - plans[1].buy, atol=1e-9)


def test_every_household_drawn_keeps_its_own_limits(population, mixture):
    drawn, plan = draw_community(mixture, population.types, 400, jax.random.key(1))
    assert float(drawn.worst_violation(plan)) <= 1e-9
    assert float(jnp.max(jnp.abs(drawn.imbalance(plan)))) <= 1e-12
    assert float(jnp.max(jnp.minimum(plan.sell, plan.buy))) == 0
    moved = jax.tree.map(lambda rows: jnp.roll(rows, 1, axis=0), plan)
    assert float(drawn.worst_violation(moved)) > 0.1


def test_draws_follow_the_weights(population, mixture):
    """Mean flows of a large draw against the mixture's own; nobody of weight zero is drawn."""
    types = population.types
    drawn, plan = draw_community(mixture, types, 20_000, jax.random.key(0))
    flows, limit = drawn.flows(plan), types.flows(mixture.average(types))
    spread = np.std(np.asarray(plan.sell - plan.buy), axis=0) / np.sqrt(20_000)
    net = np.asarray(flows.supply - flows.demand - (limit.supply - limit.demand))
    assert np.all(np.abs(net) <= 4.5 * spread + 1e-12)
    absent = np.asarray(types.base_load[0])
    assert not np.any(np.all(np.asarray(drawn.base_load) == absent, axis=1))
