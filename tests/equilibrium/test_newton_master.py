import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import minimize

from mfgamm import CommunityMarket, Flows, Tariff
from mfgamm.amm import MonotonePotential, curve_by_name
from mfgamm.equilibrium import newton_master
from mfgamm.equilibrium.newton_master import solve_master
from mfgamm.equilibrium.restricted_game import RestrictedGame
from mfgamm.market import MonotoneMarket

PLANS, TYPES, STEPS = 4, 5, 6
TARIFF = Tariff(np.full(STEPS, 0.08), np.array([0.16, 0.16, 0.22, 0.22, 0.3, 0.08]))


def restricted_game(market, seed=0):
    random = np.random.default_rng(seed)
    net = random.normal(size=(PLANS, TYPES, STEPS)) * random.uniform(0.2, 2, (TYPES, 1))
    held = np.ones((PLANS, TYPES), bool)
    held[2:, 0] = False
    mass = random.uniform(0.5, 1.5, TYPES)
    return RestrictedGame(
        sold=jnp.maximum(net, 0),
        bought=jnp.maximum(-net, 0),
        stored=jnp.asarray(-0.1 * random.random((PLANS, TYPES))),
        held=jnp.asarray(held),
        mass=jnp.asarray(mass / mass.sum()),
        hours=jnp.linspace(1.0, 0.9, STEPS),
        market=market,
    )


@pytest.fixture(scope="module", params=["mid-market", "hyperbolic", "monotone"])
def game(request):
    if request.param == "monotone":
        return restricted_game(MonotoneMarket(MonotonePotential(0.3), TARIFF))
    return restricted_game(CommunityMarket(curve_by_name(request.param), TARIFF, 0.1))


def even_weights(game):
    return game.held / jnp.sum(game.held, axis=0)


def costs(game, weights):
    return game.costs(game.market.prices(game.flows(weights)))


@pytest.fixture(scope="module")
def solution(game):
    return solve_master(game, even_weights(game), jnp.asarray(1e-12))


def test_only_the_cheapest_plans_are_in_use(game, solution):
    weights = solution.weights
    np.testing.assert_allclose(weights.sum(axis=0), 1, atol=1e-12)
    assert float(weights.min()) >= 0 and not np.any(weights[~game.held])
    paid = np.where(game.held, costs(game, weights), np.inf)
    assert np.max(weights * np.where(game.held, paid - paid.min(axis=0), 0)) <= 1e-10
    assert float(solution.regret) <= 1e-12
    np.testing.assert_allclose(
        game.mass @ game.regret(weights, costs(game, weights)), 0, atol=1e-12
    )


def test_slopes_are_the_derivative_of_costs(game):
    """Their product against central differences along random changes of the weights."""
    weights = even_weights(game)
    slopes = game.slopes(game.flows(weights))
    for seed in range(3):
        change = jnp.asarray(np.random.default_rng(seed).normal(size=weights.shape)) * game.held
        share = slopes.share(game, change * game.mass)
        h = 1e-6
        difference = (costs(game, weights + h * change) - costs(game, weights - h * change)) / (
            2 * h
        )
        np.testing.assert_allclose(slopes.costs(game, share), difference, rtol=1e-6, atol=1e-9)


def test_the_best_weights_met_are_never_worse_than_the_start(game):
    start = even_weights(game)
    regret = float(game.mass @ game.regret(start, costs(game, start)))
    lazy = solve_master(game, start, jnp.asarray(2 * regret))
    assert int(lazy.iterations) <= 1 and float(lazy.regret) <= regret


def test_a_monotone_markets_equilibrium_minimises_its_potential():
    """An independent solver on the potential whose slopes are the prices."""
    market = MonotoneMarket(MonotonePotential(0.3), TARIFF)
    game = restricted_game(market, seed=1)
    start = np.asarray(even_weights(game))
    held = np.asarray(game.held)

    def potential(vector):
        weights = jnp.zeros(held.shape).at[held].set(vector)
        flows = game.flows(weights)
        paid = market.prices(flows)
        # Euler: a function homogeneous of degree one is its slopes times its arguments.
        value = jnp.sum(game.hours * (paid.buy * flows.demand - paid.sell * flows.supply))
        return value + jnp.sum(game.mass * weights * game.stored)

    rows = np.array([np.arange(TYPES) == kind for _, kind in np.argwhere(held)], float).T
    best = minimize(
        jax.jit(potential),
        start[held],
        jac=jax.jit(jax.grad(potential)),
        method="SLSQP",
        bounds=[(0, 1)] * int(held.sum()),
        constraints={"type": "eq", "fun": lambda x: rows @ x - 1, "jac": lambda x: rows},
        options={"ftol": 1e-14, "maxiter": 500},
    )
    found = solve_master(game, jnp.asarray(start), jnp.asarray(1e-12)).weights
    np.testing.assert_allclose(potential(found[game.held]), best.fun, atol=1e-9)
    assert float(potential(start[held])) > best.fun + 1e-3


def test_nobody_trading_at_a_step_does_no_harm():
    game = restricted_game(CommunityMarket(curve_by_name("mid-market"), TARIFF))
    quiet = game.sold.at[..., 3].set(0.0), game.bought.at[..., 3].set(0.0)
    game = RestrictedGame(*quiet, game.stored, game.held, game.mass, game.hours, game.market)
    assert isinstance(game.flows(even_weights(game)), Flows)
    solution = solve_master(game, even_weights(game), jnp.asarray(1e-12))
    assert float(solution.regret) <= 1e-12 and np.all(np.isfinite(solution.weights))


def test_blocks_of_types_do_not_show(game, monkeypatch):
    """Newton's matrix is the same sum however the types are split, the last block short."""
    at = newton_master._interior(game, even_weights(game), jnp.asarray(0.1))
    slopes = game.slopes(game.flows(at.weights))
    stiffness = jnp.where(game.held, at.weights / at.excess, 0.0)
    whole = newton_master._condensed_matrix(game, stiffness, slopes)
    monkeypatch.setattr(newton_master, "BLOCK_SIZE", 2 * PLANS * STEPS)
    split = newton_master._condensed_matrix(game, stiffness, slopes)
    np.testing.assert_allclose(split, whole, rtol=1e-12, atol=1e-15)
    assert float(jnp.max(jnp.abs(whole - jnp.eye(STEPS)))) > 0.1
