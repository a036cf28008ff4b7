import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from equilibrium.communities import HOURS, TARIFF, community_of, make_households
from oracles.household_program import solve_with_highs

from mfgamm import ColumnGeneration, FictitiousPlay, InvalidInput, solve_equilibrium
from mfgamm.equilibrium import column_generation
from mfgamm.equilibrium.newton_master import MasterSolution

TOLERANCE = 1e-7


@pytest.fixture(scope="module")
def households():
    return make_households()


# With six places a type has to give plans up on the way.
@pytest.fixture(scope="module", params=[("mid-market", 0.0, None), ("hyperbolic", 0.2, 6)])
def equilibrium(request, households):
    curve, fee, capacity = request.param
    community = community_of(households, curve, fee=fee)
    return solve_equilibrium(community, ColumnGeneration(capacity=capacity), tolerance=TOLERANCE)


def test_a_few_rounds_reach_machine_checked_accuracy(equilibrium):
    assert equilibrium.converged
    assert float(equilibrium.certificate.relative) <= TOLERANCE
    assert 6 < equilibrium.history.count < 40
    assert not bool(equilibrium.certificate.nominal)
    for name in ("price", "energy", "money"):
        assert float(getattr(equilibrium.residuals, name)) <= 1e-13


def test_highs_confirms_every_households_claim(equilibrium, households):
    sell, buy = (np.asarray(x) for x in (equilibrium.prices.sell, equilibrium.prices.buy))
    best = np.array([solve_with_highs(each, sell, buy, HOURS) for each in households])
    types = equilibrium.community.population.types
    regret = np.asarray(types.cost(equilibrium.value, equilibrium.prices)) - best
    claimed = np.asarray(equilibrium.certificate.exploitability_by_type)
    np.testing.assert_allclose(claimed, regret, atol=2e-8)
    assert np.all(regret <= 1e-5 * np.abs(best))


def test_the_mixture_is_the_strategy(equilibrium):
    types, mixture = equilibrium.community.population.types, equilibrium.mixture
    assert bool(jnp.all(mixture.weights >= 0)) and not bool(jnp.any(mixture.weights[~mixture.held]))
    np.testing.assert_allclose(mixture.weights.sum(axis=0), 1, atol=1e-14)
    average = mixture.average(types)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, atol=1e-12), average, equilibrium.value
    )


def test_plans_in_use_cost_the_same(equilibrium):
    """The definition of a mixed equilibrium: nobody of a type does better than anybody else."""
    types, mixture = equilibrium.community.population.types, equilibrium.mixture
    net, prices = mixture.net_trade(types), equilibrium.prices
    paid = HOURS * (np.maximum(-net, 0) @ prices.buy - np.maximum(net, 0) @ prices.sell)
    paid = np.where(mixture.held, paid, np.inf)
    excess = np.where(mixture.weights > 1e-2, paid - np.min(paid, axis=0), 0.0)
    assert excess.max() <= 1e-4 * float(jnp.max(jnp.abs(equilibrium.benchmark.cost)))
    assert np.sum(mixture.weights > 1e-2) > len(types.weights)


def test_it_is_far_ahead_of_fictitious_play(households):
    community = community_of(households)
    settings = {"tolerance": 1e-12, "max_rounds": 15, "throw": False}
    averaged = solve_equilibrium(community, FictitiousPlay(), **settings)
    mixed = solve_equilibrium(community, ColumnGeneration(), **settings)
    assert averaged.mixture is None
    assert float(mixed.certificate.relative) < 0.01 * float(averaged.certificate.relative)


def test_where_the_weights_cannot_be_solved_for_a_step_to_the_reply_is_taken(
    households, monkeypatch
):
    def stuck(game, start, goal):
        return MasterSolution(start, jnp.asarray(jnp.inf), jnp.asarray(0))

    monkeypatch.setattr(column_generation, "solve_master", stuck)
    # A capacity of its own, so that nothing compiled here is used elsewhere.
    solver = ColumnGeneration(capacity=19)
    found = solve_equilibrium(community_of(households), solver, max_rounds=19, throw=False)
    assert float(found.certificate.relative) < 0.1 * found.history.relative[0]


def test_a_search_goes_on_from_another_ones_result(households):
    community = community_of(households)
    solver = ColumnGeneration()
    coarse = solve_equilibrium(community, solver, tolerance=1e-3)
    fine = solve_equilibrium(community, solver, start=coarse, tolerance=TOLERANCE)
    np.testing.assert_allclose(fine.history.relative[0], coarse.certificate.relative, rtol=1e-6)
    afresh = solve_equilibrium(community, solver, tolerance=TOLERANCE)
    assert fine.history.count < afresh.history.count
    again = solve_equilibrium(community, FictitiousPlay(), start=coarse, tolerance=1e-3)
    assert again.history.count == 1


def test_a_start_must_be_feasible_and_fit(households):
    community = community_of(households)
    plan = solve_equilibrium(community, ColumnGeneration(), tolerance=1.0).value
    idle = dataclasses.replace(plan, charge=0 * plan.charge)
    with pytest.raises(InvalidInput, match=r"start = 'limits violated by"):
        solve_equilibrium(community, start=idle)
    fewer = jax.tree.map(lambda rows: rows[1:], plan)
    with pytest.raises(InvalidInput, match="start = 'plans of shape"):
        solve_equilibrium(community, start=fewer)


def test_steps_without_a_spread_or_with_negative_prices_do_no_harm(households):
    """Every fifth step is without a spread, and at noon the grid charges for what it takes."""
    feed_in = np.where(np.arange(24) % 5 == 0, TARIFF.retail, TARIFF.feed_in)
    feed_in[12] = -0.05
    tariff = dataclasses.replace(TARIFF, feed_in=feed_in)
    community = community_of(households, tariff=tariff)
    found = solve_equilibrium(community, ColumnGeneration(), tolerance=TOLERANCE)
    assert found.converged


def test_bad_settings_are_named():
    with pytest.raises(InvalidInput, match=r"solver\.capacity = 1"):
        ColumnGeneration(capacity=1)
    with pytest.raises(InvalidInput, match=r"solver\.accuracy = 0.9"):
        ColumnGeneration(accuracy=0.9)
