"""The files of a study: its numbers, its totals, its report."""

from pathlib import Path

import xarray as xr

from mfgamm.study.dataset import save_dataset
from mfgamm.study.files import write_whole
from mfgamm.study.report import write_report
from mfgamm.study.run import Study

RESULTS, SUMMARY, REPORT = "results.nc", "summary.json", "report.html"


def write_results(study: Study, folder: Path) -> None:
    """Write `results.nc`, `summary.json` and `report.html`, each whole or not at all.

    Raises:
        InvalidInput: naming the file that cannot be written.
    """
    write_numbers(study.dataset, study.summary.to_json(), folder)
    write_report(study.dataset, folder / REPORT)


def write_numbers(dataset: xr.Dataset, summary: str, folder: Path) -> None:
    """Write `results.nc`, and a summary in JSON as `summary.json`.

    Raises:
        InvalidInput: naming the file that cannot be written.
    """
    save_dataset(dataset, folder / RESULTS)
    write_whole(folder / SUMMARY, summary + "\n")
