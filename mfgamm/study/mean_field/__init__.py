"""Studies of densities: run one, keep its results, describe them in tables, figures, a report."""

from mfgamm.study.mean_field.console import (
    announce_mean_field as announce_mean_field,
    show_mean_field as show_mean_field,
    track_stages as track_stages,
)
from mfgamm.study.mean_field.dataset import (
    is_mean_field as is_mean_field,
    mean_field_dataset as mean_field_dataset,
)
from mfgamm.study.mean_field.report import render_mean_field_report as render_mean_field_report
from mfgamm.study.mean_field.results import (
    write_mean_field_report as write_mean_field_report,
    write_mean_field_results as write_mean_field_results,
)
from mfgamm.study.mean_field.run import (
    MeanFieldStudy as MeanFieldStudy,
    run_mean_field_study as run_mean_field_study,
)
from mfgamm.study.mean_field.summary import (
    MeanFieldSummary as MeanFieldSummary,
    summarise_mean_field as summarise_mean_field,
)
