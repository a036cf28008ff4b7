"""A mean field study that is stopped keeps what it has, and goes on from its checkpoint."""

import json
import os
import signal

import jax
import numpy as np
import pytest
from typer.testing import CliRunner

from mfgamm import cli
from mfgamm.core import Checkpoint, InvalidInput, Status
from mfgamm.scenario import Mode, load_study
from mfgamm.study import load_dataset, save_dataset
from mfgamm.study.mean_field import run_mean_field_study, summarise_mean_field

TINY = {
    "clusters.count": 2,
    "time.step_minutes": 60,
    "household.deviation.points": 3,
    "household.battery.points": 5,
    "household.vehicle.points": 5,
    "solver.temperatures": [0.02, 0.005],
}


@pytest.fixture(scope="module")
def scenario():
    return load_study("gmfg-paper", TINY)


@pytest.fixture(scope="module")
def whole(scenario):
    return run_mean_field_study(scenario)


def stop_at(*moment):
    """What ends a study at a mode, whether the grid is coarse, a temperature, an iteration."""

    def on_pause(progress):
        if progress[: len(moment)] == moment:
            raise KeyboardInterrupt

    return on_pause


def assert_same(one, other):
    assert one.keys() == other.keys()
    same = jax.tree.map(np.array_equal, one, other)
    assert all(jax.tree.leaves(same)), same


@pytest.mark.parametrize("coarse", [True, False], ids=["coarse", "fine"])
def test_a_study_taken_up_again_ends_as_if_it_had_never_stopped(coarse, scenario, whole, tmp_path):
    stop = stop_at(Mode.CLUSTER_OF_CLUSTERS, coarse, 0.005)
    stopped = run_mean_field_study(scenario, on_pause=stop, checkpoint=Checkpoint(tmp_path))
    assert stopped.status is Status.INTERRUPTED
    ended = [each.outcome for each in stopped.equilibria.values()]
    assert ended == [Status.CONVERGED, Status.INTERRUPTED]
    begun = []
    resumed = run_mean_field_study(
        scenario,
        on_pause=lambda progress: begun.append(progress) if not progress.iterations else None,
        checkpoint=Checkpoint(tmp_path),
    )
    # Prices of the coarse grid are found already, as far as they were.
    assert [progress.coarse for progress in begun] == ([True, False] if coarse else [False])
    assert_same(resumed.equilibria, whole.equilibria)


def test_prices_of_the_coarse_grid_are_judged_on_the_fine_one(scenario, whole):
    stopped = run_mean_field_study(scenario, on_pause=stop_at(Mode.OWN_CLUSTER, True, 0.005, 1))
    assert list(stopped.equilibria) == [Mode.OWN_CLUSTER]
    found, done = stopped.equilibria[Mode.OWN_CLUSTER], whole.equilibria[Mode.OWN_CLUSTER]
    shapes = [jax.tree.map(np.shape, each.response) for each in (found, done)]
    assert shapes[0] == shapes[1] and found.temperature == 0.005
    assert 1e-5 < float(found.certificate.price_residual) < 1e-2
    np.testing.assert_allclose(found.response.cost, done.response.cost, atol=0.1)


def test_a_study_stopped_between_two_modes_has_one(scenario, whole, tmp_path):
    done = []

    def on_pause(progress):
        done.append(progress)
        if done[-2:] == [progress, progress]:
            raise KeyboardInterrupt

    stopped = run_mean_field_study(scenario, on_pause=on_pause)
    assert stopped.status is Status.INTERRUPTED
    only = {Mode.OWN_CLUSTER: whole.equilibria[Mode.OWN_CLUSTER]}
    assert_same(stopped.equilibria, only)
    summary = stopped.summary
    assert summary.unreached == ("cluster of clusters",) and not summary.converged
    assert [way.status for way in summary.ways] == ["converged", "converged"]
    save_dataset(stopped.dataset, tmp_path / "results.nc")
    assert summarise_mean_field(load_dataset(tmp_path / "results.nc")) == summary


def test_another_study_is_refused(scenario, tmp_path):
    stop = stop_at(Mode.OWN_CLUSTER, True, 0.02, 1)
    run_mean_field_study(scenario, on_pause=stop, checkpoint=Checkpoint(tmp_path))
    for key, value in (
        ("clusters.alpha", 2.0),
        ("household.vehicle.driving_kwh", 5.0),
        ("solver.tolerance", 1e-6),
        ("solver.max_iterations", 50),
    ):
        other = load_study("gmfg-paper", {**TINY, key: value})
        with pytest.raises(InvalidInput, match="another problem, method or start; undo"):
            run_mean_field_study(other, checkpoint=Checkpoint(tmp_path))


def test_ctrl_c_writes_what_there_is_and_a_second_start_goes_on(
    scenario, whole, tmp_path, monkeypatch
):
    file, out = tmp_path / "tiny.toml", tmp_path / "results"
    file.write_text(scenario.to_toml())
    arguments = ["solve", str(file), "--json", "--out", str(out)]
    arguments += ["--checkpoint", str(tmp_path / "search")]
    real = cli.run_mean_field_study

    def interrupted(scenario, modes, on_stage, on_pause, checkpoint):
        def pressed(progress):
            if progress[:4] == (Mode.OWN_CLUSTER, False, 0.005, 1):
                os.kill(os.getpid(), signal.SIGINT)
            on_pause(progress)

        return real(scenario, modes, on_stage, pressed, checkpoint)

    monkeypatch.setattr(cli, "run_mean_field_study", interrupted)
    answer = CliRunner().invoke(cli.app, arguments)
    assert answer.exit_code == 3, answer.output
    assert "Stopping after this round" in answer.stderr
    found = json.loads(answer.stdout)
    assert found["unreached"] == ["cluster of clusters"]
    assert [way["status"] for way in found["ways"]] == ["converged", "interrupted"]
    assert "Interrupted before the cluster of clusters" in (out / "report.html").read_text("utf-8")
    monkeypatch.undo()
    answer = CliRunner().invoke(cli.app, arguments)
    assert answer.exit_code == 0, answer.output
    costs = [way["cost"] for way in json.loads(answer.stdout)["ways"]]
    assert costs == [way.cost for way in whole.summary.ways]
    other = CliRunner().invoke(cli.app, [*arguments, "--set", "clusters.alpha=2"])
    assert other.exit_code == 2 and "choose another folder" in other.stderr
