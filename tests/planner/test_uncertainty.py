"""Ex ante, ex post and VCG against HiGHS, and the order of their welfare."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from oracles.community_program import planner_optimum
from oracles.random_households import random_households

from mfgamm import (
    Community,
    CommunityMarket,
    InvalidInput,
    Population,
    TariffPeriod,
    solve_equilibrium,
    time_of_use_tariff,
)
from mfgamm.amm import curve_by_name
from mfgamm.planner import (
    Scenarios,
    adapted,
    ex_ante_optimum,
    ex_post_optimum,
    expected_cost,
    price_of_anarchy,
    social_optimum,
    vcg,
)

STEPS, HOURS, COUNT = 12, 2.0, 8
TARIFF = time_of_use_tariff(
    np.arange(STEPS) * HOURS, [TariffPeriod(6, 23, 0.2146)], feed_in=0.0886, retail=0.1696
)
CHANCES = np.array([0.5, 0.3, 0.2])


@pytest.fixture(scope="module")
def households():
    """With connections that carry whatever comes, so that every device plan is feasible."""
    drawn = random_households(COUNT, STEPS, 11)
    return [dataclasses.replace(each, trade_limit=30.0) for each in drawn]


@pytest.fixture(scope="module")
def population(households):
    return Population.from_households(households, step_hours=HOURS)


@pytest.fixture(scope="module")
def scenarios(households):
    produced = np.stack([each.generation for each in households])
    factors = np.random.default_rng(2).uniform(0.2, 5.0, (3, COUNT, 1))
    clouds = np.random.default_rng(3).uniform(0.5, 1.0, (3, 1, STEPS))
    return Scenarios(produced * factors * clouds, CHANCES)


@pytest.fixture(scope="module")
def ex_ante(population, scenarios):
    return ex_ante_optimum(population, TARIFF, scenarios)


@pytest.fixture(scope="module")
def ex_post(population, scenarios):
    return ex_post_optimum(population, TARIFF, scenarios)


def weighted(scenarios):
    return list(zip(CHANCES, np.asarray(scenarios.generation), strict=True))


def test_ex_ante_agrees_with_highs(ex_ante, households, scenarios):
    best = planner_optimum(households, TARIFF, HOURS, scenarios=weighted(scenarios))
    assert ex_ante.converged
    assert float(ex_ante.cost) == pytest.approx(best, rel=1e-6)
    assert float(ex_ante.certificate) <= best + 1e-9 <= float(ex_ante.cost) + 2e-9


def test_ex_post_agrees_with_highs(ex_post, households, scenarios):
    best = sum(
        chance * planner_optimum(households, TARIFF, HOURS, scenarios=[(1.0, produced)])
        for chance, produced in weighted(scenarios)
    )
    assert float(ex_post.cost) == pytest.approx(best, rel=1e-6)


def test_ex_ante_devices_do_the_same_whatever_comes(ex_ante, ex_post):
    assert float(jnp.ptp(ex_ante.value.charge, axis=0).max()) == 0
    assert float(jnp.ptp(ex_post.value.charge, axis=0).max()) > 0.1


def test_the_cost_of_the_plans_is_the_cost_stated(ex_ante, population, scenarios):
    cost = expected_cost(population.types, TARIFF, ex_ante.value, scenarios)
    np.testing.assert_allclose(cost, ex_ante.cost, rtol=1e-12)
    # Its own devices, with trade made up anew: nothing but curtailment can differ.
    plan = jax.tree.map(lambda x: x[0], ex_ante.value)
    carried = adapted(population.types, plan, scenarios)
    again = expected_cost(population.types, TARIFF, carried, scenarios)
    assert float(again) >= float(ex_ante.certificate)


@pytest.mark.parametrize("curve", ["mid-market", "hyperbolic"])
def test_welfare_falls_from_ex_post_to_ex_ante_to_the_amm(
    curve, ex_ante, ex_post, population, scenarios
):
    """The AMM's plans are made for the expected generation, and carried out in each scenario."""
    mean = jnp.einsum("s,skt->kt", scenarios.probabilities, scenarios.generation)
    expected = dataclasses.replace(
        population, types=dataclasses.replace(population.types, generation=mean)
    )
    market = CommunityMarket(curve_by_name(curve), TARIFF)
    equilibrium = solve_equilibrium(Community(expected, market), tolerance=2e-2)
    plans = adapted(population.types, equilibrium.value, scenarios)
    amm = expected_cost(population.types, TARIFF, plans, scenarios)
    assert float(ex_post.certificate) < float(ex_ante.certificate) <= float(amm)
    assert float(ex_ante.cost) - float(ex_post.cost) > 1e-3


def test_vcg_bears_marginal_contributions_and_runs_a_deficit(households, population, scenarios):
    outcome = vcg(population, TARIFF, scenarios)
    whole = burdens = 0.0
    for chance, produced in weighted(scenarios):
        ones = np.ones(COUNT)
        everybody = planner_optimum(households, TARIFF, HOURS, ones, [(1.0, produced)])
        without = [
            planner_optimum(
                [*households[:k], *households[k + 1 :]],
                TARIFF,
                HOURS,
                ones[1:],
                [(1.0, np.delete(produced, k, axis=0))],
            )
            for k in range(COUNT)
        ]
        whole += chance * everybody
        burdens = burdens + chance * (everybody - np.array(without))
    np.testing.assert_allclose(outcome.cost, whole, rtol=1e-6)
    np.testing.assert_allclose(outcome.burden, burdens, atol=1e-6)
    assert float(outcome.deficit) > 1e-3
    np.testing.assert_allclose(outcome.deficit, whole - burdens.sum(), atol=1e-5)


def test_vcgs_deficit_vanishes_in_a_large_community(households, population):
    """Copies of the same households: the deficit for each falls as their number grows."""
    many = Population.from_households(households, step_hours=HOURS, represented=50 * COUNT)
    few_deficit = float(vcg(population, TARIFF).deficit) / COUNT
    many_deficit = float(vcg(many, TARIFF).deficit) / (50 * COUNT)
    assert 0 <= many_deficit < 0.2 * few_deficit


def test_price_of_anarchy_of_the_optimum_and_of_the_grid(population):
    planner = social_optimum(population, TARIFF)
    none = price_of_anarchy(population.types, TARIFF, planner.value, planner)
    assert abs(float(none.loss)) <= 1e-9 and float(none.ratio) == pytest.approx(1, abs=1e-6)
    market = CommunityMarket(curve_by_name("mid-market"), TARIFF)
    equilibrium = solve_equilibrium(Community(population, market), tolerance=2e-2)
    amm = price_of_anarchy(population.types, TARIFF, equilibrium.value, planner)
    alone = price_of_anarchy(population.types, TARIFF, equilibrium.benchmark.plan, planner)
    assert 0 <= float(amm.lost_share) < 1
    # Flows of neighbours cancel at the connection even if nobody is paid for it.
    assert float(alone.cost) <= float(alone.benchmark) and float(alone.loss) > float(amm.loss)


def test_bad_scenarios_are_named(population, scenarios):
    with pytest.raises(InvalidInput, match="sum to 1"):
        Scenarios(scenarios.generation, CHANCES / 2)
    with pytest.raises(InvalidInput, match="negative"):
        Scenarios(-scenarios.generation, CHANCES)
    with pytest.raises(InvalidInput, match="types and steps"):
        ex_ante_optimum(population, TARIFF, Scenarios(scenarios.generation[:, :3], CHANCES))
    with pytest.raises(InvalidInput, match="less than one household"):
        vcg(dataclasses.replace(population, households=jnp.asarray(2.0)), TARIFF)
