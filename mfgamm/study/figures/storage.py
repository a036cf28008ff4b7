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
    """One panel for each kind of store: energy held before, between and after the steps, kWh."""
    kinds = storage_kinds(dataset)
    figure, axes = panels(max(len(kinds), 1), 1.0 + 1.75 * max(len(kinds), 1))
    edges = step_edges(dataset)
    for axis, kind in zip(axes, kinds, strict=False):
        without, within = stored(dataset, "benchmark_", kind), stored(dataset, "", kind)
        axis.plot(edges, within, label="with a community", **WITH_COMMUNITY)
        axis.plot(edges, without, label="without a community", **WITHOUT_COMMUNITY)
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
    within, without = stored(dataset, "", kinds[0]), stored(dataset, "benchmark_", kinds[0])
    capacity = float(fleet_total(dataset, "storage_capacity", kinds[0]))
    peak, former = int(np.argmax(within)), int(np.argmax(without))
    taken = []
    for kind in kinds:
        verb = "" if taken else " take up"
        charge = fleet_total(dataset, "charge", kind).sum() * hours
        former_charge = fleet_total(dataset, "benchmark_charge", kind).sum() * hours
        taken.append(f"the {plural(kind)}{verb} {instead(charge, former_charge, 'kWh')}")
    return (
        f"The {plural(kinds[0])} have room for {measure(capacity, 'kWh')} and hold most at "
        f"{moment(dataset, peak)}, {measure(within[peak], 'kWh')}; without a community they would "
        f"hold most at {moment(dataset, former)}, {measure(without[former], 'kWh')}.",
        f"In all, {enumerated(taken)} of electricity.",
    )


def storage_kinds(dataset: xr.Dataset) -> list[str]:
    """Kinds of devices that store energy, in the order of the dataset."""
    kinds = dict.fromkeys(map(device_kind, dataset["device"].values.tolist()))
    return [kind for kind in kinds if kind != FLEXIBLE]


def device_kind(label: str) -> str:
    """The kind of a device slot: a household's second battery is labelled "battery 2"."""
    return re.sub(r" \d+$", "", label)


def stored(dataset: xr.Dataset, prefix: str, kind: str) -> np.ndarray:
    """Energy in the devices of a kind at every edge of the steps, kWh, `[time + 1]`."""
    initial = fleet_total(dataset, "initial_state_of_charge", kind)
    return np.append(initial, fleet_total(dataset, f"{prefix}state_of_charge", kind))


def fleet_total(dataset: xr.Dataset, variable: str, kind: str) -> np.ndarray:
    """A device variable summed over the devices of a kind of all households, `[time]` or `[]`."""
    slots = [device_kind(label) == kind for label in dataset["device"].values.tolist()]
    chosen = dataset[variable].isel(device=np.flatnonzero(slots)).sum("device")
    total = dataset["represented"].values @ chosen.transpose("household", ...).values
    return np.asarray(total)


def plural(kind: str) -> str:
    return PLURALS.get(kind, kind + "s")
