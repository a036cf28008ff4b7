"""The files of a study: its numbers, its totals, its report."""

from pathlib import Path

from mfgamm.study.dataset import save_dataset
from mfgamm.study.files import replacing
from mfgamm.study.report import write_report
from mfgamm.study.run import Study

RESULTS, SUMMARY, REPORT = "results.nc", "summary.json", "report.html"


def write_results(study: Study, folder: Path) -> None:
    """Write `results.nc`, `summary.json` and `report.html`, each whole or not at all.

    Raises:
        InvalidInput: naming the file that cannot be written.
    """
    save_dataset(study.dataset, folder / RESULTS)
    with replacing(folder / SUMMARY) as path:
        path.write_text(study.summary.to_json() + "\n", encoding="utf-8")
    write_report(study.dataset, folder / REPORT)
