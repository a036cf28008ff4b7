"""Path following: certificates far below what averaging reaches, on every kind of market."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest
from equilibrium.communities import STEPS, TARIFF, community_of, make_households

from mfgamm import NotConverged, PathFollowing, Tariff, solve_equilibrium
from mfgamm.core import InvalidInput, Status
from mfgamm.equilibrium import (
    ColumnGeneration,
    Game,
    Smoothing,
    path_following,
    polish,
    without_community,
)
from mfgamm.equilibrium.central_path import GameProgram

TIGHT = 1e-6


@pytest.fixture(scope="module")
def community():
    return community_of(make_households())


def tariff_of(feed_in, retail):
    return Tariff(feed_in=jnp.asarray(feed_in), retail=jnp.asarray(retail))


def with_negative_feed_in():
    feed_in = np.asarray(TARIFF.feed_in).copy()
    feed_in[10:15] = -0.05
    return tariff_of(feed_in, TARIFF.retail)


def with_zero_spread():
    feed_in = np.asarray(TARIFF.feed_in).copy()
    feed_in[8:12] = np.asarray(TARIFF.retail)[8:12]
    return tariff_of(feed_in, TARIFF.retail)


@pytest.mark.parametrize("curve", ["mid-market", "hyperbolic"])
@pytest.mark.parametrize("fee", [0.0, 0.3])
def test_nobody_gains_by_deviating(curve, fee):
    community = community_of(make_households(), curve, fee=fee)
    equilibrium = solve_equilibrium(community, PathFollowing(), tolerance=TIGHT, max_rounds=30)
    certificate = equilibrium.certificate
    assert float(certificate.relative) <= TIGHT
    assert float(certificate.residuals.feasibility) <= 1e-9
    assert float(certificate.residuals.energy) <= 1e-9
    assert float(certificate.residuals.money) <= 1e-12


@pytest.mark.parametrize("tariff", [with_negative_feed_in(), with_zero_spread()])
def test_odd_tariffs(tariff):
    community = community_of(make_households(), tariff=tariff)
    equilibrium = solve_equilibrium(community, PathFollowing(), tolerance=TIGHT, max_rounds=30)
    assert equilibrium.outcome == Status.CONVERGED


def test_another_solver_starts_from_its_result_and_agrees(community):
    """Prices of this community's equilibria found by two very different methods."""
    path = solve_equilibrium(community, PathFollowing(), tolerance=TIGHT, max_rounds=30)
    columns = solve_equilibrium(
        community, ColumnGeneration(), start=path, tolerance=TIGHT, max_rounds=60
    )
    np.testing.assert_allclose(columns.prices.sell, path.prices.sell, atol=1e-4)
    np.testing.assert_allclose(columns.prices.buy, path.prices.buy, atol=1e-4)


def test_a_smoothed_equilibrium_meets_its_conditions(community):
    benchmark = without_community(community)
    game = Game(community.population.types, community.market, benchmark.cost)
    solver = PathFollowing()
    state = solver.init(game, benchmark.plan)
    for _ in range(3):
        state = solver.advance(game, state)
    smoothing = dataclasses.replace(state.smoothing, blur=jnp.asarray(1e-3))
    point = polish(game, state.point, smoothing)
    opened = GameProgram.of(game)
    free, barrier = opened.free, float(smoothing.barrier)
    assert bool(jnp.all(jnp.where(free, point.variables, 1.0) > 0))
    products = jnp.stack([point.variables * point.dual_lower, point.slack * point.dual_upper])
    np.testing.assert_allclose(products, barrier * jnp.stack([free, free]), rtol=1e-6, atol=1e-20)
    np.testing.assert_allclose(
        point.variables + point.slack, jnp.where(free, opened.program.upper, 1)
    )
    flows = opened.flows(point.variables)
    np.testing.assert_allclose(opened.prices(flows, 1e-3), point.prices, atol=1e-10)
    left = opened.program.residual(point.variables)
    np.testing.assert_allclose(left.balance, 0, atol=1e-9)
    np.testing.assert_allclose(left.storage, 0, atol=1e-9)


def test_a_smoothing_that_cannot_be_reached_is_not_passed_off_as_one(community):
    benchmark = without_community(community)
    game = Game(community.population.types, community.market, benchmark.cost)
    state = PathFollowing().init(game, benchmark.plan)
    with pytest.raises(NotConverged, match="no smoothed equilibrium at barrier"):
        polish(game, state.point, Smoothing(jnp.asarray(1e-14), jnp.asarray(1e-14)))


def test_bad_settings_are_refused():
    with pytest.raises(InvalidInput, match=r"solver.shrink = 1.0: must be a share in \(0, 1\)"):
        PathFollowing(shrink=1.0)


def test_communities_of_one_step_and_of_traders_without_devices():
    households = [dataclasses.replace(h, devices=()) for h in make_households(4)]
    community = community_of(households)
    equilibrium = solve_equilibrium(community, PathFollowing(), tolerance=TIGHT, max_rounds=30)
    assert equilibrium.prices.buy.shape == (STEPS,)


def test_a_path_that_is_lost_is_followed_anew_at_another_pace(community, monkeypatch):
    solver = PathFollowing()
    benchmark = without_community(community)
    game = Game(community.population.types, community.market, benchmark.cost)
    opened = solver.init(game, benchmark.plan)
    went_on = solver.advance(game, opened)
    assert went_on.smoothing.barrier < opened.smoothing.barrier and int(went_on.lost) == 0
    monkeypatch.setattr(path_following, "_try", lambda game, point, *_: (point, jnp.asarray(False)))
    paces = []
    for _ in range(2):
        for _ in range(20):
            state = solver.advance(game, went_on)
            if int(state.lost) > int(went_on.lost):
                break
            went_on = state
        assert state.smoothing.barrier == opened.smoothing.barrier
        paces.append(float(state.pace))
        went_on = state
    np.testing.assert_allclose(np.log10(paces), [-1 + 0.6 * 0.618034, -1 + 0.6 * 0.236068], 1e-5)
