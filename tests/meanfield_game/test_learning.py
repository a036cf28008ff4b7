"""Learning in rounds: fictitious play and mirror descent, in the game without entropy."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from meanfield_game.games import GAME, HOURS, MASSES, METHOD, STEPS, small_game, two_layers

from mfgamm.core import InvalidInput, Prices
from mfgamm.meanfield import household
from mfgamm.meanfield_game import (
    Behaviour,
    MeanFieldGame,
    abreast,
    fictitious_play,
    mirror_descent,
    respond,
    solve_mean_field_game,
)
from mfgamm.meanfield_game.response import recharge


@pytest.fixture(scope="module")
def cold():
    return solve_mean_field_game(GAME, (0.02, 0.005, 0.001), METHOD, throw=False)


def worn_game():
    """A kWh through the battery costs a cent."""
    noise, battery = GAME.household.running_cost.net_load.devices
    worn = dataclasses.replace(battery, wear=jnp.asarray(0.01))
    home = household([noise, worn], np.zeros(STEPS), HOURS)
    return MeanFieldGame(home, GAME.base_load, GAME.start, GAME.market, MASSES)


@pytest.mark.parametrize(
    "learn",
    [lambda: fictitious_play(GAME, 200), lambda: mirror_descent(GAME, 150, 5.0)],
    ids=["fictitious play", "mirror descent"],
)
def test_it_ends_where_the_path_of_temperatures_does(learn, cold):
    play = learn()
    exploitability = np.asarray(play.exploitability)
    assert np.all(exploitability > -1e-12)
    assert exploitability[-20:].mean() < exploitability[:20].mean() / 4
    np.testing.assert_allclose(play.prices.buy, cold.prices.buy, atol=4e-3)


def test_the_first_policy_of_mirror_descent_is_uniform():
    """It costs what a policy costs that entropy alone decides."""
    start = mirror_descent(worn_game(), 1, 1e-12)
    free = Prices(*(jnp.zeros(GAME.base_load.shape),) * 2)
    idle = respond(worn_game(), free, 1e6)
    np.testing.assert_allclose(start.behaviour.flows.demand, idle.flows.demand, rtol=1e-5)
    np.testing.assert_allclose(start.behaviour.besides, idle.cost, rtol=1e-5)


def test_behaviour_costs_at_other_prices_what_it_costs_there():
    """Known at one pair of prices it is known at all; besides energy there is wear."""
    game, hours = worn_game(), jnp.asarray(HOURS)
    here = Prices(jnp.full(GAME.base_load.shape, 0.05), jnp.full(GAME.base_load.shape, 0.1))
    there = Prices(here.sell / 2, here.buy * 3)
    answer = respond(game, here, 0.01)
    behaviour = Behaviour.costing(answer.flows, answer.cost, here, hours)
    moved = recharge(game, answer, here, there)
    np.testing.assert_allclose(behaviour.cost_at(here, hours), answer.cost, rtol=1e-12)
    np.testing.assert_allclose(behaviour.cost_at(there, hours), moved.cost, rtol=1e-12)
    unworn = MeanFieldGame(GAME.household, GAME.base_load, GAME.start, GAME.market, MASSES)
    plain = respond(unworn, here, 0.01)
    free = Behaviour.costing(plain.flows, plain.cost, here, hours).besides
    np.testing.assert_allclose(free, 0, atol=1e-12)
    assert np.all(np.asarray(behaviour.besides) > 0)


@pytest.mark.parametrize(
    ("field", "make"),
    [
        ("rounds", lambda: fictitious_play(GAME, 0)),
        ("rounds", lambda: mirror_descent(GAME, 0, 1.0)),
        ("rate", lambda: mirror_descent(GAME, 3, -1.0)),
        ("start.sell", lambda: fictitious_play(GAME, 3, Prices(jnp.zeros(2), jnp.zeros(2)))),
    ],
)
def test_bad_input_is_named(field, make):
    with pytest.raises(InvalidInput) as caught:
        make()
    assert caught.value.field == field and caught.value.remedy


def test_clusters_are_answered_alike_however_many_abreast(monkeypatch):
    """Values and derivatives; two of three at a time leave a remainder."""

    def bill(first):
        game = small_game(market=two_layers(first=first))
        return jnp.sum(respond(game, game.prices(flows), 0.02).cost)

    flows = respond(GAME, GAME.grid_prices, 0.02).flows
    together = jax.value_and_grad(bill)(0.4)
    choices = GAME.household.grid.size * 3
    for numbers in (1, 2 * choices):
        monkeypatch.setattr(abreast, "CACHED_NUMBERS", numbers)
        apart = jax.value_and_grad(bill)(0.4)
        np.testing.assert_allclose(apart, together, rtol=1e-12)
    assert abs(together[1]) > 1e-3
