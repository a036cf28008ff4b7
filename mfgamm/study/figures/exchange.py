"""What households offer and ask for, and what is left for the grid."""

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from mfgamm.study.figures.style import (
    BUYING,
    GREEN,
    GREY,
    SELLING,
    WITH_COMMUNITY,
    WITHOUT_COMMUNITY,
    legend_above,
    panels,
    styled,
)
from mfgamm.study.figures.time_axis import label_wall_clock, step_edges
from mfgamm.study.summary import summarise
from mfgamm.study.wording import change, instead, measure, moment, percent


@styled
def plot_exchange(dataset: xr.Dataset) -> Figure:
    """Supply, demand and inside trade above; the balance exchanged with the grid below, kW."""
    figure, (inside, grid) = panels(2, 4.6)
    edges = step_edges(dataset)
    inside.stairs(
        dataset["traded_inside"], edges, fill=True, color=GREEN, alpha=0.3, label="traded inside"
    )
    inside.stairs(dataset["supply"], edges, baseline=None, label="supply", **SELLING)
    inside.stairs(dataset["demand"], edges, baseline=None, label="demand", **BUYING)
    inside.set_ylabel("Power (kW)")
    inside.set_ylim(bottom=0)
    legend_above(inside, "Between households")

    for prefix, label, look in (
        ("", "with a community", WITH_COMMUNITY),
        ("benchmark_", "without a community", WITHOUT_COMMUNITY),
    ):
        imported, exported = dataset[f"{prefix}grid_import"], dataset[f"{prefix}grid_export"]
        grid.stairs(imported, edges, baseline=None, label=label, **look)
        grid.stairs(-exported, edges, baseline=None, **look)
    grid.axhline(0, color=GREY, linewidth=0.8)
    grid.set_ylabel("Import (kW)\nexport negative")
    label_wall_clock(grid, dataset)
    legend_above(grid, "With the grid")
    figure.align_ylabels()
    return figure


def describe_exchange(dataset: xr.Dataset) -> tuple[str, str]:
    """What the figure shows, in two sentences."""
    summary = summarise(dataset)
    asked = float(dataset["demand"].sum()) * float(dataset.attrs["step_hours"])
    met = percent(summary.traded_inside_kwh / asked if asked > 0 else 0.0)
    peak = int(np.argmax(dataset["grid_import"].values))
    former = int(np.argmax(dataset["benchmark_grid_import"].values))
    return (
        f"Of {measure(asked, 'kWh')} asked for, {measure(summary.traded_inside_kwh, 'kWh')} "
        f"({met}) come from other households; on balance the grid delivers "
        f"{instead(summary.grid_import_kwh, summary.benchmark_grid_import_kwh, 'kWh')} and takes "
        f"{instead(summary.grid_export_kwh, summary.benchmark_grid_export_kwh, 'kWh')}.",
        f"Import peaks at {moment(dataset, peak)} with {measure(summary.peak_import_kw, 'kW')}, "
        f"without a community at {moment(dataset, former)} with "
        f"{measure(summary.benchmark_peak_import_kw, 'kW')}: a change of "
        f"{change(summary.benchmark_peak_import_kw, summary.peak_import_kw)}.",
    )
