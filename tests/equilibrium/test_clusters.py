"""Coupled clusters through the same solver, certificate and derivatives as one community."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from equilibrium.communities import HOURS, TARIFF, make_households

from mfgamm import Community, CommunityMarket, InvalidInput, Population, solve_equilibrium
from mfgamm.amm import Linear, curve_by_name
from mfgamm.core import Clusters
from mfgamm.equilibrium import (
    ColumnGeneration,
    Game,
    Smoothing,
    metrics_of,
    polish,
    smoothed_equilibrium,
    smoothed_outcome,
    without_community,
)
from mfgamm.equilibrium.sensitivity_parameters import DECAY, parameters_of
from mfgamm.graphon import DenseAggregate
from mfgamm.market import NestedMarket

# The third cluster is empty.
HOMES, NAMES = [0, 0, 0, 1, 1, 1, 3, 3, 3], ("a", "b", "c", "d")
DISTANCE = np.array(
    [[0, 0.3, 0.5, 0.9], [0.3, 0, 0.4, 0.7], [0.5, 0.4, 0, 0.2], [0.9, 0.7, 0.2, 0]]
)
BLUR = 1e-2


def population(homes=HOMES, names=NAMES):
    return Population.from_households(
        make_households(9), step_hours=HOURS, clusters=names, homes=homes
    )


def nested(weights, **options):
    coupling = DenseAggregate(jnp.asarray(weights))
    curves = Linear.mid_market(), curve_by_name("hyperbolic")
    return NestedMarket(*curves, TARIFF, coupling, blur=BLUR, **options)


@pytest.fixture(scope="module")
def equilibrium():
    community = Community(population(), nested(np.exp(-2 * DISTANCE)))
    return solve_equilibrium(community, tolerance=1e-6)


def test_coupled_clusters_reach_an_equilibrium(equilibrium):
    certificate = equilibrium.certificate
    assert equilibrium.converged and float(certificate.relative) <= 1e-6
    assert equilibrium.prices.sell.shape == (4, 24)
    assert max(map(float, (certificate.residuals.energy, certificate.residuals.money))) < 1e-12
    assert float(jnp.sum(equilibrium.settlement.network.sales)) > 0.01


def test_clusters_that_see_nobody_are_communities_of_their_own(equilibrium):
    apart = solve_equilibrium(Community(population(), nested(np.eye(4))), tolerance=1e-6)
    alone = CommunityMarket(Linear.mid_market(), TARIFF, blur=BLUR)
    expected = solve_equilibrium(Community(population(), alone), tolerance=1e-6)
    np.testing.assert_allclose(apart.prices.sell, expected.prices.sell, atol=1e-5)
    # Trade between clusters is worth something to them together.
    assert float(equilibrium.certificate.gain) > float(apart.certificate.gain) + 1e-3


def test_one_cluster_is_the_single_community():
    one = Community(population([0] * 9, ("a",)), nested(np.full((1, 1), 0.7)))
    single = Community(
        Population.from_households(make_households(9), step_hours=HOURS),
        CommunityMarket(Linear.mid_market(), TARIFF, blur=BLUR),
    )
    found, expected = (solve_equilibrium(each, tolerance=1e-6) for each in (one, single))
    np.testing.assert_allclose(found.prices.buy[0], expected.prices.buy, atol=1e-5)
    np.testing.assert_allclose(found.certificate.gain, expected.certificate.gain, rtol=1e-5)


SMOOTHING = Smoothing(jnp.asarray(1e-5), jnp.asarray(1e-4))


@pytest.fixture(scope="module")
def smoothed(equilibrium):
    community = equilibrium.community
    benchmark = without_community(community)
    game = Game(community.population.types, community.market, benchmark.cost)
    return game, smoothed_equilibrium(game, benchmark.plan, SMOOTHING)


@eqx.filter_jit
def metrics(game, point):
    outcome = smoothed_outcome(game, point, SMOOTHING)
    found = metrics_of(game, outcome, jnp.ones((1, 9)))
    ramp = jnp.linspace(0.5, 1.5, outcome.prices.buy.size)
    return jnp.stack(
        [
            found.gain + found.peak_import + found.grid_import,
            jnp.sum(outcome.settlement.network.sales),
            jnp.sum(outcome.settlement.network.income),
            ramp @ jnp.ravel(outcome.prices.buy + outcome.prices.sell),
        ]
    )


@eqx.filter_jit
def gradient(game, point, mix):
    """Of a sum of the metrics, by everything in the game."""
    return eqx.filter_grad(lambda game: mix @ metrics(game, point))(game)


def test_the_metrics_of_clusters_are_those_of_all_households(smoothed):
    game, point = smoothed
    outcome = smoothed_outcome(game, point, SMOOTHING)
    found = metrics_of(game, outcome, jnp.ones((1, 9)))
    plan, weights = outcome.plan, game.types.weights
    lacking = np.asarray(weights @ (plan.buy - plan.sell))
    assert np.max(lacking) > 0.1
    np.testing.assert_allclose(found.peak_import, np.max(lacking), rtol=1e-9)
    np.testing.assert_allclose(found.grid_import, HOURS * np.sum(np.maximum(lacking, 0)), rtol=1e-9)
    # What the community gains is what its households save and its operators earn.
    certain = certify_gain(game, outcome)
    np.testing.assert_allclose(found.gain, certain, rtol=1e-6)


def certify_gain(game, outcome):
    """Saving of all households over the grid alone, from their bills, with operators' income."""
    saved = game.types.weights @ (game.benchmark_cost - outcome.cost)
    return (
        saved
        + jnp.sum(outcome.settlement.operator_income)
        + jnp.sum(outcome.settlement.network.income)
    )


