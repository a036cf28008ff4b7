"""The monotone market's equilibrium: certified at its own prices, between planner and grid."""

import jax.numpy as jnp
import numpy as np
import pytest
from oracles.household_program import solve_with_highs
from oracles.random_households import random_households

from mfgamm import (
    GridMarket,
    InvalidInput,
    Population,
    TariffPeriod,
    time_of_use_tariff,
)
from mfgamm.amm import MonotonePotential
from mfgamm.equilibrium import Game, certify
from mfgamm.market import MonotoneMarket
from mfgamm.planner import monotone_equilibrium, social_optimum

STEPS, HOURS = 24, 1.0
TARIFF = time_of_use_tariff(
    np.arange(STEPS) * HOURS, [TariffPeriod(6, 23, 0.2146)], feed_in=0.0886, retail=0.1696
)


@pytest.fixture(scope="module")
def households():
    return random_households(64, STEPS, 3)


@pytest.fixture(scope="module")
def population(households):
    return Population.from_households(households, step_hours=HOURS)


@pytest.fixture(scope="module", params=[1e-4, 0.05, 2.0])
def solved(request, population):
    market = MonotoneMarket(MonotonePotential(request.param), TARIFF)
    return market, monotone_equilibrium(population, market)


def test_the_games_own_certificate_agrees(solved, population):
    market, solution = solved
    assert solution.converged
    plan, types = solution.value, population.types
    books = market.settle(plan.sell, plan.buy, types.members, types.step_hours)
    game = Game(types, market, solution.benchmark)
    best = types.cost(plan, solution.prices) - solution.exploitability_by_type
    certificate = certify(game, plan, solution.prices, books, best)
    assert float(certificate.residuals.price) <= 1e-15
    assert float(certificate.residuals.energy) <= 1e-12
    assert float(certificate.residuals.money) <= 1e-13
    assert float(certificate.residuals.feasibility) <= 1e-8
    np.testing.assert_allclose(certificate.exploitability, solution.gap, atol=1e-12)
    assert float(solution.gap) <= 1e-6 * float(solution.saving)


def test_highs_confirms_that_nobody_gains_by_leaving(solved, households, population):
    _, solution = solved
    sell, buy = np.asarray(solution.prices.sell), np.asarray(solution.prices.buy)
    best = np.array([solve_with_highs(each, sell, buy, HOURS) for each in households])
    regret = np.asarray(population.types.cost(solution.value, solution.prices)) - best
    claimed = np.asarray(solution.exploitability_by_type)
    assert np.all(claimed >= regret - 1e-9)
    np.testing.assert_allclose(claimed, regret, atol=1e-6)


def test_it_lies_between_the_planner_and_the_grid(solved, population):
    """φ bounds what is lost: the surplus that the planner's plans would leave."""
    market, solution = solved
    planner = social_optimum(population, TARIFF)
    lost = float(solution.social_cost - planner.cost)
    flows = population.types.flows(planner.value)
    surplus = market.potential.surplus(flows.supply, flows.demand, TARIFF)
    assert -1e-7 <= lost <= float(jnp.sum(surplus)) * HOURS + 1e-7
    assert float(solution.social_cost) <= float(solution.cost) + 1e-9
    assert 0 <= float(solution.saving) <= float(planner.saving) + 1e-7


def test_the_loss_vanishes_with_the_curvature_and_the_grid_returns_without(population):
    planner = social_optimum(population, TARIFF)
    markets = [MonotoneMarket(MonotonePotential(nu), TARIFF) for nu in (1e-6, 0.05, 1e4)]
    fine, middling, coarse = (monotone_equilibrium(population, each) for each in markets)
    losses = [float(each.social_cost - planner.cost) for each in (fine, middling, coarse)]
    assert losses[0] < 1e-3 * float(planner.saving) and losses[0] <= losses[1] < losses[2]
    grid = GridMarket(TARIFF).prices(population.types.flows(coarse.value))
    np.testing.assert_allclose(coarse.prices.buy, grid.buy, atol=1e-4)
    paid = population.types.weights @ coarse.benchmark
    np.testing.assert_allclose(coarse.cost, paid, rtol=1e-3)


def test_without_curvature_the_planner_is_the_place_to_ask(population):
    with pytest.raises(InvalidInput, match="use social_optimum"):
        monotone_equilibrium(population, MonotoneMarket(MonotonePotential(0.0), TARIFF))
