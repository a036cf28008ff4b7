"""Households at the edges of what anybody would write down, against HiGHS."""

import numpy as np
import pytest
from oracles.household_program import solve_with_highs
from oracles.random_households import random_households

from mfgamm import Battery, FlexibleLoad, Household, Population, Prices, best_response
from mfgamm.prosumer import infeasible_households


def agrees_with_highs(households, steps, hours, seed=0):
    population = Population.from_households(households, step_hours=hours)
    random = np.random.default_rng(seed)
    buy = 0.17 + 0.05 * random.random(steps)
    sell = 0.05 + 0.1 * random.random(steps)
    response = best_response(population, Prices(sell=sell, buy=buy))
    expected = [solve_with_highs(each, sell, buy, hours) for each in households]
    np.testing.assert_allclose(response.cost, expected, rtol=1e-6, atol=1e-8)
    assert float(population.types.worst_violation(response.value)) <= 1e-7


def day(steps):
    clock = np.linspace(0, 24, steps, endpoint=False)
    sun = 2 * np.maximum(0, np.sin((clock - 6) / 12 * np.pi))
    return sun, 0.4 + 0.6 * np.exp(-((clock - 19) ** 2) / 6)


def test_sizes_from_microscopic_to_gigantic_in_one_batch():
    sun, load = day(24)
    sizes = [0.0, 1e-9, 1e-5, 1e-2, 1.0, 1e3, 1e6]
    households = [
        Household(sun, load, (Battery(size, max(size, 1e-3), 0.3 * size),), limit, True)
        for size in sizes
        for limit in (3.0, 1e4)
    ]
    agrees_with_highs(households, 24, 1.0)


def test_loads_from_milliwatts_to_megawatts_in_one_batch():
    sun, load = day(24)
    households = [
        Household(scale * sun, scale * load, (Battery(5 * scale, 2 * scale, scale),), 4 * scale)
        for scale in (1e-6, 1e-3, 1.0, 1e3)
    ]
    agrees_with_highs(households, 24, 1.0)


def test_a_single_step():
    battery = Battery(4, 2, 1, round_trip_efficiency=1.0)
    households = [
        Household(np.array([2.0]), np.array([1.0]), (battery, FlexibleLoad(0.5, 3)), 5.0),
        Household(np.array([0.0]), np.array([1.0]), (battery,), 5.0),
    ]
    agrees_with_highs(households, 1, 0.25)


def test_no_devices_at_all():
    sun, load = day(24)
    households = [Household(k * sun, load, (), 4.0, curtailable=k > 1) for k in range(3)]
    agrees_with_highs(households, 24, 1.0)


@pytest.mark.parametrize("limit", [0.0, 1e-7])
def test_a_connection_that_is_all_but_cut(limit):
    sun, load = day(24)
    battery = Battery(40, 10, 20, round_trip_efficiency=0.9)
    household = Household(4 * sun, load, (battery,), limit, curtailable=True)
    agrees_with_highs([household], 24, 1.0)


def test_a_week_of_quarter_hours_with_every_device():
    steps = 672
    candidates = random_households(12, steps, seed=21)
    hopeless = infeasible_households(Population.from_households(candidates, step_hours=0.25))
    households = [each for each in candidates if each.name not in hopeless]
    assert len(households) >= 6
    agrees_with_highs(households, steps, 0.25)


def test_a_year_of_hours():
    hours = np.arange(8760.0)
    sun = 3 * np.maximum(0, np.sin((hours % 24 - 6) / 12 * np.pi)) * (1.2 + np.sin(hours / 1394))
    load = 0.5 + 0.4 * np.random.default_rng(0).random(hours.size)
    battery = Battery(8, 3, 4, terminal_minimum=4.0)
    agrees_with_highs([Household(sun, load, (battery,), 9.0)], hours.size, 1.0)


def test_huge_stores_cost_no_more_iterations_than_others():
    sun, load = day(24)
    sizes = 10.0 ** np.arange(3, 8)
    households = [Household(sun, load, (Battery(s, s, 0.5 * s),), 6.0) for s in sizes]
    population = Population.from_households(households, step_hours=1.0)
    prices = Prices(sell=np.full(24, 0.1), buy=0.15 + 0.05 * np.cos(np.arange(24.0)))
    response = best_response(population, prices)
    assert int(response.history.max()) <= 30
