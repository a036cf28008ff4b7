"""N households that play the mean field's policy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from meanfield_game.games import CLUSTERS, GAME, HOURS, MASSES, STEPS, solved_game

from mfgamm.core import InvalidInput
from mfgamm.meanfield import Axis, Deviation, EnergyStorage, household
from mfgamm.meanfield_game import (
    MeanFieldGame,
    play_finite,
    simulate,
    solve_mean_field_game,
)

KEY = jax.random.key(3)


def homes(*counts):
    return jnp.repeat(jnp.arange(CLUSTERS), np.array(counts))


def looking_game():
    """Batteries that may charge with what their household has left over."""
    home = household(
        [
            Deviation.stationary(0.5, 2.0, 3),
            EnergyStorage(Axis.lattice(0.0, 5.3, 5), 1.1, surplus_first=True),
        ],
        np.zeros(STEPS),
        HOURS,
    )
    start = home.grid.normal((0.0, 2.0), (0.5, 1.0))
    return MeanFieldGame(home, GAME.base_load, start, GAME.market, MASSES)


@pytest.mark.parametrize("looking", [False, True])
def test_many_lives_are_the_density(looking):
    game = looking_game() if looking else GAME
    solved = solve_mean_field_game(game, (0.02,), throw=False) if looking else solved_game()
    count = 4000
    lives = simulate(game, solved, homes(count, count, count), KEY)
    for axis, states, marginal in zip(
        game.household.grid.axes, lives.states, solved.response.marginals, strict=True
    ):
        mean = jnp.einsum("p,cpt->ct", axis.points, marginal)
        spread = jnp.sqrt(
            jnp.einsum(
                "cp t,cpt->ct".replace(" ", ""),
                (axis.points[None, :, None] - mean[:, None]) ** 2,
                marginal,
            )
        )
        found = states.reshape(CLUSTERS, count, STEPS).mean(axis=1)
        assert float(jnp.max(jnp.abs(found - mean) / (spread / np.sqrt(count) + 1e-9))) < 5
    net = lives.net_load.reshape(CLUSTERS, count, STEPS)
    flows = solved.response.flows
    np.testing.assert_allclose(jnp.maximum(net, 0).mean(axis=1), flows.demand, atol=0.08)
    np.testing.assert_allclose(jnp.maximum(-net, 0).mean(axis=1), flows.supply, atol=0.08)


def test_luck_belongs_to_a_household_whoever_else_there_is():
    few = simulate(GAME, solved_game(), homes(2, 1, 3), KEY)
    many = simulate(GAME, solved_game(), homes(5, 4, 6), KEY)
    np.testing.assert_array_equal(
        few.net_load[jnp.asarray([0, 1, 2, 3, 4, 5])],
        many.net_load[jnp.asarray([0, 1, 5, 9, 10, 11])],
    )
    assert float(jnp.std(many.net_load[:5], axis=0).max()) > 0


def test_prices_come_closer_like_one_over_the_root_of_n():
    plays = [play_finite(GAME, solved_game(), n, KEY, draws=6) for n in (40, 4000)]
    errors = [float(jnp.mean(each.price_error)) for each in plays]
    assert 5 < errors[0] / errors[1] < 20
    gains = [float(jnp.mean(each.exploitability)) for each in plays]
    limit = float(solved_game().certificate.exploitability)
    # What can be foreseen beyond the law of the mean field is worth less and less.
    assert gains[0] > 1.4 * limit and abs(gains[1] - limit) < limit / 5
    assert plays[0].prices.buy.shape == (6, CLUSTERS, STEPS)


def test_households_are_spread_by_masses():
    with pytest.raises(InvalidInput, match="at least one for each of 3 clusters"):
        play_finite(GAME, solved_game(), 2, KEY)
    one_each = play_finite(GAME, solved_game(), 3, KEY, draws=1)
    assert np.isfinite(float(one_each.price_error[0]))


def test_homes_that_make_no_sense_are_refused():
    for wrong in ([1, 0], [0, 3], [-1, 0]):
        with pytest.raises(InvalidInput, match="sorted numbers from 0 to 2"):
            simulate(GAME, solved_game(), jnp.asarray(wrong), KEY)
    with pytest.raises(InvalidInput, match="draws"):
        play_finite(GAME, solved_game(), 30, KEY, draws=0)
