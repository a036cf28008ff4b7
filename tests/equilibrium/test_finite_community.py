import jax
import jax.numpy as jnp
import numpy as np
import pytest
from equilibrium.communities import community_of, make_households

from mfgamm import ColumnGeneration, solve_equilibrium
from mfgamm.equilibrium import Game, finite_price_error
from mfgamm.prosumer import draw_community

SIZES = np.array([64, 256, 1024, 4096])


@pytest.fixture(scope="module")
def equilibrium():
    community = community_of(make_households(), "hyperbolic")
    return solve_equilibrium(community, ColumnGeneration(), tolerance=1e-4)


@pytest.fixture(scope="module")
def game(equilibrium):
    community = equilibrium.community
    return Game(community.population.types, community.market, equilibrium.benchmark.cost)


def test_prices_of_finite_communities_approach_the_mean_fields(equilibrium, game):
    """Errors fall as the square root of the number of households (law of large numbers)."""
    errors = finite_price_error(
        game,
        equilibrium.mixture,
        jnp.asarray(SIZES),
        int(SIZES.max()),
        jnp.asarray(200),
        jax.random.key(0),
    )
    slope = np.polyfit(np.log(SIZES), np.log(errors), 1)[0]
    assert slope == pytest.approx(-0.5, abs=0.06)
    assert float(errors[-1]) < 2e-3


def test_the_error_is_that_of_communities_drawn_one_by_one(equilibrium, game):
    def error(key):
        drawn, plan = draw_community(equilibrium.mixture, game.types, 256, key)
        prices = game.market.prices(drawn.flows(plan))
        apart = [prices.sell - equilibrium.prices.sell, prices.buy - equilibrium.prices.buy]
        return jnp.mean(jnp.stack(apart) ** 2)

    key = jax.random.key(3)
    keys = jax.vmap(lambda index: jax.random.fold_in(key, index))(jnp.arange(50))
    expected = jnp.sqrt(jnp.mean(jax.jit(jax.vmap(error))(keys)))
    found = finite_price_error(
        game, equilibrium.mixture, jnp.array([256]), 256, jnp.asarray(50), key
    )
    np.testing.assert_allclose(found, expected, rtol=1e-6)
