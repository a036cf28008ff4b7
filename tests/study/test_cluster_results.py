"""Clusters in results, summaries, figures and reports: books close, and every case is legible."""

import json
import re

import numpy as np
import pytest
from bent_results import solve_small
from legibility import assert_legible, assert_two_sentences
from rich.console import Console
from typer.testing import CliRunner
from villages import CLUSTERED, many_villages, on_their_own, solve_villages

from mfgamm.cli import app
from mfgamm.core import InvalidInput, Status
from mfgamm.scenario import load_scenario
from mfgamm.study import (
    compare_clusters,
    is_comparable,
    load_dataset,
    render_report,
    save_dataset,
    show_summary,
    summarise,
)
from mfgamm.study.figures import CLUSTER_EXHIBITS, EXHIBITS, exhibits_of
from mfgamm.study.figures.cluster_map import cluster_flow, strongest_ties
from mfgamm.study.one_community import require_one_community


@pytest.fixture(scope="module")
def study():
    return solve_villages()


@pytest.fixture(scope="module")
def dataset(study):
    return study.dataset


def test_both_equilibria_are_found(study):
    assert study.status is Status.CONVERGED and study.own.outcome is Status.CONVERGED
    assert compare_clusters(study).own is not None


def test_dataset_survives_the_disk(dataset, study, tmp_path):
    path = tmp_path / "results.nc"
    save_dataset(dataset, path)
    loaded = load_dataset(path)
    assert (
        loaded.equals(dataset) and summarise(loaded).clusters.modes == study.summary.clusters.modes
    )
    for name, variable in loaded.data_vars.items():
        assert variable.attrs["units"] and variable.attrs["long_name"], name


def test_clusters_add_up_to_the_community(dataset):
    for name in ("supply", "demand", "generation"):
        np.testing.assert_allclose(dataset[f"cluster_{name}"].sum("cluster"), dataset[name])
    sold, bought = (dataset[f"cluster_{side}"].sum("cluster") for side in ("sales", "purchases"))
    inside = dataset["cluster_traded_inside"].sum("cluster") + np.minimum(sold, bought)
    np.testing.assert_allclose(inside, dataset["traded_inside"], atol=1e-12)


def test_energy_of_each_cluster_and_of_the_network_balances(dataset):
    inside = dataset["cluster_traded_inside"]
    np.testing.assert_allclose(
        dataset["cluster_supply"],
        inside + dataset["cluster_sales"] + dataset["cluster_grid_export"],
        atol=1e-9,
    )
    np.testing.assert_allclose(
        dataset["cluster_demand"],
        inside + dataset["cluster_purchases"] + dataset["cluster_grid_import"],
        atol=1e-9,
    )
    made_up = dataset["network_grid_export"] - dataset["network_grid_import"]
    traded = (dataset["cluster_sales"] - dataset["cluster_purchases"]).sum("cluster")
    np.testing.assert_allclose(traded, made_up, atol=1e-9)
    assert float(dataset["cluster_sales"].sum()) > 1


def test_money_is_paid_to_the_grid_or_kept(dataset):
    def grid(kind):
        total = dataset[f"cluster_grid_{kind}"].sum("cluster") + dataset[f"network_grid_{kind}"]
        return dataset.attrs["step_hours"] * total

    bills = float((dataset["bill"] * dataset["represented"]).sum())
    kept = float((dataset["operator_income"] + dataset["network_income"]).sum())
    paid = grid("import") * dataset["retail_price"] - grid("export") * dataset["feed_in_price"]
    assert bills == pytest.approx(float(paid.sum()) + kept, abs=1e-9)
    between = dataset["cluster_payments"].sum("cluster") - dataset["network_income"]
    hours = dataset.attrs["step_hours"]
    made_up = dataset["network_grid_import"] * dataset["retail_price"]
    made_up = made_up - dataset["network_grid_export"] * dataset["feed_in_price"]
    np.testing.assert_allclose(between, hours * made_up, atol=1e-9)


def test_mean_prices_are_what_is_paid_per_kwh(dataset):
    revenue = (dataset["cluster_sell_price"] * dataset["cluster_supply"]).sum("cluster")
    busy = dataset["supply"].values > 1e-9
    np.testing.assert_allclose(
        dataset["sell_price"].values[busy], (revenue / dataset["supply"]).values[busy]
    )
    low, high = (
        dataset["cluster_sell_price"].min("cluster"),
        dataset["cluster_sell_price"].max("cluster"),
    )
    assert np.all(dataset["sell_price"] >= low - 1e-12)
    assert np.all(dataset["sell_price"] <= high + 1e-12)


def test_households_know_their_cluster(dataset):
    assert [str(home) for home in dataset["home"].values] == [
        str(name).split("/")[0] for name in dataset["household"].values
    ]
    assert dataset["cluster_households"].values.tolist() == [40, 0, 49, 1]
    np.testing.assert_allclose(
        np.exp(-1.5 * np.sqrt(2) / 3), dataset["coupling"].sel(cluster="mill", other_cluster="hill")
    )


