"""The files of a mean field study: its numbers, its totals, its report."""

from pathlib import Path

import xarray as xr

from mfgamm.study.dataset import save_dataset
from mfgamm.study.files import replacing
from mfgamm.study.mean_field.report import render_mean_field_report
from mfgamm.study.mean_field.run import MeanFieldStudy
from mfgamm.study.results import REPORT, RESULTS, SUMMARY


def write_mean_field_report(dataset: xr.Dataset, path: Path) -> None:
    """Write the page to a file, UTF-8.

    Raises:
        InvalidInput: if the file cannot be written.
    """
    with replacing(path) as temporary:
        temporary.write_text(render_mean_field_report(dataset), encoding="utf-8")


def write_mean_field_results(study: MeanFieldStudy, folder: Path) -> None:
    """Write `results.nc`, `summary.json` and `report.html`, each whole or not at all.

    Raises:
        InvalidInput: naming the file that cannot be written.
    """
    save_dataset(study.dataset, folder / RESULTS)
    with replacing(folder / SUMMARY) as path:
        path.write_text(study.summary.to_json() + "\n", encoding="utf-8")
    write_mean_field_report(study.dataset, folder / REPORT)
