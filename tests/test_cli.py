import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mfgamm.cli import app
from mfgamm.core import Status
from mfgamm.study import load_dataset, summarise

SMALL = ["--set", "population.size=8", "--set", "time.step_minutes=60"]
FLOODED = ["--set", "population.curtailable=false", "--set", "population.generation_scale=20"]
RUNNER = CliRunner()


def test_json_has_every_promised_key():
    result = RUNNER.invoke(app, ["solve", *SMALL, "--json"])
    assert result.exit_code == 0, result.output
    answer = json.loads(result.stdout)
    promised = {
        "status",
        "exploitability_eur",
        "exploitability_relative",
        "benchmark_bill_eur",
        "amm_bill_eur",
        "gain_eur",
        "traded_inside_kwh",
        "grid_import_kwh",
        "grid_export_kwh",
        "peak_import_kw",
        "price_residual",
        "wall_s",
        "compile_s",
        "money_residual_eur",
        "energy_residual_kwh",
    }
    assert promised <= set(answer)
    assert answer["status"] == "converged"
    assert answer["gain_eur"] == pytest.approx(
        answer["benchmark_bill_eur"] - answer["amm_bill_eur"]
    )
    assert answer["gain_eur"] > 0
    assert answer["exploitability_relative"] <= 1e-2


def test_solve_writes_results_that_report_rebuilds(tmp_path):
    out = tmp_path / "results"
    result = RUNNER.invoke(app, ["solve", *SMALL, "--out", str(out)])
    assert result.exit_code == 0, result.output
    assert "converged after" in result.output and "traded inside" in result.output
    page = (out / "report.html").read_text("utf-8")
    stored = json.loads((out / "summary.json").read_text("utf-8"))
    assert stored["gain_eur"] == pytest.approx(summarise(load_dataset(out / "results.nc")).gain_eur)
    (out / "report.html").unlink()
    assert RUNNER.invoke(app, ["report", str(out)]).exit_code == 0
    assert (out / "report.html").read_text("utf-8") == page


def test_not_converged_exits_with_3_and_still_writes(tmp_path):
    arguments = ["solve", *SMALL, "--set", "solver.max_rounds=1", "--out", str(tmp_path)]
    arguments += ["--set", "solver.tolerance=1e-9"]
    result = RUNNER.invoke(app, arguments)
    assert result.exit_code == 3
    assert "max iterations" in result.output
    assert load_dataset(tmp_path / "results.nc").attrs["status"] == Status.MAX_ITERATIONS.label


def test_a_search_is_taken_up_from_its_checkpoint(tmp_path):
    arguments = ["solve", *SMALL, "--checkpoint", str(tmp_path / "search"), "--json"]
    first = RUNNER.invoke(app, [*arguments, "--set", "solver.max_rounds=2"])
    assert json.loads(first.stdout)["rounds"] == 2
    on = RUNNER.invoke(app, [*arguments, "--set", "solver.max_rounds=3"])
    assert json.loads(on.stdout)["rounds"] == 3
    over = RUNNER.invoke(app, [*arguments, "--set", "solver.max_rounds=2"])
    assert json.loads(over.stdout)["rounds"] == 3
    other = RUNNER.invoke(app, [*arguments, "--set", "seed=1"])
    assert other.exit_code == 2 and "was saved for another community" in other.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["solve", "--set", "market.curv=hyperbolic"], "did you mean market.curve"),
        (["solve", "--set", "population.size=0"], "population.size = 0: must lie between 1 and"),
        (["solve", "--set", "population.size"], "key=value"),
        (["solve", "no-such-scenario"], "neither a file nor a built-in scenario"),
        (
            ["solve", *SMALL, *FLOODED],
            "household(s) have no feasible plan:\n  solar-1: its surplus at step",
        ),
        (["report", "no-such-folder"], "no such file"),
    ],
)
def test_bad_input_exits_with_2_and_says_what_is_wrong(arguments, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = RUNNER.invoke(app, arguments)
    assert result.exit_code == 2
    assert message in result.stderr


def test_an_unwritable_folder_is_refused_before_the_solve(tmp_path):
    (tmp_path / "file").write_text("")
    result = RUNNER.invoke(app, ["solve", *SMALL, "--out", str(tmp_path / "file" / "results")])
    assert result.exit_code == 2
    assert "--out" in result.stderr


def test_scenarios_are_listed():
    result = RUNNER.invoke(app, ["scenarios"])
    assert result.exit_code == 0
    assert "paris-summer" in result.output and "paris-data" in result.output


def test_init_writes_a_scenario_that_loads_and_overwrites_nothing(tmp_path):
    path = tmp_path / "mine.toml"
    assert RUNNER.invoke(app, ["init", str(path)]).exit_code == 0
    assert path.read_text("utf-8").count("#") > 10
    again = RUNNER.invoke(app, ["init", str(path)])
    assert again.exit_code == 2 and "exists already" in again.stderr
    assert RUNNER.invoke(app, ["init", str(path), "--force"]).exit_code == 0


@pytest.mark.parametrize("moment", ["compiling", "round 3"])
def test_ctrl_c_keeps_the_best_answer_whenever_it_comes(moment, tmp_path):
    """In a process of its own: a signal while the first program compiles, and one later."""
    command = [str(Path(sys.executable).with_name("mfgamm")), "solve", *SMALL, "--json"]
    command += ["--set", "solver.tolerance=1e-12", "--out", str(tmp_path)]
    script = (
        "import os, signal, sys, threading, time; from mfgamm import cli; "
        "from mfgamm.study import run; real = run.solve_equilibrium\n"
        "def interrupting(community, solver, *, on_round, **options):\n"
        "    def follow(progress):\n"
        "        if progress.round == 3 and sys.argv[1] == 'round 3':\n"
        "            os.kill(os.getpid(), signal.SIGINT)\n"
        "        on_round(progress)\n"
        "    if sys.argv[1] == 'compiling':\n"
        "        ask = lambda: os.kill(os.getpid(), signal.SIGINT)\n"
        "        threading.Timer(1.0, ask).start()\n"
        "    return real(community, solver, on_round=follow, **options)\n"
        "run.solve_equilibrium = interrupting; moment = sys.argv[1]\n"
        "sys.argv[:] = sys.argv[:1] + sys.argv[2:]; sys.argv.insert(1, moment)\n"
        "from typer.main import get_command\n"
        "import jax; jax.config.update('jax_enable_x64', True)\n"
        "get_command(cli.app)(sys.argv[2:])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, moment, *command[1:]], capture_output=True, text=True
    )
    assert done.returncode == 3, done.stderr
    assert json.loads(done.stdout)["status"] == "interrupted"
    assert "Stopping after this round" in done.stderr
    assert load_dataset(tmp_path / "results.nc").attrs["status"] == "interrupted"


def test_the_console_script_turns_on_double_precision():
    """As a user runs it: a process of its own, without the tests' configuration."""
    command = [str(Path(sys.executable).with_name("mfgamm")), "solve", *SMALL, "--json"]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("JAX_")}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["status"] == "converged"
    assert 0 < answer["compile_s"] < answer["wall_s"]
    assert done.stderr == ""


