import json

import pytest
from bent_results import solve_small

from mfgamm import InvalidInput, load_scenario, run_study
from mfgamm.study import (
    load_dataset,
    require_writable,
    save_dataset,
    summarise,
    write_report,
    write_results,
)
from mfgamm.study.files import replacing


def test_results_are_three_files_that_agree(tmp_path):
    study = run_study(load_scenario("paris-summer", ["population.size=4", "time.step_minutes=60"]))
    write_results(study, tmp_path)
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "report.html",
        "results.nc",
        "summary.json",
    ]
    assert summarise(load_dataset(tmp_path / "results.nc")) == study.summary
    stored = json.loads((tmp_path / "summary.json").read_text("utf-8"))
    assert stored["exploitability_scale_is_nominal"] is False
    assert stored["gain_eur"] == study.summary.gain_eur


def test_a_failed_write_keeps_the_file_that_was_there(tmp_path):
    path = tmp_path / "summary.json"
    path.write_text("before")
    with pytest.raises(RuntimeError), replacing(path) as temporary:
        temporary.write_text("half of")
        raise RuntimeError
    assert path.read_text() == "before" and list(tmp_path.iterdir()) == [path]
    with replacing(path) as temporary:
        temporary.write_text("after")
        assert path.read_text() == "before"
    assert path.read_text() == "after" and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("write", [save_dataset, write_report])
def test_a_file_that_cannot_be_written_is_named(write, tmp_path):
    with pytest.raises(InvalidInput, match=r"nowhere/file.*cannot be written: No such file"):
        write(solve_small(), tmp_path / "nowhere" / "file")
    (tmp_path / "taken").mkdir()
    with pytest.raises(InvalidInput, match=r"taken.*cannot be written: Is a directory"):
        write(solve_small(), tmp_path / "taken")
    assert [each.name for each in tmp_path.iterdir()] == ["taken"]


def test_a_writable_folder_is_made_and_left_empty(tmp_path):
    folder = tmp_path / "new" / "results"
    require_writable(folder)
    require_writable(folder)
    assert list(folder.iterdir()) == []
    (folder / "file").write_text("")
    with pytest.raises(InvalidInput, match="cannot be written to: Not a directory"):
        require_writable(folder / "file" / "below")