def test_summary_compares_three_ways(study):
    clusters, summary = study.summary.clusters, study.summary
    alone, own, together = clusters.modes
    assert [mode.name for mode in clusters.modes] == [
        "stand-alone",
        "own cluster",
        "cluster of clusters",
    ]
    assert alone.bill_eur == pytest.approx(summary.benchmark_bill_eur)
    assert alone.gain_per_household_day_eur == alone.network_income_eur == 0
    assert together.bill_eur == pytest.approx(summary.amm_bill_eur)
    assert together.operators_income_eur == pytest.approx(summary.operator_income_eur)
    assert together.bill_eur < own.bill_eur < alone.bill_eur
    assert own.operators_income_eur > 0 and together.network_income_eur != 0
    paid = np.asarray(study.own.settlement.payments).sum(axis=1)
    weights = np.asarray(study.own.community.population.types.weights)
    assert own.bill_eur == pytest.approx(90 * float(weights @ paid))


def test_gains_of_clusters_add_up(study):
    clusters, summary = study.summary.clusters, study.summary
    gained = sum(each.households * each.gain_eur for each in clusters.inhabited)
    assert gained == pytest.approx(summary.gain_eur)
    ruin = next(each for each in clusters.each if each.name == "ruin")
    assert ruin.households == 0 and np.isnan(ruin.gain_eur) and np.isnan(ruin.best_gain_eur)
    farm = next(each for each in clusters.each if each.name == "farm")
    assert farm.own_gain_eur == pytest.approx(0, abs=1e-4)
    plain = json.loads(summary.to_json())["clusters"]
    assert [each["gain_eur"] is None for each in plain["each"]] == [False, True, False, False]


def test_a_single_community_has_no_clusters():
    small = solve_small()
    assert "cluster" not in small.dims and not [n for n in small.variables if "cluster" in str(n)]
    summary = summarise(small)
    assert summary.clusters is None and "clusters" not in json.loads(summary.to_json())
    assert exhibits_of(small) == EXHIBITS and 'id="clusters"' not in render_report(small)


@pytest.mark.parametrize("result", CLUSTERED)
def test_the_terminal_shows_every_result(dataset, result):
    console = Console(record=True, width=140, file=None, quiet=False)
    with console.capture() as said:
        show_summary(console, summarise(CLUSTERED[result](dataset)))
    assert "stand-alone" in said.get() and "median" in said.get()
    assert ("The network between clusters" in said.get()) == (result != "on their own")


@pytest.mark.parametrize("exhibit", CLUSTER_EXHIBITS, ids=lambda exhibit: exhibit.name)
@pytest.mark.parametrize("result", CLUSTERED)
def test_every_figure_of_every_result_is_legible(dataset, exhibit, result):
    bent = CLUSTERED[result](dataset)
    assert_legible(exhibit.plot(bent))
    assert_two_sentences(exhibit.describe(bent))


@pytest.mark.parametrize("result", CLUSTERED)
def test_every_result_makes_a_whole_page(dataset, result):
    bent = CLUSTERED[result](dataset)
    page = render_report(bent)
    assert page.count("<svg") == page.count("<figure") == len(CLUSTER_EXHIBITS + EXHIBITS)
    assert "http" not in page and "<script" not in page
    words = re.sub(r"<style>.*?</style>|<[^>]+>", " ", page, flags=re.DOTALL)
    assert not re.search(r"\b(nan|inf|None)\b", words)
    assert ("trade between clusters adds" in words) == ("own_cluster_bill" in bent)


def test_maps_show_who_sells_to_others(dataset):
    noon = cluster_flow(dataset, 13)
    step = dataset["cluster_sales"].isel(time=13) - dataset["cluster_purchases"].isel(time=13)
    np.testing.assert_allclose(noon[[0, 2, 3]], 1000 * step.values[[0, 2, 3]] / [40, 49, 1])
    assert noon[1] == 0 and noon[0] > 0 > noon[2]
    assert not cluster_flow(on_their_own(dataset), 13).any()


def test_strongest_ties_are_between_neighbours():
    line = np.exp(-np.abs(np.subtract.outer(np.arange(9.0), np.arange(9.0))))
    ties = strongest_ties(line)
    assert len(ties) == len(set(ties)) and all(0 < b - a <= 3 for a, b in ties)
    assert strongest_ties(np.ones((1, 1))) == []


def test_what_is_interrupted_or_uncoupled_is_not_compared(study):
    assert is_comparable(study)
    assert len(summarise(many_villages(study.dataset)).clusters.each) == 60


def test_tools_for_one_community_refuse_clusters():
    scenario = load_scenario("case33")
    with pytest.raises(InvalidInput, match="leave the table"):
        require_one_community(scenario, "tuning")
    for command in (["tune"], ["tune", "--pareto", "2"]):
        more = ["--objective", "gain", "--objective", "gini"] if "--pareto" in command else []
        answer = CliRunner().invoke(app, [command[0], "case33", *command[1:], *more])
        assert answer.exit_code == 2 and "serves a single community" in answer.stderr


def test_the_command_compares_unless_told_not_to(study, tmp_path):
    file = tmp_path / "villages.toml"
    file.write_text(study.scenario.to_toml())
    answer = CliRunner().invoke(app, ["solve", str(file), "--json", "--no-comparison"])
    assert answer.exit_code == 0, answer.output
    clusters = json.loads(answer.stdout)["clusters"]
    assert [mode["name"] for mode in clusters["modes"]] == ["stand-alone", "cluster of clusters"]
    assert clusters["own_status"] is None and clusters["each"][0]["own_gain_eur"] is None
