import numpy as np
import pytest
from oracles.household_program import solve_with_highs
from oracles.random_households import random_household

from mfgamm import (
    Battery,
    FlexibleLoad,
    Household,
    InfeasibleHousehold,
    Population,
    ThermalStorage,
    Vehicle,
    require_feasible,
)
from mfgamm.prosumer import infeasible_households

STEPS = 24
ZERO, EVEN = np.zeros(STEPS), np.full(STEPS, 0.5)
EVENING = 4.0 * ((np.arange(STEPS) >= 18) & (np.arange(STEPS) < 20))


def needing(energy, step):
    return np.where(np.arange(STEPS) == step, energy, 0.0)


CASES = {
    "fine": Household(ZERO, EVEN, (FlexibleLoad(3, 2),), trade_limit=2.5),
    "saved by its battery": Household(ZERO, EVEN + EVENING, (Battery(10, 5, 1),), trade_limit=2.5),
    "saved by curtailment": Household(10 * EVEN, EVEN, trade_limit=2.5, curtailable=True),
    "peak": Household(ZERO, EVEN + EVENING, trade_limit=2.5),
    "battery too small": Household(ZERO, EVEN + EVENING, (Battery(2, 5, 1),), trade_limit=2.5),
    "too much to move": Household(ZERO, EVEN, (FlexibleLoad(30, 2, [(0, 10)]),)),
    "leaves too early": Household(
        ZERO, EVEN, (Vehicle(40, 3, np.ones(STEPS, bool), 0, needing(30, 5)),)
    ),
    "connection too small for the car": Household(
        ZERO, EVEN, (Vehicle(40, 7, np.ones(STEPS, bool), 0, needing(30, 5)),), trade_limit=4
    ),
    "too cold": Household(ZERO, EVEN, (ThermalStorage(5, 0.1, 3.0, 2.0, initial=1),)),
    "nowhere to go": Household(10 * EVEN, EVEN, trade_limit=2.5),
}
REASONS = {
    "peak": "its load at step 18 exceeds generation, devices and the 2.5 kW connection together "
    "by 2 kW",
    "battery too small": "its load at step",
    "too much to move": "flexible load: 10 kWh short of what step 9 asks for",
    "leaves too early": "vehicle: 12.9 kWh short of what step 5 asks for",
    "connection too small for the car": "its load at step",
    "too cold": "thermal storage: ",
    "nowhere to go": "its surplus at step 0 exceeds what devices and the 2.5 kW connection can "
    "take by 2 kW",
}


def test_every_hopeless_household_is_named_with_its_reason():
    households = [
        Household(h.generation, h.base_load, h.devices, h.trade_limit, h.curtailable, name=name)
        for name, h in CASES.items()
    ]
    population = Population.from_households(households, step_hours=1.0)
    reasons = infeasible_households(population)
    assert list(reasons) == list(REASONS)
    for name, expected in REASONS.items():
        assert reasons[name].startswith(expected), reasons[name]
    with pytest.raises(InfeasibleHousehold, match="7 household\\(s\\) have no feasible plan"):
        require_feasible(population)


def test_verdicts_agree_with_highs_near_the_limit():
    """Connections so small that about half of the households have no plan."""
    random = np.random.default_rng(2)
    households = []
    for k in range(120):
        drawn = random_household(random, STEPS)
        limit = random.uniform(0.3, 3)
        households.append(
            Household(
                drawn.generation, drawn.base_load, drawn.devices, limit, drawn.curtailable, str(k)
            )
        )
    population = Population.from_households(households, step_hours=1.0)
    hopeless = infeasible_households(population)
    nothing = np.zeros(STEPS)
    expected = {
        each.name for each in households if solve_with_highs(each, nothing, nothing, 1.0) is None
    }
    assert set(hopeless) == expected
    assert 20 < len(expected) < 100
