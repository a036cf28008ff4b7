"""The paper's pipeline: bins, banks, the quadratic program against HiGHS and its KKT conditions."""

import dataclasses
import importlib
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from oracles.random_households import random_households
from scipy.optimize import linprog

from mfgamm import (
    Battery,
    CommunityMarket,
    Household,
    InvalidInput,
    NotConverged,
    Population,
    TariffPeriod,
    time_of_use_tariff,
)
from mfgamm.amm import curve_by_name
from mfgamm.planner import (
    bin_households,
    check_indifference,
    mix_bank,
    modified_band_depth,
    run_pipeline,
    social_optimum,
    strategy_bank,
    synthetic_prices,
)

STEPS, HOURS, COUNT = 12, 2.0, 8
TARIFF = time_of_use_tariff(
    np.arange(STEPS) * HOURS, [TariffPeriod(6, 23, 0.2146)], feed_in=0.0886, retail=0.1696
)
MARKET = CommunityMarket(curve_by_name("hyperbolic"), TARIFF)


@pytest.fixture(scope="module")
def population():
    return Population.from_households(random_households(COUNT, STEPS, 11), step_hours=HOURS)


@pytest.fixture(scope="module")
def bank(population):
    return strategy_bank(population.types, synthetic_prices(MARKET, HOURS, 6, 0))


def test_depth_is_the_share_of_bands_that_hold_a_profile():
    profiles = np.random.default_rng(0).integers(0, 4, (6, 5)).astype(float)
    pairs = list(itertools.combinations(range(6), 2))
    for k, depth in enumerate(modified_band_depth(profiles)):
        inside = [
            (np.minimum(profiles[i], profiles[j]) <= profiles[k])
            & (profiles[k] <= np.maximum(profiles[i], profiles[j]))
            for i, j in pairs
        ]
        assert depth == pytest.approx(np.mean(inside))
    assert modified_band_depth(profiles[:1]) == 1.0


def test_bins_keep_hardware_and_charge_apart():
    rng = np.random.default_rng(0)

    def home(k):
        devices = (Battery(10, 5, 1.0 + 8.0 * (k % 4 == 0)),) if k % 2 == 0 else ()
        load = rng.uniform(0.2, 1, STEPS)
        return Household(np.zeros(STEPS), load, devices, name=f"home {k}")

    population = Population.from_households([home(k) for k in range(24)], step_hours=HOURS)
    bins = bin_households(population, charge_levels=2, depth_levels=3)
    assert bins.mass.sum() == pytest.approx(1) and bins.representative.size == 2 * 2 * 3
    np.testing.assert_array_equal(bins.member[bins.representative], np.arange(12))
    for which in range(12):
        members = np.flatnonzero(bins.member == which)
        assert len(set(members % 2)) == 1
        if members[0] % 2 == 0:
            assert len(set(members % 4)) == 1
    depth = modified_band_depth(np.asarray(-population.types.base_load))
    assert depth.size == 24
    single = bin_households(population, charge_levels=1, depth_levels=1)
    assert single.representative.size == 2
    with pytest.raises(InvalidInput, match="depth_levels"):
        bin_households(population, depth_levels=0)


def test_synthetic_prices_are_the_markets(population):
    prices = synthetic_prices(MARKET, HOURS, 6, 0)
    assert prices.sell.shape == (6, STEPS)
    np.testing.assert_array_equal(prices.buy[0], TARIFF.retail)
    assert bool(jnp.all((TARIFF.feed_in <= prices.sell) & (prices.sell <= prices.buy)))
    assert bool(jnp.all(prices.buy <= TARIFF.retail))
    again = synthetic_prices(MARKET, HOURS, 6, 0)
    np.testing.assert_array_equal(prices.sell, again.sell)


def test_without_the_tikhonov_term_it_is_a_linear_program(population, bank):
    types = population.types
    mixture = mix_bank(types, bank, MARKET, tikhonov=0.0)
    net = np.asarray(bank.net_trade(types)) * np.asarray(types.weights)[:, None]
    left = np.asarray(jax.vmap(types.follow_states)(bank.charge, bank.discharge))[..., -1]
    worth = -np.sum(np.asarray(types.storage.terminal_value) * left, -1) * types.weights
    plans, count = worth.shape
    hours = np.full(STEPS, HOURS)
    cost = np.concatenate([worth.ravel(), hours * TARIFF.retail, -hours * TARIFF.feed_in])
    balance = np.hstack([net.reshape(-1, STEPS).T, np.eye(STEPS), -np.eye(STEPS)])
    simplex = np.hstack([np.tile(np.eye(count), plans), np.zeros((count, 2 * STEPS))])
    best = linprog(
        cost,
        A_eq=np.vstack([balance, simplex]),
        b_eq=np.concatenate([np.zeros(STEPS), np.ones(count)]),
        method="highs",
    )
    assert float(mixture.cost) == pytest.approx(best.fun, abs=1e-8)
    assert float(mixture.gap) <= 1e-9


