"""Learning in rounds: fictitious play and mirror descent, in the game without entropy."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest
from meanfield_game.games import GAME, HOURS, MASSES, METHOD, STEPS

from mfgamm.core import Prices
from mfgamm.meanfield import household
from mfgamm.meanfield_game import (
    MeanFieldGame,
    fictitious_play,
    mirror_descent,
    respond,
    solve_mean_field_game,
)


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
    start = mirror_descent(worn_game(), 0, 1.0)
    free = Prices(*(jnp.zeros(GAME.base_load.shape),) * 2)
    idle = respond(worn_game(), free, 1e6)
    np.testing.assert_allclose(start.behaviour.flows.demand, idle.flows.demand, rtol=1e-5)
    np.testing.assert_allclose(start.behaviour.besides, idle.cost, rtol=1e-5)


def test_behaviour_costs_at_other_prices_what_it_costs_there():
    game = worn_game()
    paid = Prices(jnp.full(GAME.base_load.shape, 0.05), jnp.full(GAME.base_load.shape, 0.1))
    play = fictitious_play(game, 1, paid)
    besides = np.asarray(play.behaviour.besides)
    assert np.all(besides > 0)
    best = respond(game, play.prices, None).cost
    assert np.all(np.asarray(play.behaviour.cost_at(play.prices, jnp.asarray(HOURS))) > best)