def test_sensitivity_prints_one_json_object_and_writes_its_files(tmp_path):
    arguments = ["sensitivity", *SMALL, "--json", "--out", str(tmp_path / "out")]
    result = RUNNER.invoke(app, arguments)
    assert result.exit_code == 0, result.output
    metrics = {each["name"]: each for each in json.loads(result.stdout)["metrics"]}
    assert {"gain", "peak import", "import", "bill, solar"} <= set(metrics)
    by_name = {each["name"]: each for each in metrics["import"]["parameters"]}
    assert by_name["base load"]["verified"] and by_name["base load"]["effect"] > 0
    written = sorted(path.suffix for path in (tmp_path / "out").iterdir())
    assert written == [".json", ".nc", ".svg"]


def test_tune_prints_one_json_object_and_writes_its_files(tmp_path):
    arguments = ["tune", *SMALL, "--json", "--out", str(tmp_path / "out"), "--steps", "2"]
    result = RUNNER.invoke(app, [*arguments, "--parameters", "fee", "--objective", "gini=2"])
    answer = json.loads(result.stdout)
    assert result.exit_code == (0 if answer["status"] == "converged" else 3), result.output
    assert answer["objective"] == {"gini": 2.0} and len(answer["loss"]) == 3
    assert 0 <= answer["parameters"]["fee"] <= 0.5
    assert max(answer[when]["relative_exploitability"] for when in ("before", "after")) <= 1e-3
    assert set(answer["after"]["savings"]) == {"solar", "wind", "consumer"}
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "tuning.json",
        "tuning.svg",
    ]


def test_tune_draws_a_front_between_two_objectives(tmp_path):
    two = ["--objective", "peak-import", "--objective", "gain=2", "--pareto", "2"]
    arguments = ["tune", *SMALL, *two, "--parameters", "anchor", "--steps", "2"]
    result = RUNNER.invoke(app, [*arguments, "--out", str(tmp_path)])
    answer = json.loads((tmp_path / "pareto.json").read_text("utf-8"))
    assert result.exit_code == (0 if answer["status"] == "converged" else 3), result.output
    assert answer["objectives"] == {"peak-import": 1.0, "gain": 2.0}
    for point in (answer["before"], *answer["points"]):
        assert point["objectives"]["peak-import"] == pytest.approx(point["peak_import"])
        assert point["objectives"]["gain"] == pytest.approx(point["gain"])
        assert point["relative_exploitability"] <= 1e-3
        assert f"{point['gain']:.4f}" in result.output
    assert [point["weight"] for point in answer["points"]] == [0, 1]
    assert any(point["efficient"] for point in answer["points"])
    assert "Market 2 of 2" in result.output
    assert (tmp_path / "pareto.svg").read_text("utf-8").lstrip().startswith("<?xml")


def test_tune_refuses_what_it_does_not_know():
    for wrong in (["--parameters", "colour"], ["--objective", "beauty"]):
        result = RUNNER.invoke(app, ["tune", *SMALL, *wrong])
        assert result.exit_code == 2 and "choose among" in result.stderr
    for one in ([], ["--objective", "cost=0", "--objective", "gini"]):
        result = RUNNER.invoke(app, ["tune", *SMALL, "--pareto", "3", *one])
        assert result.exit_code == 2 and "two different ones" in result.stderr