@pytest.mark.parametrize("tikhonov", [1e-3, 0.1])
def test_the_quadratic_program_meets_its_kkt_conditions(population, bank, tikhonov):
    """Convex, so the conditions are proof: prices are slopes, and everybody is indifferent."""
    types = population.types
    mixture = mix_bank(types, bank, MARKET, tikhonov=tikhonov)
    strategy = mixture.strategy
    np.testing.assert_allclose(strategy.weights.sum(axis=0), 1, atol=1e-12)
    assert float(strategy.weights.min()) >= 0
    net = -np.einsum(
        "n,kn,knt->t", types.weights, strategy.weights, np.asarray(strategy.net_trade(types))
    )
    slope = np.where(net > 0, TARIFF.retail, TARIFF.feed_in) + 2 * tikhonov * HOURS * net
    clear = np.abs(net) > 1e-3
    assert clear.any()
    np.testing.assert_allclose(np.asarray(mixture.prices.buy)[clear], slope[clear], atol=1e-6)
    indifference = check_indifference(types, strategy, mixture.prices)
    assert float(types.weights @ indifference.within_bank) <= 1e-8
    assert float(jnp.min(indifference.within_bank)) >= -1e-12


def test_a_stronger_term_flattens_trade(population, bank):
    def roughness(tikhonov):
        mixture = mix_bank(population.types, bank, MARKET, tikhonov=tikhonov)
        flows = population.types.flows(mixture.strategy.average(population.types))
        return float(jnp.sum((flows.demand - flows.supply) ** 2))

    assert roughness(1.0) < roughness(1e-4)


def test_the_pipeline_gives_feasible_plans_that_cost_more_than_the_optimum(population):
    result = run_pipeline(population, MARKET, bank_size=6, charge_levels=1, depth_levels=1)
    types = population.types
    assert float(types.worst_violation(result.plan)) <= 1e-6
    assert float(jnp.max(jnp.abs(types.imbalance(result.plan)))) <= 1e-9
    assert float(jnp.min(result.indifference.beyond_bank)) >= -1e-8
    bound = float(social_optimum(population, TARIFF).certificate)
    flows = types.flows(result.plan)
    net = np.asarray(flows.demand - flows.supply)
    bill = HOURS * np.sum(np.where(net > 0, TARIFF.retail, TARIFF.feed_in) * net)
    left = jnp.sum(types.storage.terminal_value * result.plan.state_of_charge[..., -1], axis=-1)
    assert bill - float(types.weights @ left) >= bound


def test_plans_of_a_households_own_bank_need_no_projection(population):
    """Identical households: what is drawn can be carried out as it is."""
    copied = jax.tree.map(
        lambda x: x[np.zeros(COUNT, int)] if x.shape[:1] == (COUNT,) else x, population.types
    )
    twins = dataclasses.replace(population, types=copied)
    result = run_pipeline(twins, MARKET, bank_size=6, charge_levels=1, depth_levels=1)
    assert set(result.bins.member) <= set(range(COUNT)) and result.displacement <= 1e-6


def test_an_unfinished_program_is_never_success(population, bank, monkeypatch):
    module = importlib.import_module("mfgamm.planner.strategy_bank")
    monkeypatch.setattr(module, "MAX_ITERATIONS", 1)
    with pytest.raises(NotConverged, match="quadratic program") as caught:
        mix_bank(population.types, bank, MARKET)
    assert float(caught.value.solution.gap) > 1e-9


def test_bad_arguments_are_named(population, bank):
    with pytest.raises(InvalidInput, match="bank_size"):
        run_pipeline(population, MARKET, bank_size=0)
    with pytest.raises(InvalidInput, match="tikhonov"):
        mix_bank(population.types, bank, MARKET, tikhonov=-1.0)
    with pytest.raises(InvalidInput, match="tolerance"):
        mix_bank(population.types, bank, MARKET, tolerance=0.0)
