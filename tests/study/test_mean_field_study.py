"""A mean field study from its file to its report: books close, words and figures can be read."""

import dataclasses
import json
import re

import jax.numpy as jnp
import numpy as np
import pytest
from legibility import assert_legible, assert_two_sentences
from rich.console import Console
from typer.testing import CliRunner

from mfgamm.cli import app
from mfgamm.core import InvalidInput, Status
from mfgamm.market import CurvePricing
from mfgamm.scenario import InvalidScenario, Mode, build_mean_field_game, load_scenario, load_study
from mfgamm.study import load_dataset, save_dataset
from mfgamm.study.mean_field import (
    is_mean_field,
    render_mean_field_report,
    run_mean_field_study,
    show_mean_field,
    summarise_mean_field,
)
from mfgamm.study.mean_field.dataset import _bill
from mfgamm.study.mean_field.figures import MEAN_FIELD_EXHIBITS

SMALL = {
    "clusters.count": 3,
    "time.step_minutes": 60,
    "household.deviation.points": 3,
    "household.battery.points": 5,
    "household.vehicle.points": 5,
    "solver.temperatures": [0.02, 0.005],
    "solver.coarse": False,
}
FIVE_STATES = {
    "household.controllable": {"power_kw": 2.5, "points": 3},
    "household.shiftable": {"power_kw": 2.0, "points": 3},
    "household.battery.surplus_first": True,
}


@pytest.fixture(scope="module")
def study():
    said = []
    scenario = load_study("gmfg-paper", SMALL)
    found = run_mean_field_study(scenario, on_stage=said.append)
    assert [stage.mode for stage in said] == [mode for mode in Mode for _ in range(2)]
    return found


@pytest.fixture(scope="module")
def dataset(study):
    return study.dataset


def test_both_ways_to_trade_converge_and_pay(study):
    summary = study.summary
    assert study.status is Status.CONVERGED and summary.converged
    assert [way.name for way in summary.ways] == ["stand-alone", *map(str, Mode)]
    alone, own, together = (way.cost for way in summary.ways)
    assert together < own < alone
    for way in summary.ways[1:]:
        assert way.price_residual <= 1e-5 and 0 <= way.exploitability < 0.1
        # The grid pays what it charges, so that all together gain nothing: others pay.
        assert way.operators_income < 0
        assert way.cost - way.operators_income >= alone - 1e-9
    assert [way.published for way in summary.ways] == [6.09, 5.11, 4.33]


def test_a_flat_household_stands_alone_as_by_hand(study, dataset):
    """At one price for everything each kWh drawn costs that; stores only lose."""
    hours, price = dataset.attrs["step_hours"], 0.07
    driving = study.scenario.household.vehicle.driving_kwh
    # What is driven has to be bought back; what is left at the end is worth as much.
    least = price * hours * dataset["base_load"].sum("time") + price * driving
    cost = dataset["cost"].sel(way="stand-alone")
    assert np.all(cost.values >= least.values - 1e-9)
    assert np.all(cost.values <= least.values + 1.5)


def test_dataset_survives_the_disk(dataset, tmp_path):
    save_dataset(dataset, tmp_path / "results.nc")
    loaded = load_dataset(tmp_path / "results.nc")
    assert is_mean_field(loaded) and loaded.equals(dataset)
    assert summarise_mean_field(loaded) == summarise_mean_field(dataset)
    for name, variable in loaded.data_vars.items():
        assert name == "stage_mode" or (variable.attrs["units"] and variable.attrs["long_name"]), (
            name
        )


def test_densities_are_densities(dataset):
    for name in ("deviation", "battery", "vehicle"):
        density = dataset[f"{name}_density"]
        np.testing.assert_allclose(density.sum(name), 1, atol=1e-12)
        assert float(density.min()) >= 0
        day = dataset[f"day_{name}"].values
        assert day.min() >= dataset[name].min() and day.max() <= dataset[name].max()


def test_prices_are_blended_of_layers_and_grid(study, dataset):
    first, second, third = study.scenario.market.layer_shares
    together = dataset.sel(mode="cluster of clusters")
    blend = first * together["cluster_price"] + second * together["coupled_price"]
    np.testing.assert_allclose(together["buy_price"], blend + third * 0.07, atol=1e-12)
    alone = dataset.sel(mode="own cluster")
    blend = first * alone["cluster_price"] + (1 - first) * 0.07
    np.testing.assert_allclose(alone["sell_price"], blend, atol=1e-12)


@pytest.mark.parametrize("exhibit", MEAN_FIELD_EXHIBITS, ids=lambda exhibit: exhibit.name)
def test_figures_and_words_can_be_read(dataset, exhibit):
    for bent in (dataset, alone(dataset)):
        assert_legible(exhibit.plot(bent))
        assert_two_sentences(exhibit.describe(bent))


def unconverged(dataset):
    status = ["converged", Status.MAX_ITERATIONS.label]
    return dataset.assign_attrs(status=status)


def alone(dataset):
    """As if interrupted before the second way to trade."""
    first = dataset.isel(mode=[0], way=[0, 1]).assign_attrs(status=["converged"])
    return first.assign_attrs(unreached=["cluster of clusters"])


def unpublished(dataset):
    kept = {key: each for key, each in dataset.attrs.items() if not key.startswith("published")}
    return dataset.drop_attrs(deep=False).assign_attrs(kept)


def enriching(dataset):
    """Operators that earn."""
    return dataset.assign(operators_income=-dataset["operators_income"])


