"""The mean field game of clusters: its equilibrium, its certificate, its derivatives."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from meanfield_game.games import (
    DISTANCE,
    GAME,
    LOADS,
    MASSES,
    METHOD,
    STEPS,
    small_game,
    solved_game,
    two_layers,
)

from mfgamm.core import Checkpoint, InvalidInput, NotConverged, Prices, Status
from mfgamm.graphon import DenseAggregate, local_aggregate
from mfgamm.graphon.low_rank import low_rank_aggregate
from mfgamm.meanfield_game import (
    equilibrium_response,
    solve_mean_field_game,
    unfinished_equilibrium,
)


@pytest.fixture(scope="module")
def solved():
    return solved_game()


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


def test_the_coupling_fades_to_one_pool_and_to_none(solved):
    """Equilibrium prices for α → 0 and α → ∞ tend to those of the limits."""

    def prices(coupling):
        game = small_game(market=dataclasses.replace(GAME.market, coupling=coupling))
        return solve_mean_field_game(game, (0.02, 0.005), METHOD, start=solved).prices.buy

    def faded(decay):
        return prices(two_layers(decay).coupling)

    pool, none = prices(DenseAggregate(jnp.ones((3, 3)))), prices(DenseAggregate(jnp.eye(3)))
    assert float(jnp.max(jnp.abs(pool - none))) > 1e-3
    for limit, decays in ((pool, (0.5, 0.02, 1e-5)), (none, (3.0, 12.0, 50.0))):
        gaps = [float(jnp.max(jnp.abs(faded(decay) - limit))) for decay in decays]
        assert gaps[0] > gaps[1] > gaps[2] and gaps[2] < 1e-6


def test_low_rank_coupling_within_its_bound_and_its_derivatives(solved):
    """Three clusters by two directions: prices, and derivatives by W's entries."""
    weights = jnp.exp(-DISTANCE)
    cut = low_rank_aggregate(weights, 2)
    game = small_game(market=dataclasses.replace(GAME.market, coupling=cut))
    flows = jax.tree.map(lambda each: local_aggregate(each, MASSES), solved.response.flows)
    for power in (flows.supply, flows.demand):
        missed = jnp.abs(cut.apply(power) - GAME.market.coupling.apply(power))
        assert float(jnp.max(missed)) <= float(cut.entry_error * jnp.max(jnp.sum(power, axis=0)))
    # The layer's price has slope 0.05 €/kWh a kilowatt, w₂ = 0.4 of it is charged.
    apart = jnp.abs(game.prices(solved.response.flows).buy - solved.prices.buy)
    carried = jnp.max(jnp.sum(flows.supply + flows.demand, axis=0))
    assert 0 < float(jnp.max(apart)) <= 0.4 * 0.05 * float(cut.entry_error * carried)

    @eqx.filter_jit
    @jax.value_and_grad
    def bill(weights):
        market = dataclasses.replace(GAME.market, coupling=low_rank_aggregate(weights, 2))
        _, response = equilibrium_response(small_game(market=market), solved.value, 0.02)
        return MASSES @ response.cost

    gradient, width = bill(weights)[1], 1e-4
    for pair in ((0, 0), (0, 1), (1, 2)):
        change = jnp.zeros((3, 3)).at[pair].set(width)
        change = (change + change.T) / 2
        difference = (bill(weights + change)[0] - bill(weights - change)[0]) / (2 * width)
        np.testing.assert_allclose(jnp.sum(gradient * change) / width, difference, rtol=1e-4)
        assert abs(difference) > 1e-5


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


def test_a_solve_taken_up_again_ends_as_if_it_had_never_stopped(solved, tmp_path):
    checkpoint, said = Checkpoint(tmp_path), []

    def stop(temperature, found):
        if temperature == 0.005:
            raise KeyboardInterrupt

    def solve(**followers):
        return solve_mean_field_game(
            GAME, (0.02, 0.005), METHOD, checkpoint=checkpoint, **followers
        )

    stopped = solve(on_pause=stop)
    assert stopped.outcome is Status.INTERRUPTED and stopped.temperature == 0.005
    assert 1e-6 < float(stopped.certificate.price_residual) < 0.1
    resumed = solve(on_pause=lambda temperature, found: said.append((temperature, found)))
    # The first temperature is not searched again: its only pause is its end.
    assert [each for each, _ in said].count(0.02) == 1
    for found in (resumed, solve()):
        same = jax.tree.map(np.array_equal, found, solved)
        assert all(jax.tree.leaves(same)), same


def test_prices_as_they_stand_are_judged_without_a_search(solved):
    found = unfinished_equilibrium(GAME, solved.value, 0.005)
    assert found.outcome is Status.INTERRUPTED and found.history.iterations.tolist() == [0]
    assert float(found.history.residual[0]) == float(found.certificate.price_residual) <= 1e-9
    np.testing.assert_array_equal(found.prices.buy, solved.prices.buy)


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
