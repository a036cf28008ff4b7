"""Every wrong key is named, with what was found and what is allowed."""

import datetime
import tomllib

import numpy as np
import pytest

from mfgamm.core import InvalidInput
from mfgamm.scenario import InvalidScenario, Scenario, dotted_keys
from mfgamm.scenario.random_streams import stream
from mfgamm.scenario.schema import Choice, Constant, Normal, Uniform
from mfgamm.scenario.validation import validate

CSV = {"kind": "csv", "path": "x.csv", "unit": "W"}
TIME_OF_USE = {"kind": "time-of-use", "feed_in": 0.1, "retail": 0.2}
BATTERY = {"capacity_kwh": 10, "power_kw": 3}

# Dotted key to set, value, and what the message must say.
WRONG = [
    ("population.size", 0, ["population.size = 0", "between 1 and 1,000,000"]),
    ("population.size", 2.5, ["population.size = 2.5: must be a whole number between 1 and 1,"]),
    ("population.size", "ten", ["population.size = 'ten': must be a whole number"]),
    ("population.size", True, ["population.size = True: must be a whole number"]),
    ("market.fee", "free", ["market.fee = 'free': must be a number between 0 and 1"]),
    ("market.anchor", "x", ["market.anchor = 'x': must be a number between -10 and 10 €/kWh"]),
    ("population", 3, ["population = 3: must be a table"]),
    ("tariff", "flat", ["tariff = 'flat': must be a table"]),
    ("population.categories.0", 3, ["population.categories.0 = 3: must be a table"]),
    ("population.categories", 3, ["population.categories = 3: must be a list"]),
    ("population.curtailable", "yes", ["population.curtailable = 'yes': must be true or false"]),
    ("title", 3, ["title = 3: must be a text"]),
    ("title", "", ["title = '': must not be empty"]),
    ("population.generation_scale", -1, ["population.generation_scale = -1", "between 0 and"]),
    ("population.discount_per_day", 0, ["population.discount_per_day = 0", "above 0"]),
    ("population.flexible_share", float("nan"), ["flexible_share = nan", "between 0 and 1"]),
    ("population.sise", 3, ["population.sise = 3", "unknown", "did you mean population.size"]),
    ("fee", 0.1, ["fee = 0.1", "unknown key", "did you mean market.fee"]),
    ("population.categories.0.share", 0.5, ["population.categories", "sum to 1", "1.2"]),
    ("population.categories.0.share", 0.2, ["population.categories", "sum to 1", "0.9"]),
    ("population.categories.0.name", "wind", ["population.categories", "'wind'"]),
    ("population.categories.0.generation", "hydro", ["'hydro'", "'solar', 'wind' or 'none'"]),
    ("population.categories", [], ["population.categories = []", "at least 1"]),
    ("seed", -1, ["seed = -1", "between 0 and 9,223,372,036,854,775,807"]),
    ("time.days", 0, ["time.days = 0", "between 1 and 366"]),
    ("time.step_minutes", 7, ["time.step_minutes = 7", "one of 1, 2, 3"]),
    ("time.step_minutes", "15", ["time.step_minutes = '15'", "one of 1, 2, 3"]),
    ("time.step_minutes", True, ["time.step_minutes = True", "one of 1, 2, 3"]),
    ("time.timezone", "Paris", ["time.timezone = 'Paris'", "Europe/Paris"]),
    ("time.start", "today", ["time.start = 'today': must be a date, such as 2023-"]),
    ("solver.tolerance", 0, ["solver.tolerance = 0", "above 0 and at most 1"]),
    ("solver.method", "guess", ["solver.method = 'guess'", "fictitious-play"]),
    ("solver.step", "harmonic", ["solver.step = 'harmonic'", "to method 'fictitious-play'"]),
    ("solver.max_rounds", 0, ["solver.max_rounds = 0", "between 1 and"]),
    ("market.fee", 1.5, ["market.fee = 1.5", "between 0 and 1"]),
    ("market.curve", "flat", ["market.curve = 'flat'", "'mid-market', 'geometric'"]),
    ("market.curve", "linear", ["market.anchor", "missing", "linear"]),
    ("market.anchor", 0.5, ["market.anchor = 0.5", "belongs to curve 'linear'"]),
    (
        "market",
        {"curve": "blended", "weights": {"geometric": 0.4, "hyperbolic": 0.4}},
        ["market.weights", "sum to 1", "0.8"],
    ),
    (
        "market",
        {"curve": "blended", "weights": {"cubic": 1.0}},
        ["market.weights.cubic: unknown key", "'mid-market', 'geometric' or 'hyperbolic'"],
    ),
    ("tariff.periods", [], ["tariff.periods = []: belongs to kind 'time-of-use', not to 'flat'"]),
    (
        "sources.load",
        {"kind": "generated", "unit": "W"},
        ["belongs to kind 'csv' or 'parquet', not"],
    ),
    ("sources.load", CSV | {"spread": 1}, ["belongs to kind 'generated', not to 'csv'"]),
    (
        "sources.load",
        CSV | {"header": 3},
        ["sources.load.header = 3: must be true, false or 'auto'"],
    ),
    ("tariff.kind", "free", ["tariff.kind = 'free'", "'flat', 'time-of-use', 'series'"]),
    ("tariff", {"feed_in": 1, "retail": 2}, ["tariff.kind", "missing", "'flat'"]),
    ("tariff.feed_in", 0.3, ["tariff.feed_in = 0.3", "exceeds the retail price 0.2"]),
    ("tariff.retail", 1e3, ["tariff.retail = 1000.0", "€/kWh"]),
    ("tariff", {"kind": "flat", "feed_in": 0}, ["tariff.retail", "missing"]),
    ("sources.load", CSV | {"unit": "MW"}, ["sources.load.unit = 'MW'", "'W' or 'kW'"]),
    ("sources.load", {"path": "x"}, ["sources.load.kind", "missing", "'parquet'"]),
    ("sources.load", {"kind": "csv", "path": "x"}, ["sources.load.unit", "missing"]),
    (
        "sources.load",
        CSV | {"layuot": "rows"},
        ["sources.load.layuot", "did you mean sources.load.layout"],
    ),
    (
        "sources.load",
        CSV | {"date": datetime.date(2020, 1, 1)},
        ["sources.load.date", "needs timestamps"],
    ),
    ("sources.load", CSV | {"timestamps": "t"}, ["sources.load.timestamps = 't'", "'header'"]),
    (
        "sources.solar",
        {"kind": "generated", "clearness": 0.95, "clearness_deviation": 0.4},
        ["sources.solar.clearness_deviation = 0.4", "below 0.218"],
    ),
    (
        "sources.wind",
        {"kind": "generated", "weibull_scale": [4.0]},
        ["sources.wind.weibull_scale", "exactly 52 entries"],
    ),
    (
        "sources.wind",
        {"kind": "generated", "rated_speed": 2.0},
        ["sources.wind.rated_speed = 2.0", "cut_in = 2.5"],
    ),
]

