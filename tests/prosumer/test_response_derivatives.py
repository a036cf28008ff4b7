"""The smoothed best response as a differentiable map: aggregate flows and costs."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from oracles.random_households import random_prices

from mfgamm import Battery, FlexibleLoad, Household, InteriorPoint, Population, Prices
from mfgamm.prosumer import respond

STEPS = 24


@pytest.fixture(scope="module")
def types():
    random = np.random.default_rng(0)
    sun = np.maximum(0, np.sin((np.arange(STEPS) - 6) / 12 * np.pi))
    households = [
        Household(
            random.uniform(1, 3) * sun,
            0.3 + random.random(STEPS),
            (FlexibleLoad(3, 2), Battery(random.uniform(3, 9), 3, 1, terminal_value=0.1)),
            trade_limit=5,
            curtailable=True,
        )
        for _ in range(4)
    ]
    return Population.from_households(households, step_hours=1.0).types


@pytest.fixture(scope="module")
def prices():
    return random_prices(STEPS, seed=2)


def flows_readout(solver):
    weights = jnp.cos(jnp.arange(STEPS))

    def read(types, prices):
        flows = types.flows(respond(types, prices, solver).value)
        return jnp.sum(weights * flows.supply) + jnp.sum(weights[::-1] * flows.demand)

    return read


PLACES = {
    "generation": lambda types: types.generation,
    "trade limit": lambda types: types.trade_limit,
    "battery size": lambda types: types.storage.state_upper,
    "battery power": lambda types: types.storage.charge_limit,
    "efficiency": lambda types: types.storage.charge_gain,
    "initial state": lambda types: types.storage.initial,
    "terminal value": lambda types: types.storage.terminal_value,
}


@pytest.mark.parametrize(("barrier", "width"), [(1e-4, 1e-7), (1e-6, 1e-9)])
def test_aggregate_flows_move_with_prices_and_parameters(types, prices, barrier, width):
    read = flows_readout(InteriorPoint(barrier=barrier, tolerance=1e-11))
    by_types, by_prices = jax.grad(read, argnums=(0, 1))(types, prices)

    random = np.random.default_rng(3)
    step = Prices(sell=random.normal(size=STEPS), buy=random.normal(size=STEPS))

    def probed(sign):
        return read(types, jax.tree.map(lambda p, d: p + sign * width * d, prices, step))

    ahead, behind = probed(1), probed(-1)
    found = jnp.sum(by_prices.sell * step.sell) + jnp.sum(by_prices.buy * step.buy)
    assert float(found) == pytest.approx(float(ahead - behind) / (2 * width), rel=1e-5)

    for name, place in PLACES.items():
        value, gradient = place(types), place(by_types)
        # Relative steps keep closed ranges closed.
        change = value * random.uniform(0.5, 1.5, value.shape)
        reach = 30 * width

        def shifted(sign, value=value, change=change, place=place, reach=reach):
            where = [x is value for x in jax.tree.leaves(types)].index(True)
            leaves, structure = jax.tree.flatten(types)
            leaves[where] = value + sign * reach * change
            return read(jax.tree.unflatten(structure, leaves), prices)

        expected = float(shifted(1) - shifted(-1)) / (2 * reach)
        assert float(jnp.sum(gradient * change)) == pytest.approx(expected, rel=1e-5, abs=1e-6), (
            name
        )


def test_exact_cost_moves_with_what_is_bought_and_sold(types, prices):
    """Envelope theorem: ∂cost/∂buy price is the energy bought, ∂cost/∂sell minus that sold."""
    solver = InteriorPoint(tolerance=1e-10)

    def total(prices):
        return jnp.sum(respond(types, prices, solver).cost)

    gradient = jax.grad(total)(prices)
    plan = respond(types, prices, solver).value
    np.testing.assert_allclose(gradient.buy, jnp.sum(plan.buy, axis=0), atol=1e-5)
    np.testing.assert_allclose(gradient.sell, -jnp.sum(plan.sell, axis=0), atol=1e-5)


def test_the_response_is_monotone_in_prices(types, prices):
    """The plan is a gradient of a concave function of prices: ⟨∂trade·δ, δ⟩ ≤ 0."""
    solver = InteriorPoint(barrier=1e-4)

    def trade(prices):
        plan = respond(types, prices, solver).value
        return Prices(sell=-plan.sell.sum(0), buy=plan.buy.sum(0))

    random = np.random.default_rng(4)
    for _ in range(3):
        step = Prices(sell=random.normal(size=STEPS), buy=random.normal(size=STEPS))
        _, moved = jax.jvp(trade, (prices,), (step,))
        assert float(jnp.sum(moved.sell * step.sell + moved.buy * step.buy)) <= 0


def test_gradients_are_finite_on_an_exact_solve(types, prices):
    read = flows_readout(InteriorPoint())
    gradients = jax.grad(read, argnums=(0, 1))(types, prices)
    assert all(bool(jnp.all(jnp.isfinite(x))) for x in jax.tree.leaves(gradients))


def test_a_household_without_devices_answers_in_closed_form():
    """Barrier and limits only: d stationarity/d price by hand at one step."""
    household = Household(np.zeros(1), np.ones(1), trade_limit=3.0)
    types = Population.from_households([household], step_hours=1.0).types
    solver = InteriorPoint(barrier=1e-2, tolerance=1e-12)

    def bought(price):
        prices = Prices(sell=jnp.array([0.1]), buy=price[None])
        return respond(types, prices, solver).value.buy[0, 0]

    price = jnp.asarray(0.2)
    demand = float(bought(price))
    sold = demand - 1.0
    curvature = sum(1e-2 / x**2 + 1e-2 / (3 - x) ** 2 for x in (demand, sold))
    assert float(jax.grad(bought)(price)) == pytest.approx(-1 / curvature, rel=1e-8)
