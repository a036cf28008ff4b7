"""The files of a mean field study: its numbers, its totals, its report."""

from pathlib import Path

import xarray as xr

from mfgamm.study.files import write_whole
from mfgamm.study.mean_field.report import render_mean_field_report
from mfgamm.study.mean_field.run import MeanFieldStudy
from mfgamm.study.results import REPORT, write_numbers


def write_mean_field_report(dataset: xr.Dataset, path: Path) -> None:
    """Write the page to a file, UTF-8.

    Raises:
        InvalidInput: if the file cannot be written.
    """
    write_whole(path, render_mean_field_report(dataset))


def write_mean_field_results(study: MeanFieldStudy, folder: Path) -> None:
    """Write `results.nc`, `summary.json` and `report.html`, each whole or not at all.

    Raises:
        InvalidInput: naming the file that cannot be written.
    """
    write_numbers(study.dataset, study.summary.to_json(), folder)
    write_mean_field_report(study.dataset, folder / REPORT)