@pytest.mark.parametrize(
    "bend", [lambda dataset: dataset, unconverged, alone, unpublished, enriching]
)
def test_every_result_makes_a_whole_page_and_a_table(dataset, bend):
    bent = bend(dataset)
    page = render_mean_field_report(bent)
    assert page.count("<svg") == page.count("<figure") == len(MEAN_FIELD_EXHIBITS)
    assert "http" not in page and "<script" not in page
    words = re.sub(r"<style>.*?</style>|<[^>]+>", " ", page, flags=re.DOTALL)
    assert not re.search(r"\b(nan|inf|None)\b", words)
    assert ("Not converged" in words) == (bend is unconverged)
    assert ("Interrupted before the cluster of clusters" in words) == (bend is alone)
    assert ("Published" in words) == (bend is not unpublished)
    console = Console(record=True, width=140)
    with console.capture() as said:
        show_mean_field(console, summarise_mean_field(bent))
    assert ("cluster of clusters: not reached" in said.get()) == (bend is alone)
    assert "stand-alone" in said.get() and ("max iterations" in said.get()) == (bend is unconverged)


def test_five_states_and_balanced_books_can_be_asked_for():
    scenario = load_study("gmfg-paper", {**SMALL, **FIVE_STATES})
    game = build_mean_field_game(scenario)
    assert game.household.grid.shape == (3, 3, 3, 5, 5)
    assert game.household.controls.shape == (3, 2, 4, 3)
    rough = build_mean_field_game(scenario, coarse=True)
    assert rough.household.grid.shape == (2, 2, 2, 3, 3)
    balanced = load_study(
        "gmfg-paper",
        {**SMALL, "market": {"layer_shares": [0.5, 0.3, 0.2], "pricing": "hyperbolic"}},
    )
    assert isinstance(build_mean_field_game(balanced).market.local_pricing, CurvePricing)


def test_windows_without_a_step_are_refused_and_tasks_at_midnight_are_due():
    tight = {"household.vehicle.leaves": "09:10", "household.vehicle.returns": "09:20"}
    with pytest.raises(InvalidInput, match=r"household\.vehicle\.leaves.*no step begins"):
        build_mean_field_game(load_study("gmfg-paper", {**SMALL, **tight}))
    late = {"household.shiftable": {"power_kw": 2.0, "to": "24:00", "points": 3}}
    game = build_mean_field_game(load_study("gmfg-paper", {**SMALL, **late}))
    assert float(game.devices[1].due[-1]) == 2.0 and float(game.devices[1].due[:-1].max()) == 0


def test_energy_left_counts_like_energy_brought(study):
    """A response by hand: as it was, but a kWh more in every battery at the end."""
    game = study.games[Mode.OWN_CLUSTER]
    found = study.equilibria[Mode.OWN_CLUSTER].response
    bill = _bill(game, found)
    fuller = [np.asarray(each) for each in found.last]
    fuller[1] = np.roll(fuller[1], 1, axis=1)
    fuller[1][:, 0] = 0.0
    assert found.last[1][:, -1].max() < 1e-6
    more = dataclasses.replace(found, last=tuple(map(jnp.asarray, fuller)))
    spacing = float(game.devices[1].axis.spacing)
    worth = game.devices[1].terminal_cost(game.devices[1].axis.points)
    credited = (np.asarray(fuller[1]) - np.asarray(found.last[1])) @ np.asarray(worth)
    np.testing.assert_allclose(_bill(game, more), bill - credited - 0.07 * spacing, atol=1e-6)


def test_the_command_solves_writes_and_reports(study, tmp_path):
    file, out = tmp_path / "small.toml", tmp_path / "results"
    file.write_text(study.scenario.to_toml())
    answer = CliRunner().invoke(app, ["solve", str(file), "--out", str(out), "--no-comparison"])
    assert answer.exit_code == 0, answer.output
    assert "temperature 0.005 €" in answer.output and "generic household" in answer.output
    page = (out / "report.html").read_text("utf-8")
    ways = json.loads((out / "summary.json").read_text("utf-8"))["ways"]
    assert [way["name"] for way in ways] == ["stand-alone", "cluster of clusters"]
    (out / "report.html").unlink()
    assert CliRunner().invoke(app, ["report", str(out)]).exit_code == 0
    assert (out / "report.html").read_text("utf-8") == page


def test_what_serves_plans_refuses_densities():
    with pytest.raises(InvalidScenario, match="study of densities"):
        load_scenario("gmfg-paper")
    for command in ("sensitivity", "tune"):
        answer = CliRunner().invoke(app, [command, "gmfg-paper"])
        assert answer.exit_code == 2 and "study of densities" in answer.stderr


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("household.batery", {}, "did you mean household.battery"),
        ("market.low", 0.2, "must not exceed high"),
        ("market.layer_shares", [0.5, 0.6, 0.2], "must sum to 1"),
        ("market.pricing", "hyperbolic", "belongs to pricing 'sigmoid'"),
        ("market.blur", 0.1, "belongs to pricing by a bonding curve"),
        ("solver.temperatures", [0.01, 0.02], "must fall"),
        ("household.vehicle.leaves", "19:00", "earlier than returns"),
        ("household.battery.efficiency", 0, "above 0"),
        ("population", {"size": 3}, "unknown key"),
        ("clusters.count", 0, "between 1 and"),
    ],
)
def test_wrong_keys_are_named(key, value, said):
    with pytest.raises(InvalidScenario, match=re.escape(said)):
        load_study("gmfg-paper", {key: value})