WRONG_DRAWS = [
    ({"uniform": [-4, 20]}, "between 0 and 100,000 kWh"),
    ({"uniform": [20, 4]}, "must not exceed the second"),
    ({"uniform": [4]}, "uniform.1: is missing"),
    ({"unifrom": [4, 20]}, "{ uniform = [a, b] }"),
    ({"normal": [5, -1]}, "must exceed 0"),
    ({"normal": [5, 1], "min": 9, "max": 3}, "min must lie below max"),
    ({"normal": [5, 1], "max": 1e9}, "between 0 and 100,000 kWh"),
    ({"normal": [5, 1], "min": 50}, "practically nothing"),
    ({"uniform": [4, 20], "min": 5}, "belongs to kind 'normal', not to 'uniform'"),
    ({"choice": []}, "at least 1"),
    ({"choice": [1, -1]}, "between 0 and 100,000 kWh"),
    (True, "give a number"),
    ("ten", "give a number"),
]

WRONG_PERIODS = [
    ({"from": "6:00", "to": "12:00", "retail": 1}, "periods.0.from = '6:00'", "'06:30'"),
    ({"from": "06:00", "to": "25:00", "retail": 1}, "periods.0.to = '25:00'", "'24:00'"),
    ({"from": "06:10", "to": "12:00", "retail": 1}, "periods.0.from = '06:10'", "= 15"),
    ({"from": "06:00", "to": "06:00", "retail": 1}, "periods.0.from = '06:00'", "empty"),
    ({"from": "06:00", "to": "12:00"}, "periods.0", "changes nothing"),
    ({"from": "06:00", "to": "12:00", "retail": 0.05}, "periods.0.feed_in", "exceeds"),
    ({"form": "06:00", "to": "12:00", "retail": 1}, "periods.0.form", "tariff.periods.0.from?"),
]


def put(data, key, value):
    *way, last = (int(part) if part.isdigit() else part for part in key.split("."))
    for part in way:
        data = data[part] if isinstance(data, list) else data.setdefault(part, {})
    data[last] = value


@pytest.mark.parametrize(("key", "value", "said"), WRONG)
def test_message_names_key_value_and_range(scenario_data, key, value, said):
    put(scenario_data, key, value)
    with pytest.raises(InvalidScenario) as caught:
        validate(scenario_data, "study.toml")
    assert str(caught.value).startswith("study.toml:")
    for words in said:
        assert words in str(caught.value)


