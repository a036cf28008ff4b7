"""What compiles once stays compiled: new numbers never cost a new compilation."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mfgamm import (
    Battery,
    Community,
    CommunityMarket,
    Household,
    InteriorPoint,
    PathFollowing,
    Population,
    Prices,
    best_response,
    flat_tariff,
    solve_equilibrium,
)
from mfgamm.amm import curve_by_name
from mfgamm.study import measure_compilation

STEPS = 6


@pytest.fixture(scope="module")
def population():
    load = np.linspace(0.2, 1.0, STEPS)
    households = [Household(load[::-1] * k, load, (Battery(4, 2, 1),)) for k in range(3)]
    return Population.from_households(households, step_hours=1.0)


def prices(level):
    return Prices(sell=np.full(STEPS, level), buy=np.full(STEPS, level + 0.1))


def test_best_responses_share_one_compilation(population):
    best_response(population, prices(0.1))
    cheaper, looser = prices(0.05), InteriorPoint(tolerance=1e-6, max_iterations=50)
    richer = dataclasses.replace(
        population,
        types=dataclasses.replace(population.types, generation=2 * population.types.generation),
        names=("other", "names", "entirely"),
    )
    with measure_compilation() as clock:
        best_response(population, cheaper)
        best_response(population, cheaper, looser)
        best_response(richer, cheaper)
    assert clock.seconds == 0


def test_equilibria_share_one_compilation(population):
    def community(fee, retail):
        tariff = flat_tariff(STEPS, feed_in=0.05, retail=retail)
        return Community(population, CommunityMarket(curve_by_name("mid-market"), tariff, fee))

    solve_equilibrium(community(0.0, 0.2))
    another = community(0.25, 0.3)
    with measure_compilation() as clock:
        solve_equilibrium(another, PathFollowing(InteriorPoint(tolerance=1e-7)), tolerance=1e-3)
    assert clock.seconds == 0


def test_the_clock_sees_a_compilation():
    with measure_compilation() as clock:
        jax.jit(lambda x: jnp.sin(x) + 41.5)(1.0)
    assert clock.seconds > 0
