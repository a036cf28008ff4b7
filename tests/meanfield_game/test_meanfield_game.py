"""The mean field game of clusters: its equilibrium, its certificate, its derivatives."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mfgamm.core import InvalidInput, NotConverged, Prices, Tariff
from mfgamm.fixed_point import Anderson
from mfgamm.graphon import DenseAggregate
from mfgamm.market import NetLoadPricing, TwoLayerMarket
from mfgamm.meanfield import Axis, Deviation, EnergyStorage, household
from mfgamm.meanfield_game import MeanFieldGame, equilibrium_response, solve_mean_field_game

STEPS, HOURS, CLUSTERS = 8, 3.0, 3
HOUR = (np.arange(STEPS) + 0.5) * HOURS
SUN = np.maximum(np.sin(np.pi * (HOUR - 6) / 12), 0)
LOADS = 0.6 + 0.5 * np.exp(-((HOUR - 19) ** 2) / 8) - np.outer([0.2, 1.5, 3.0], SUN)
DISTANCE = np.array([[0, 0.4, 1.0], [0.4, 0, 0.7], [1.0, 0.7, 0]])
MASSES = jnp.asarray([0.5, 0.3, 0.2])
SLOPED = NetLoadPricing(lambda load: 0.09 + 0.05 * jnp.tanh(load))
METHOD = Anderson(tolerance=1e-9, mixing=0.5, memory=20, regularisation=1e-5)


def two_layers(decay=1.0, first=0.4, dearer=0.0):
    """A market whose share for the grid stays a fifth; `dearer` in €/kWh at every step."""
    return TwoLayerMarket(
        SLOPED,
        SLOPED,
        jnp.asarray([0.0, 0.8, 0.2]) + first * jnp.asarray([1.0, -1.0, 0.0]),
        Tariff(jnp.full(STEPS, 0.04), 0.14 + dearer + jnp.zeros(STEPS)),
        DenseAggregate(jnp.exp(-decay * DISTANCE)),
        MASSES,
        blur=0.05,
    )


def small_game(capacity=5.3, market=None, loads=LOADS):
    home = household(
        [
            Deviation.stationary(0.5, 2.0, 3),
            EnergyStorage(Axis.lattice(0.0, capacity, 5), 1.1, round_trip_efficiency=0.9),
        ],
        np.zeros(STEPS),
        HOURS,
    )
    start = home.grid.normal((0.0, 2.0), (0.5, 1.0))
    return MeanFieldGame(home, loads, start, two_layers() if market is None else market, MASSES)


GAME = small_game()


@pytest.fixture(scope="module")
def solved():
    return solve_mean_field_game(GAME, (0.02, 0.005), METHOD)


def test_prices_lead_to_themselves_and_books_balance(solved):
    assert solved.converged and float(solved.certificate.price_residual) <= 1e-9
    again = GAME.prices(solved.response.flows)
    for name in ("sell", "buy"):
        np.testing.assert_allclose(getattr(solved.value, name), getattr(again, name), atol=1e-9)
    books = solved.settlement
    assert float(jnp.max(jnp.abs(books.energy_residual))) < 1e-12
    assert float(jnp.max(jnp.abs(books.money_residual))) < 1e-12
    # Nothing but energy costs anything here: what households expect to pay is what is settled.
    paid = jnp.sum(books.payments, axis=1)
    np.testing.assert_allclose(paid, solved.response.cost, atol=1e-10)
    for marginal in solved.response.marginals:
        np.testing.assert_allclose(jnp.sum(marginal, axis=1), 1, atol=1e-12)
        assert float(marginal.min()) >= 0


def test_a_loose_answer_is_charged_what_it_leads_to():
    """Costs, books and exploitability are those at the prices charged, not at those expected."""
    loose = dataclasses.replace(METHOD, tolerance=jnp.asarray(1e-2))
    found = solve_mean_field_game(GAME, (0.02,), loose)
    assert 1e-4 < float(found.certificate.price_residual) <= 1e-2
    paid = jnp.sum(found.settlement.payments, axis=1)
    np.testing.assert_allclose(paid, found.response.cost, atol=1e-12)
    assert float(found.certificate.exploitability_by_cluster.min()) > 0


def test_trade_pays_and_colder_is_closer_to_the_game_without_entropy(solved):
    warm = solve_mean_field_game(GAME, (0.02,), METHOD)
    cold = solved.certificate
    assert np.all(np.asarray(cold.exploitability_by_cluster) > 0)
    assert float(cold.exploitability) < float(warm.certificate.exploitability) / 3
    assert float(cold.gain) > 0.05 and not cold.nominal
    np.testing.assert_allclose(cold.relative, cold.exploitability / cold.gain, rtol=1e-12)
    np.testing.assert_allclose(
        cold.exploitability, MASSES @ cold.exploitability_by_cluster, rtol=1e-12
    )


def test_other_starts_lead_to_the_same_prices(solved):
    elsewhere = Prices(sell=jnp.full(LOADS.shape, 0.05), buy=jnp.full(LOADS.shape, 0.06))
    anew = solve_mean_field_game(GAME, (0.02, 0.005), METHOD, start=elsewhere)
    np.testing.assert_allclose(anew.value.buy, solved.value.buy, atol=1e-7)


def with_shares(*shares):
    return dataclasses.replace(GAME.market, shares=jnp.asarray(shares))


def test_all_shares_to_the_grid_is_life_without_the_community():
    alone = solve_mean_field_game(small_game(market=with_shares(0.0, 0.0, 1.0)), (0.005,), METHOD)
    for name, price in (("sell", 0.04), ("buy", 0.14)):
        np.testing.assert_allclose(getattr(alone.prices, name), price, atol=1e-15)
    certificate = alone.certificate
    # What is left is what entropy costs: at most τ·log 3 at each of the steps.
    regret = np.asarray(certificate.exploitability_by_cluster)
    assert np.all(regret >= 0) and np.all(regret <= STEPS * 0.005 * np.log(3))
    np.testing.assert_allclose(certificate.gain, -certificate.exploitability, atol=1e-12)
    assert certificate.nominal


def test_own_clusters_do_not_see_each_other():
    market, other = with_shares(1.0, 0.0, 0.0), LOADS + np.array([[0.0], [0.3], [-0.4]])
    found = [
        solve_mean_field_game(small_game(market=market, loads=loads), (0.005,), METHOD)
        for loads in (LOADS, other)
    ]
    np.testing.assert_allclose(found[0].value.buy[0], found[1].value.buy[0], atol=1e-7)
    assert float(jnp.max(jnp.abs(found[0].value.buy[1] - found[1].value.buy[1]))) > 1e-3


def test_failure_is_said_aloud():
    impossible = dataclasses.replace(METHOD, tolerance=jnp.asarray(1e-30))
    with pytest.raises(NotConverged, match=r"temperature 2\.0e-02") as caught:
        solve_mean_field_game(GAME, (0.02, 0.005), impossible)
    found = caught.value.solution
    # The search stops at the first temperature that fails, and what it found is whole.
    assert found.history.temperature.tolist() == [0.02] and not found.converged
    assert float(found.certificate.price_residual) < 1e-6


def test_sensitivities_against_games_solved_anew(solved):
    """By coupling decay, first share, battery size and tariff, at one temperature."""

    @eqx.filter_jit
    @jax.value_and_grad
    def bill(parameters):
        decay, first, capacity, dearer = parameters
        game = small_game(capacity, two_layers(decay, first, dearer))
        _, response = equilibrium_response(game, solved.value, 0.02)
        return MASSES @ response.cost

    at, width = jnp.asarray([1.0, 0.4, 5.3, 0.01]), 1e-4
    _, gradient = bill(at)
    for direction, found in zip(width * np.eye(4), gradient, strict=True):
        above, below = bill(at + direction)[0], bill(at - direction)[0]
        difference = (above - below) / (2 * width)
        np.testing.assert_allclose(found, difference, rtol=1e-4)
        assert abs(found) > 1e-4


@pytest.mark.parametrize(
    ("field", "make"),
    [
        ("game.base_load", lambda: small_game(loads=LOADS[:, 1:])),
        ("game.base_load", lambda: small_game(loads=LOADS * np.nan)),
        ("game.masses", lambda: dataclasses.replace(GAME, masses=MASSES[:2])),
        ("game.masses", lambda: dataclasses.replace(GAME, masses=2 * MASSES)),
        ("game.start", lambda: dataclasses.replace(GAME, start=jnp.ones((2, 3, 5)) / 15)),
        ("game.start", lambda: dataclasses.replace(GAME, start=jnp.ones((3, 5)))),
        ("game.market.masses", lambda: dataclasses.replace(GAME, masses=MASSES[::-1])),
        (
            "game.market",
            lambda: small_game(
                market=eqx.tree_at(lambda m: m.tariff.retail, two_layers(), jnp.full(7, 0.14))
            ),
        ),
        ("temperatures", lambda: solve_mean_field_game(GAME, ())),
        ("temperatures", lambda: solve_mean_field_game(GAME, (0.02, 0.0))),
        ("start.buy", lambda: solve_mean_field_game(GAME, start=Prices(LOADS, LOADS[0]))),
    ],
)
def test_bad_input_is_named(field, make):
    with pytest.raises(InvalidInput) as caught:
        make()
    assert caught.value.field == field and caught.value.remedy