@pytest.mark.parametrize(("drawn", "said"), WRONG_DRAWS)
def test_distribution_out_of_range_is_refused(scenario_data, drawn, said):
    put(scenario_data, "population.categories.0.battery", BATTERY | {"capacity_kwh": drawn})
    with pytest.raises(InvalidScenario) as caught:
        validate(scenario_data, "study.toml")
    assert "population.categories.0.battery.capacity_kwh" in str(caught.value)
    assert said in str(caught.value)


@pytest.mark.parametrize("terminal", ["first", -1, True])
def test_terminal_charge_is_explained_in_one_line(scenario_data, terminal):
    put(scenario_data, "population.categories.0.battery", BATTERY | {"terminal": terminal})
    with pytest.raises(InvalidScenario) as caught:
        validate(scenario_data, "study.toml")
    (problem,) = caught.value.problems
    assert problem.field == "population.categories.0.battery.terminal"
    assert problem.remedy == "must be 'initial', 'free', or lie between 0 and 100,000 kWh"


@pytest.mark.parametrize(("period", "key", "said"), WRONG_PERIODS)
def test_wrong_period_is_refused(scenario_data, period, key, said):
    scenario_data["tariff"] = TIME_OF_USE | {"periods": [period]}
    with pytest.raises(InvalidScenario) as caught:
        validate(scenario_data, "study.toml")
    assert f"tariff.{key}" in str(caught.value)
    assert said in str(caught.value)


def test_overlapping_periods_are_refused_across_midnight(scenario_data):
    wrapping = {"from": "22:00", "to": "06:00", "retail": 0.3}
    morning = {"from": "05:45", "to": "07:00", "retail": 0.4}
    scenario_data["tariff"] = TIME_OF_USE | {"periods": [wrapping, morning]}
    with pytest.raises(InvalidScenario, match=r"tariff\.periods\.1: overlaps"):
        validate(scenario_data, "study.toml")
    morning["from"] = "06:00"
    validate(scenario_data, "study.toml")


def test_every_problem_is_listed_at_once(scenario_data):
    put(scenario_data, "market.fee", 2)
    put(scenario_data, "population.size", 0)
    put(scenario_data, "solvre", {})
    with pytest.raises(InvalidScenario) as caught:
        validate(scenario_data, "study.toml")
    assert isinstance(caught.value, InvalidInput)
    fields = {problem.field for problem in caught.value.problems}
    assert fields == {"market.fee", "population.size", "solvre"}
    assert "did you mean solver?" in str(caught.value)


def test_toml_round_trip_keeps_every_key(scenario_data):
    put(scenario_data, "title", 'quotes " and \\ and é\n')
    put(scenario_data, "population.categories.0.battery", BATTERY | {"terminal": 2.5})
    put(scenario_data, "population.categories.1.battery", BATTERY | {"terminal": "free"})
    put(scenario_data, "sources.solar", {"kind": "generated", "peak_kw": {"normal": [3, 1]}})
    period = {"from": "22:00", "to": "06:00", "retail": 0.3}
    scenario_data["tariff"] = TIME_OF_USE | {"periods": [period]}
    scenario = validate(scenario_data, "study.toml")
    again = tomllib.loads(scenario.to_toml())
    assert again == tomllib.loads(validate(again, "again").to_toml())
    assert validate(again, "again") == scenario


def test_local_times_of_toml_are_understood(scenario_data):
    period = {"from": datetime.time(6), "to": datetime.time(12, 30), "retail": 0.3}
    scenario_data["tariff"] = TIME_OF_USE | {"periods": [period]}
    scenario = validate(scenario_data, "study.toml")
    assert scenario.as_dict()["tariff"]["periods"][0]["to"] == "12:30"


def test_a_scenario_is_immutable(make_scenario):
    with pytest.raises(ValueError, match="frozen"):
        make_scenario().seed = 3


def test_keys_that_other_parts_set_exist():
    promised = {
        "seed",
        "population.size",
        "population.generation_scale",
        "population.categories.0.share",
        "solver.tolerance",
        "solver.method",
        "market.curve",
        "market.fee",
    }
    assert promised <= set(dotted_keys())
    assert "time" in Scenario.model_fields


@pytest.mark.parametrize(
    ("distribution", "mean"),
    [
        (Constant(value=3.0), 3.0),
        (Uniform(uniform=(2.0, 6.0)), 4.0),
        (Normal(normal=(5.0, 1.0)), 5.0),
        (Normal(normal=(0.0, 1.0), min=0.0), np.sqrt(2 / np.pi)),
        (Choice(choice=(1.0, 2.0, 6.0)), 3.0),
    ],
)
def test_draws_have_the_stated_mean_and_support(distribution, mean):
    random = stream(0, "draws")
    draws = np.array([distribution.draw(random) for _ in range(4000)])
    assert abs(draws.mean() - mean) < 4 * draws.std() / np.sqrt(len(draws)) + 1e-12
    assert min(distribution.support) <= draws.min() and draws.max() <= max(distribution.support)
