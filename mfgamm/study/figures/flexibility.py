"""Consumption that may choose its time, and the time it chooses."""

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from mfgamm.study.figures.storage import FLEXIBLE, fleet_total
from mfgamm.study.figures.style import (
    PALE,
    WITH_COMMUNITY,
    WITHOUT_COMMUNITY,
    legend_above,
    panels,
    styled,
)
from mfgamm.study.figures.time_axis import label_wall_clock, step_edges
from mfgamm.study.wording import measure, moment, percent


@styled
def plot_flexibility(dataset: xr.Dataset) -> Figure:
    """Flexible consumption with and without a community, before that which cannot move, kW."""
    figure, (axis,) = panels(1, 2.9)
    edges = step_edges(dataset)
    axis.stairs(
        dataset["base_load"], edges, fill=True, color=PALE, label="inflexible, for comparison"
    )
    without, within = _flexible(dataset)
    axis.stairs(within, edges, baseline=None, label="with a community", **WITH_COMMUNITY)
    axis.stairs(without, edges, baseline=None, label="without a community", **WITHOUT_COMMUNITY)
    axis.set_ylim(bottom=0)
    axis.set_ylabel("Flexible consumption (kW)")
    label_wall_clock(axis, dataset)
    legend_above(axis)
    return figure


def describe_flexibility(dataset: xr.Dataset) -> tuple[str, str]:
    """What the figure shows, in two sentences."""
    hours = float(dataset.attrs["step_hours"])
    base = float(dataset["base_load"].sum()) * hours
    without, within = _flexible(dataset)
    energy = within.sum() * hours
    if energy <= 0:
        return (
            f"All consumption, {measure(base, 'kWh')}, is tied to its time.",
            "There is nothing that a price could move.",
        )
    moved = 0.5 * np.abs(within - without).sum() * hours
    peak, former = int(np.argmax(within)), int(np.argmax(without))
    return (
        f"Of {measure(energy + base, 'kWh')} consumed, {measure(energy, 'kWh')} "
        f"({percent(energy / (energy + base))}) may choose their time, and the community moves "
        f"{measure(moved, 'kWh')} ({percent(moved / energy)}) of them to another time.",
        f"Flexible consumption is highest at {moment(dataset, peak)}, with "
        f"{measure(within[peak], 'kW')}; without a community it is highest at "
        f"{moment(dataset, former)}, with {measure(without[former], 'kW')}.",
    )


def _flexible(dataset: xr.Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Flexible consumption without and with a community, kW; zeros where there is none."""
    without = fleet_total(dataset, "benchmark_charge", FLEXIBLE)
    within = fleet_total(dataset, "charge", FLEXIBLE)
    return without, within
