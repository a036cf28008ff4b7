import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from oracles.random_households import random_households, random_prices

from mfgamm import Battery, Household, InvalidInput, Plan, Population, best_response, project
from mfgamm.prosumer import infeasible_households

STEPS = 24


@pytest.fixture(scope="module")
def population():
    candidates = random_households(60, STEPS, seed=3)
    everybody = Population.from_households(candidates, step_hours=1.0)
    hopeless = infeasible_households(everybody)
    feasible = [each for each in candidates if each.name not in hopeless][:40]
    return Population.from_households(feasible, step_hours=1.0)


@pytest.fixture(scope="module")
def plan(population):
    return best_response(population, random_prices(STEPS, seed=1)).value


def powers(plan):
    return jnp.concatenate(
        [
            (plan.sell - plan.buy)[:, None],
            plan.curtailed[:, None],
            plan.charge,
            plan.discharge,
        ],
        axis=1,
    )


def test_a_feasible_plan_stays_where_it_is(population, plan):
    projected = project(plan, population)
    np.testing.assert_allclose(powers(projected), powers(plan), atol=2e-6)


def test_projection_is_the_nearest_point(population, plan):
    """The variational inequality of a projection, ⟨x − Px, z − Px⟩ ≤ 0, at feasible z."""
    neighbours = jax.tree.map(lambda x: jnp.roll(x, 1, axis=0), plan)
    wanted = powers(neighbours)
    nearest = powers(project(neighbours, population))
    assert float(jnp.max(jnp.abs(nearest - wanted))) > 0.5
    for seed in range(5):
        other = powers(best_response(population, random_prices(STEPS, seed)).value)
        inner = jnp.sum((wanted - nearest) * (other - nearest), axis=(1, 2))
        assert float(jnp.max(inner)) <= 1e-4


def test_projection_keeps_the_bounds_and_never_washes(population, plan):
    projected = project(jax.tree.map(lambda x: 3 * x + 1, plan), population)
    storage = population.types.storage
    assert float(jnp.max(projected.charge - storage.charge_limit)) <= 1e-7
    assert float(jnp.max(projected.state_of_charge - storage.state_upper)) <= 1e-6
    assert float(jnp.max(storage.state_lower - projected.state_of_charge)) <= 1e-6
    assert float(jnp.max(projected.sell * projected.buy)) == 0.0


def test_closed_form_without_devices():
    household = Household(np.array([3.0]), np.array([1.0]), trade_limit=5.0, curtailable=True)
    population = Population.from_households([household], step_hours=1.0)
    nothing = jnp.zeros((1, 0, 1))
    wanted = Plan(jnp.array([[4.0]]), jnp.zeros((1, 1)), jnp.zeros((1, 1)), *[nothing] * 3)
    # net + curtailed = 2 is the balance; the nearest point to (4, 0) with curtailed ≥ 0 is (2, 0).
    projected = project(wanted, population)
    np.testing.assert_allclose(projected.sell, [[2.0]], atol=1e-6)
    # The nearest point to (0, 0) shares the distance.
    projected = project(dataclasses.replace(wanted, sell=jnp.zeros((1, 1))), population)
    np.testing.assert_allclose(projected.sell, [[1.0]], atol=1e-6)
    np.testing.assert_allclose(projected.curtailed, [[1.0]], atol=1e-6)


def test_a_plan_of_another_shape_is_refused(plan):
    alone = Population.from_households(
        [Household(np.zeros(STEPS), np.ones(STEPS), (Battery(5, 2),))], step_hours=1.0
    )
    with pytest.raises(InvalidInput, match="plan"):
        project(plan, alone)
