"""Studies: run a scenario, keep its results, describe them in tables, figures and a report."""

from mfgamm.study.compilation import measure_compilation as measure_compilation
from mfgamm.study.console import (
    announce as announce,
    show_summary as show_summary,
    track_rounds as track_rounds,
)
from mfgamm.study.dataset import (
    equilibrium_dataset as equilibrium_dataset,
    load_dataset as load_dataset,
    save_dataset as save_dataset,
)
from mfgamm.study.files import require_writable as require_writable
from mfgamm.study.report import render_report as render_report, write_report as write_report
from mfgamm.study.results import (
    REPORT as REPORT,
    RESULTS as RESULTS,
    SUMMARY as SUMMARY,
    write_results as write_results,
)
from mfgamm.study.run import (
    Study as Study,
    compare_clusters as compare_clusters,
    is_comparable as is_comparable,
    run_study as run_study,
)
from mfgamm.study.summary import (
    CategorySummary as CategorySummary,
    Summary as Summary,
    summarise as summarise,
)