def test_the_decay_of_the_coupling_is_a_parameter(smoothed, equilibrium):
    game, _ = smoothed
    (decay,) = (p for p in parameters_of(equilibrium.community) if p.name == DECAY)
    moved = decay.move(game, 0.05).market.coupling.weights
    np.testing.assert_allclose(moved, np.exp(-2 * 1.05 * DISTANCE), rtol=1e-12)
    lone = eqx.tree_at(lambda g: g.market.coupling.weights, game, jnp.eye(4))
    slope = jax.jacfwd(lambda x: decay.move(lone, x).market.coupling.weights)(0.0)
    np.testing.assert_array_equal(slope, np.zeros((4, 4)))


@pytest.mark.parametrize("what", ["decay", "weights"])
def test_derivatives_by_the_coupling_agree_with_equilibria_solved_anew(smoothed, what):
    game, point = smoothed
    weights = game.market.coupling.weights
    random = np.random.default_rng(0).uniform(0.5, 1, weights.shape)
    # d/dα of exp(−α·e), or any change of the entries.
    direction = -DISTANCE * weights if what == "decay" else -random * weights

    def where(game):
        return game.market.coupling.weights

    def moved(step):
        return eqx.tree_at(where, game, weights + step * direction)

    width = 1e-6
    expected = (metrics(moved(width), point) - metrics(moved(-width), point)) / (2 * width)
    for mix in (jnp.asarray([1.0, 1.0, 1.0, 0.0]), jnp.asarray([0.0, 0.0, 0.0, 1.0])):
        slopes = where(gradient(game, point, mix))
        np.testing.assert_allclose(jnp.sum(slopes * direction), mix @ expected, rtol=1e-4)


def test_the_system_of_prices_is_solved_whatever_is_eliminated(smoothed, monkeypatch):
    from mfgamm.equilibrium import price_system
    from mfgamm.equilibrium.central_path import linearise

    game, point = smoothed
    right = jnp.asarray(np.random.default_rng(1).normal(size=point.prices.shape))

    def residual():
        system = linearise(game, point, SMOOTHING)
        return jnp.max(jnp.abs(system.apply(system.solve(right)) - right))

    assert float(jax.jit(residual)()) < 1e-7
    # With only the two leading directions of the coupling eliminated, GMRES does the rest.
    monkeypatch.setattr(price_system, "MOST_COUPLED", 2 * 2 * 24)
    jax.clear_caches()
    assert float(jax.jit(residual)()) < 1e-7


def test_what_does_not_fit_is_refused(equilibrium):
    community = equilibrium.community
    with pytest.raises(InvalidInput, match="no clusters"):
        Community(
            Population.from_households(make_households(9), step_hours=HOURS), community.market
        )
    with pytest.raises(InvalidInput, match="4 clusters"):
        Community(population(), nested(np.eye(3)))
    with pytest.raises(InvalidInput, match="PathFollowing"):
        solve_equilibrium(community, ColumnGeneration())
    with pytest.raises(InvalidInput, match="homes"):
        population(homes=None)
    with pytest.raises(InvalidInput, match="homes"):
        population(homes=[0, 1])


def test_permuting_clusters_permutes_the_equilibrium(smoothed):
    game, point = smoothed
    new_place = np.array([2, 0, 3, 1])  # where each cluster goes
    homes = new_place[np.asarray(HOMES)]
    order = np.argsort(homes, kind="stable")
    order[:3] = order[[2, 0, 1]]  # and types within a cluster
    storage = jax.tree.map(lambda x: x[order], game.types.storage)
    rows = {
        name: getattr(game.types, name)[order]
        for name in ("generation", "base_load", "curtailment_limit", "trade_limit", "weights")
    }
    clusters = Clusters(jnp.asarray(homes[order]), 4)
    types = dataclasses.replace(game.types, storage=storage, clusters=clusters, **rows)
    old = np.argsort(new_place)
    weights = game.market.coupling.weights[old][:, old]
    market = eqx.tree_at(lambda m: m.coupling.weights, game.market, weights)
    lanes = jax.tree.map(lambda x: x[..., order], point)
    # Off the equilibrium, so that it has to be found again.
    start = eqx.tree_at(lambda p: p.prices, lanes, point.prices[:, old] + 1e-5)
    permuted = Game(types, market, game.benchmark_cost[order])
    found = polish(permuted, start, SMOOTHING)
    np.testing.assert_allclose(found.prices, point.prices[:, old], atol=1e-9)
