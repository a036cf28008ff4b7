"""Energy in the fleet's batteries, vehicles and thermal stores, with and without a community."""

import re

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from mfgamm.study.figures.style import (
    WITH_COMMUNITY,
    WITHOUT_COMMUNITY,
    legend_above,
    panels,
    say_absent,
    styled,
)
from mfgamm.study.figures.time_axis import label_wall_clock, step_edges
from mfgamm.study.wording import enumerated, instead, measure, moment

# Its virtual battery counts consumption to come, not energy that anybody stores.
FLEXIBLE = "flexible load"
PLURALS = {"battery": "batteries", "vehicle": "vehicles", "thermal storage": "thermal stores"}


@styled
def plot_storage(dataset: xr.Dataset) -> Figure:
    """One panel for each kind of store: energy held at the end of each step, kWh."""
    kinds = storage_kinds(dataset)
    figure, axes = panels(max(len(kinds), 1), 1.0 + 1.75 * max(len(kinds), 1))
    ends = step_edges(dataset)[1:]
    for axis, kind in zip(axes, kinds, strict=False):
        without = fleet_total(dataset, "benchmark_state_of_charge", kind)
        within = fleet_total(dataset, "state_of_charge", kind)
        axis.plot(ends, within, label="with a community", **WITH_COMMUNITY)
        axis.plot(ends, without, label="without a community", **WITHOUT_COMMUNITY)
        axis.set_ylim(0, 1.08 * max(without.max(), within.max(), 1e-3))
        axis.set_ylabel("Stored heat (kWh)" if kind == "thermal storage" else "Stored (kWh)")
        legend_above(axis, plural(kind).capitalize())
    if not kinds:
        say_absent(axes[0], "No household has a battery, a vehicle or a thermal store.")
        axes[0].set_ylabel("Stored (kWh)")
    label_wall_clock(axes[-1], dataset)
    figure.align_ylabels()
    return figure


def describe_storage(dataset: xr.Dataset) -> tuple[str, str]:
    """What the figure shows, in two sentences."""
    kinds = storage_kinds(dataset)
    if not kinds:
        return (
            "No household has a battery, a vehicle or a thermal store.",
            "Whatever the community changes here, it changes without storing energy.",
        )
    hours = float(dataset.attrs["step_hours"])
    within = fleet_total(dataset, "state_of_charge", kinds[0])
    without = fleet_total(dataset, "benchmark_state_of_charge", kinds[0])
    peak, former = int(np.argmax(within)), int(np.argmax(without))
    taken = []
    for kind in kinds:
        verb = "" if taken else " take up"
        charge = fleet_total(dataset, "charge", kind).sum() * hours
        former_charge = fleet_total(dataset, "benchmark_charge", kind).sum() * hours
        taken.append(f"the {plural(kind)}{verb} {instead(charge, former_charge, 'kWh')}")
    return (
        f"The {plural(kinds[0])} hold most at {moment(dataset, peak + 1)}, "
        f"{measure(within[peak], 'kWh')}; without a community they would hold most at "
        f"{moment(dataset, former + 1)}, {measure(without[former], 'kWh')}.",
        f"In all, {enumerated(taken)} of electricity.",
    )


def storage_kinds(dataset: xr.Dataset) -> list[str]:
    """Kinds of devices that store energy, in the order of the dataset."""
    kinds = dict.fromkeys(map(device_kind, dataset["device"].values.tolist()))
    return [kind for kind in kinds if kind != FLEXIBLE]


def device_kind(label: str) -> str:
    """The kind of a device slot: a household's second battery is labelled "battery 2"."""
    return re.sub(r" \d+$", "", label)


def fleet_total(dataset: xr.Dataset, variable: str, kind: str) -> np.ndarray:
    """A device variable summed over the devices of a kind of all households, `[time]`."""
    slots = [device_kind(label) == kind for label in dataset["device"].values.tolist()]
    chosen = dataset[variable].isel(device=np.flatnonzero(slots)).sum("device")
    return dataset["represented"].values @ chosen.transpose("household", "time").values


def plural(kind: str) -> str:
    return PLURALS.get(kind, kind + "s")
