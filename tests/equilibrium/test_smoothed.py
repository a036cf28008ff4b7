"""Derivatives of equilibria against central differences of equilibria solved anew."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from equilibrium.communities import TARIFF, make_households

from mfgamm import Community, CommunityMarket, Population
from mfgamm.amm import Learned
from mfgamm.equilibrium import (
    Game,
    Smoothing,
    peak,
    smoothed_equilibrium,
    smoothed_outcome,
    without_community,
)

SMOOTHING = Smoothing(jnp.asarray(1e-5), jnp.asarray(1e-4))
# Relative widths of central differences: wider where little depends on a parameter.
WIDTH, WIDE = 1e-6, 1e-5
WEAK = ("fee", "battery power")


def storage(name):
    return lambda game: getattr(game.types.storage, name)


# One parameter of each kind: where it is in the game, and how it is moved.
PARAMETERS = {
    "retail tariff, every step": lambda game: game.market.tariff.retail,
    "feed-in tariff, every step": lambda game: game.market.tariff.feed_in,
    "fee": lambda game: game.market.fee,
    "curve": lambda game: game.market.curve.logits,
    "generation": lambda game: game.types.generation,
    "base load": lambda game: game.types.base_load,
    "weights": lambda game: game.types.weights,
    "battery power": storage("charge_limit"),
    "battery size": storage("state_upper"),
    "efficiency": storage("charge_gain"),
    "initial state": storage("initial"),
    "flexible energy": storage("use"),
}


@pytest.fixture(scope="module")
def solved():
    population = Population.from_households(make_households(6), step_hours=1.0)
    market = CommunityMarket(Learned(jnp.linspace(-1.0, 1.0, 6)), TARIFF, fee=0.1)
    community = Community(population, market)
    benchmark = without_community(community)
    game = Game(population.types, market, benchmark.cost)
    return game, smoothed_equilibrium(game, benchmark.plan, SMOOTHING)


@eqx.filter_jit
def metrics(game, point):
    """Numbers that a designer looks at, every output of the equilibrium among them."""
    outcome = smoothed_outcome(game, point, SMOOTHING)
    ramp = jnp.linspace(0.5, 1.5, outcome.flows.supply.size)
    return jnp.stack(
        [
            game.types.weights @ outcome.cost,
            jnp.sum(outcome.settlement.grid_import),
            peak(outcome.settlement.grid_import),
            ramp @ outcome.prices.buy + ramp @ outcome.prices.sell,
            ramp @ outcome.plan.state_of_charge[1, 0],
        ]
    )


def moved(game, where, direction, step):
    return eqx.tree_at(where, game, where(game) + step * direction)


@pytest.fixture(scope="module")
def jacobian(solved):
    game, point = solved
    return eqx.filter_jit(eqx.filter_jacrev(metrics))(game, point)


@pytest.mark.parametrize("name", PARAMETERS)
def test_reverse_and_forward_agree_with_equilibria_solved_anew(name, solved, jacobian):
    game, point = solved
    where = PARAMETERS[name]
    value = where(game)
    # Relative changes: what is zero stays zero, and closed ranges stay closed.
    random = np.random.default_rng(len(name)).uniform(0.5, 1.0, value.shape)
    direction = jnp.asarray(random) * (value if jnp.any(value != 0) else 1.0)
    if name == "battery size":  # an upper bound that a lower one touches is not free to move
        direction = direction * (game.types.storage.state_upper > game.types.storage.state_lower)
    width = WIDE if name in WEAK else WIDTH
    ahead, behind = (metrics(moved(game, where, direction, s * width), point) for s in (1, -1))
    expected = (ahead - behind) / (2 * width)
    scale = float(jnp.max(jnp.abs(expected)))
    along = where(jacobian)
    reverse = jnp.sum((along * direction).reshape(expected.size, -1), axis=1)
    np.testing.assert_allclose(reverse, expected, rtol=1e-4, atol=1e-5 * scale)
    tangent = moved(jax.tree.map(jnp.zeros_like, game), where, direction, 1.0)
    _, forward = eqx.filter_jit(eqx.filter_jvp)(
        lambda game: metrics(game, point), (game,), (tangent,)
    )
    np.testing.assert_allclose(forward, reverse, rtol=1e-8, atol=1e-10 * scale)


def test_a_smoothed_outcome_is_an_equilibrium_with_balanced_books(solved):
    game, point = solved
    outcome = smoothed_outcome(game, point, SMOOTHING)
    market = game.market.blurred(SMOOTHING.blur)
    answered = market.prices(outcome.flows)
    np.testing.assert_allclose(answered.sell, outcome.prices.sell, atol=1e-7)
    np.testing.assert_allclose(answered.buy, outcome.prices.buy, atol=1e-7)
    assert float(jnp.max(jnp.abs(outcome.settlement.money_residual))) <= 1e-12
    assert float(jnp.max(jnp.abs(outcome.settlement.energy_residual))) <= 1e-12
