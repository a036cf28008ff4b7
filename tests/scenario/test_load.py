"""Files, overrides, paths and built-ins."""

import datetime
from pathlib import Path

import pytest

from mfgamm.scenario import (
    InvalidScenario,
    builtin_scenarios,
    load_scenario,
    load_study,
    scenario_template,
)

FILE = """
title = "two streets"
[time]
start = 2023-07-12
[tariff]
kind = "flat"
feed_in = 0.1
retail = 0.2
[population]
size = 10
[[population.categories]]
name = "solar"
share = 0.5
generation = "solar"
[[population.categories]]
name = "consumer"
share = 0.5
[sources.load]
kind = "csv"
path = "{path}"
unit = "W"
"""


@pytest.fixture
def study(tmp_path):
    """Writes a scenario file whose load has the given path."""

    def write(path="data/load.csv"):
        file = tmp_path / "study.toml"
        file.write_text(FILE.replace("{path}", path))
        return file

    return write


def test_paths_are_relative_to_the_file(study, tmp_path):
    assert load_scenario(study()).sources.load.path == str(tmp_path / "data/load.csv")
    assert load_scenario(study("/data/load.csv")).sources.load.path == "/data/load.csv"


def test_paths_of_overrides_are_relative_to_the_working_directory(study, tmp_path, monkeypatch):
    monkeypatch.chdir("/")
    scenario = load_scenario(study("$NOWHERE/x.csv"), ["sources.load.path=other.csv"])
    assert scenario.sources.load.path == "/other.csv"


@pytest.mark.parametrize("path", ["$MY_DATA/load.csv", "${MY_DATA}/load.csv"])
def test_variables_are_expanded(study, monkeypatch, path):
    monkeypatch.setenv("MY_DATA", "/somewhere")
    assert load_scenario(study(path)).sources.load.path == "/somewhere/load.csv"
    monkeypatch.delenv("MY_DATA")
    with pytest.raises(InvalidScenario) as caught:
        load_scenario(study(path))
    assert "variable MY_DATA is not set" in str(caught.value)
    assert "--set sources.load.path=" in str(caught.value)
    assert caught.value.field == "sources.load.path"


def test_overrides_are_toml_values_or_plain_text(study):
    scenario = load_scenario(
        study(),
        [
            "population.size=50",
            "population.generation_scale = 2.5",
            "market.curve=geometric",
            'title="a = b"',
            "population.curtailable=false",
            "time.start=2023-01-02",
            "population.categories.0.share=0.25",
            "population.categories.1.share=0.75",
            "population.categories.0.battery={capacity_kwh={uniform=[4,20]},power_kw=3}",
            'sources.load={kind="generated"}',
        ],
    )
    assert scenario.population.size == 50
    assert scenario.population.generation_scale == 2.5
    assert scenario.market.curve == "geometric"
    assert scenario.title == "a = b"
    assert not scenario.population.curtailable
    assert scenario.time.start == datetime.date(2023, 1, 2)
    assert [category.share for category in scenario.population.categories] == [0.25, 0.75]
    assert scenario.population.categories[0].battery.capacity_kwh.support == (4, 20)
    assert scenario.sources.load.kind == "generated"


def test_overrides_may_be_a_mapping(study):
    assert load_scenario(study(), {"population.size": 3, "seed": 4}).population.size == 3


def test_another_kind_drops_what_only_the_former_knew():
    flat = load_scenario("paris-summer", ["tariff.retail=0.3", "tariff.kind=flat"])
    assert flat.as_dict()["tariff"] == {"kind": "flat", "feed_in": 0.0886, "retail": 0.3}
    csv = [f"sources.load.{setting}" for setting in ("kind=csv", "path=/x.csv", "unit=W")]
    assert load_scenario("paris-summer", csv).sources.load.path == "/x.csv"


def test_another_kind_keeps_what_both_know(study, tmp_path):
    load = load_scenario(study(), ["sources.load.kind=parquet"]).sources.load
    assert load.kind == "parquet" and load.path == str(tmp_path / "data/load.csv")
    generated = load_scenario(study("$NOWHERE/x.csv"), ["sources.load.kind=generated"])
    assert generated.sources.load.kind == "generated"


@pytest.mark.parametrize("order", [1, -1])
def test_keys_given_with_another_kind_are_kept_and_blamed(order):
    overrides = ["tariff.kind=flat", "tariff.periods=[]"][::order]
    with pytest.raises(InvalidScenario, match="belongs to kind 'time-of-use', not to 'flat'"):
        load_scenario("paris-summer", overrides)
    with pytest.raises(InvalidScenario) as caught:
        load_scenario("paris-summer", ["tariff.kind=free"])
    assert [problem.field for problem in caught.value.problems] == ["tariff.kind"]


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("population.size", "an override reads key=value"),
        ("population.sise=3", "did you mean population.size?"),
        ("population.size=many", "population.size = 'many'"),
        ("population.size.more=3", "population.size holds no further keys"),
        ("population.categories.7.share=1", "no entry '7' in this list: choose 0 to 1"),
        ("population.categories.first.share=1", "no entry 'first'"),
        ("market.fee=1\nseed=3", "market.fee = '1"),
    ],
)
def test_wrong_overrides_are_named(study, override, said):
    with pytest.raises(InvalidScenario) as caught:
        load_scenario(study(), [override])
    assert said in str(caught.value)


def test_syntax_errors_name_file_and_line(tmp_path):
    file = tmp_path / "broken.toml"
    file.write_text('title = "x"\nsize = = 3\n')
    with pytest.raises(InvalidScenario, match=r"broken.toml:\n.*is not TOML: .*line 2"):
        load_scenario(file)


def test_unknown_scenario_lists_those_that_exist():
    with pytest.raises(InvalidScenario, match=r"nowhere:\s.*evening-electric.*paris-summer"):
        load_scenario("nowhere")
    with pytest.raises(InvalidScenario, match="neither a file nor"):
        load_scenario("../load")


def test_builtins_load_and_round_trip(tmp_path, monkeypatch):
    monkeypatch.setenv("MFGAMM_PARIS_DATA", "/somewhere")
    names = [each.name for each in builtin_scenarios()]
    games = ["gmfg-five-states", "gmfg-paper"]
    everyday = ["evening-electric", "paris-data", "paris-summer"]
    assert names == ["case33", "clusters-100", everyday[0], *games, *everyday[1:]]
    for name in names:
        scenario = load_study(name)
        file = tmp_path / f"{name}.toml"
        file.write_text(scenario.to_toml())
        assert load_study(file) == scenario
        assert scenario.description


def test_paris_data_names_its_variable(monkeypatch):
    monkeypatch.delenv("MFGAMM_PARIS_DATA", raising=False)
    with pytest.raises(InvalidScenario, match=r"MFGAMM_PARIS_DATA is not set.*--set sources\."):
        load_scenario("paris-data")


def test_template_loads_as_it_is(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text(scenario_template())
    scenario = load_scenario(Path(file))
    assert {table for table in scenario.as_dict()} >= {"time", "tariff", "market", "solver"}
