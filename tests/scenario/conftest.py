"""A small scenario that each test bends to its purpose."""

import copy
import datetime
from typing import Any

import pytest

from mfgamm.scenario.validation import validate

MINIMAL: dict[str, Any] = {
    "title": "two streets",
    "time": {"start": datetime.date(2023, 7, 12)},
    "tariff": {"kind": "flat", "feed_in": 0.1, "retail": 0.2},
    "population": {
        "size": 10,
        "categories": [
            {"name": "solar", "share": 0.3, "generation": "solar"},
            {"name": "wind", "share": 0.3, "generation": "wind"},
            {"name": "consumer", "share": 0.4},
        ],
    },
}


@pytest.fixture
def scenario_data():
    """The tables of a small scenario, free to be changed."""
    return copy.deepcopy(MINIMAL)


@pytest.fixture
def make_scenario(scenario_data):
    """A validated small scenario with dotted keys replaced."""

    def make(**replaced):
        for key, value in replaced.items():
            *way, last = key.split("__")
            table = scenario_data
            for part in way:
                table = table.setdefault(part, {})
            table[last] = value
        return validate(scenario_data, "test.toml")

    return make
