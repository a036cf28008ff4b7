"""Nobody beats the planner: not any equilibrium, not any feasible plans, whatever the community.

One shape and one class of curves for all examples, so that everything is compiled once.
"""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from oracles.community_program import planner_optimum

from mfgamm import (
    Battery,
    Community,
    CommunityMarket,
    FlexibleLoad,
    Household,
    Population,
    Prices,
    Tariff,
    best_response,
    solve_equilibrium,
)
from mfgamm.amm import Learned
from mfgamm.planner import (
    Scenarios,
    adapted,
    ex_ante_optimum,
    expected_cost,
    social_optimum,
    vcg,
)

COUNT, STEPS, HOURS = 4, 6, 4.0
CELLS = 4
# Of costs of about a euro, in which limits are kept to 1e-9 kW.
ROUNDING = 1e-7
SEEDS = st.integers(0, 2**32 - 1)


def random_household(random):
    capacity = random.choice([0.0, random.uniform(2, 15)])
    initial = random.uniform(0, 1) * capacity
    battery = Battery(
        capacity,
        random.uniform(1, 4),
        initial,
        round_trip_efficiency=random.choice([0.8, 1.0]),
        terminal_minimum=random.choice([None, initial]),
        terminal_value=random.choice([0.0, 0.1]),
    )
    generation = random.uniform(0, 5, STEPS) * (random.random(STEPS) < 0.6)
    return Household(
        generation * (random.random() < 0.6),
        random.uniform(0.1, 1.5, STEPS),
        (battery, FlexibleLoad(random.uniform(0.5, 4), power=2.5)),
        # That carries whatever comes, so that every device plan is feasible in every scenario.
        trade_limit=30.0,
        curtailable=bool(random.random() < 0.5),
        name="household",
    )


def random_community(seed):
    """Feed-in prices down to −0.1 €/kWh, and steps at which the grid's prices are equal."""
    random = np.random.default_rng(seed)
    households = [random_household(random) for _ in range(COUNT)]
    population = Population.from_households(households, step_hours=HOURS)
    feed_in = random.uniform(-0.1, 0.12, STEPS)
    spread = random.uniform(0.0, 0.2, STEPS) * (random.random(STEPS) < 0.8)
    curve = Learned(jnp.asarray(random.normal(0, 2, CELLS + 2)))
    fee = jnp.asarray(random.choice([0.0, 0.1]))
    return (
        random,
        households,
        Community(population, CommunityMarket(curve, Tariff(feed_in, feed_in + spread), fee)),
    )


def community_cost(community, plan):
    """What plans cost the community, € per household: the grid's bill less what is left stored."""
    types, tariff = community.population.types, community.market.tariff
    net = types.weights @ np.asarray(plan.buy - plan.sell)
    bill = HOURS * np.sum(np.where(net > 0, tariff.retail, tariff.feed_in) * net)
    value = np.asarray(types.storage.terminal_value * plan.state_of_charge[..., -1]).sum(axis=-1)
    return float(bill - types.weights @ value)


def halfway(one, other):
    return jax.tree.map(lambda x, y: (x + y) / 2, one, other)


@settings(max_examples=12)
@given(SEEDS)
def test_neither_equilibria_nor_any_feasible_plans_beat_the_planner(seed):
    random, households, community = random_community(seed)
    population, tariff = community.population, community.market.tariff
    planner = social_optimum(population, tariff)
    equilibrium = solve_equilibrium(community, max_rounds=30, throw=False)
    low, high = np.sort(random.uniform(0, 1, (2, STEPS)), axis=0)
    drawn = Prices(
        sell=tariff.feed_in + low * tariff.spread, buy=tariff.feed_in + high * tariff.spread
    )
    profiles = {
        "equilibrium": equilibrium.value,
        "life with the grid alone": equilibrium.benchmark.plan,
        "replies to random prices": best_response(population, drawn).value,
        "replies to the planner's prices": best_response(population, planner.prices).value,
    }
    profiles["halfway to the planner"] = halfway(equilibrium.value, planner.value)
    assert community_cost(community, planner.value) == pytest.approx(float(planner.cost), abs=1e-9)
    costs = {name: community_cost(community, plan) for name, plan in profiles.items()}
    # The least of all feasible plans, by another road.
    costs["HiGHS"] = planner_optimum(households, tariff, HOURS)
    for name, cost in costs.items():
        assert float(planner.cost) <= cost + float(planner.gap) + ROUNDING, name
    for name, plan in profiles.items():
        assert float(population.types.worst_violation(plan)) <= ROUNDING, name


@settings(max_examples=5)
@given(SEEDS)
def test_welfare_falls_from_vcg_to_the_ex_ante_planner_to_the_amm(seed):
    """AMM paper, "Mechanism comparison: AMM vs VCG", in sampled scenarios of generation."""
    random, _, community = random_community(seed)
    population, tariff = community.population, community.market.tariff
    types = population.types
    chance = random.uniform(0.2, 0.8)
    factors = random.uniform(0.0, 2.0, (2, COUNT, STEPS))
    scenarios = Scenarios(np.asarray(types.generation) * factors, np.array([chance, 1 - chance]))
    ex_ante = ex_ante_optimum(population, tariff, scenarios)
    mechanism = vcg(population, tariff, scenarios, tolerance=1e-7)
    # The market plans for the generation that is expected, with what may then be curtailed.
    mean = jnp.einsum("s,skt->kt", scenarios.probabilities, scenarios.generation)
    limit = jnp.where(types.curtailment_limit > 0, mean, 0.0)
    expected = dataclasses.replace(types, generation=mean, curtailment_limit=limit)
    foreseen = dataclasses.replace(population, types=expected)
    game = Community(foreseen, community.market)
    found = solve_equilibrium(game, max_rounds=30, throw=False)
    amm = expected_cost(types, tariff, adapted(types, found.value, scenarios), scenarios)
    vcg_cost = float(mechanism.cost) / COUNT
    assert vcg_cost <= float(ex_ante.cost) + 1e-6
    assert float(ex_ante.cost) <= float(amm) + float(ex_ante.gap) + ROUNDING
    assert float(mechanism.deficit) >= -1e-6
