"""Sensitivities as labelled arrays, as a table on the terminal, and as files."""

import json
from importlib.metadata import version
from pathlib import Path

import jax
import numpy as np
import xarray as xr
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from mfgamm.equilibrium import Sensitivities
from mfgamm.study.dataset import CONVENTIONS, save_dataset
from mfgamm.study.figures.sensitivities import SURE_MARK, UNSURE_MARK, plot_sensitivities
from mfgamm.study.files import write_json_and_figure
from mfgamm.study.wording import number, power_of_ten

NAME = "sensitivities"


def sensitivity_dataset(table: Sensitivities, title: str = "") -> xr.Dataset:
    """Everything about a table of sensitivities, over `metric` and `parameter`.

    Derivatives are in the unit of their metric over that of their parameter; `effect` is what a
    `step` of the parameter does to the metric, in the metric's unit.
    """
    both = ("metric", "parameter")

    def entries(values, meaning: str) -> xr.Variable:
        return xr.Variable(both, values, {"long_name": meaning})

    return xr.Dataset(
        {
            "value": ("metric", table.value, {"long_name": "metric at the smoothed equilibrium"}),
            "derivative": entries(table.derivative, "derivative of the metric by the parameter"),
            "difference": entries(
                table.difference, "the same by central differences of equilibria solved anew"
            ),
            "finer": entries(table.finer, "derivative at a smoothing ten times as fine"),
            "effect": entries(table.effect, "change of the metric with a step of the parameter"),
            "settled": entries(table.settled, "whether a finer smoothing leaves it nearly alike"),
            "verified": entries(table.verified, "whether equilibria solved anew confirm it"),
        },
        coords={
            "metric": np.array(table.metrics, str),
            "metric_unit": ("metric", np.array(table.metric_units, str)),
            "parameter": np.array(table.parameters, str),
            "parameter_unit": ("parameter", np.array(table.parameter_units, str)),
            "step": ("parameter", table.step, {"long_name": "a change worth talking about"}),
        },
        attrs={
            "Conventions": CONVENTIONS,
            "source": f"mfgamm {version('mfgamm')}, jax {jax.__version__}",
            "title": title,
            "barrier_eur": float(table.smoothing.barrier),
            "blur": float(table.smoothing.blur),
        },
    )


def sensitivity_json(dataset: xr.Dataset) -> str:
    """One JSON object: metrics by name, with what every parameter does to them."""
    attributes = {name: dataset.attrs[name] for name in ("title", "barrier_eur", "blur")}
    plain = {**attributes, "metrics": [_metric(dataset.sel(metric=m)) for m in dataset["metric"]]}
    return json.dumps(plain, indent=2, ensure_ascii=False, allow_nan=False)


def show_sensitivities(console: Console, dataset: xr.Dataset) -> None:
    """Print what a step of each parameter does, and which numbers not to build on."""
    title = "What a step changes, in thousandths of the unit, per household and day"
    table = Table(
        title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0)
    )
    table.add_column("parameter", no_wrap=True)
    table.add_column("step", justify="right", no_wrap=True)
    for metric, unit in zip(dataset["metric"].values, dataset["metric_unit"].values, strict=True):
        # What is per household and day is said above, once.
        heading = str(metric).replace(", ", " ").replace(" ", "\n", 1)
        table.add_column(f"{heading}\n{str(unit).split('/')[0]}", justify="right", no_wrap=True)
    values = [number(1000 * value, 0) for value in dataset["value"].values]
    table.add_row("", "value", *(value + SURE_MARK for value in values), style="bold")
    table.add_section()
    for column in range(dataset.sizes["parameter"]):
        one = dataset.isel(parameter=column)
        table.add_row(str(one["parameter"].values), step_of(one), *_cells(one))
    console.print(table)
    console.print(_verdict(dataset), style="dim")


def write_sensitivities(dataset: xr.Dataset, folder: Path) -> None:
    """Write `sensitivities.nc`, `.json` and `.svg`, each whole or not at all.

    Raises:
        InvalidInput: naming the file that cannot be written.
    """
    save_dataset(dataset, folder / f"{NAME}.nc")
    write_json_and_figure(folder, NAME, sensitivity_json(dataset), plot_sensitivities(dataset))


def step_of(one: xr.Dataset) -> str:
    """A parameter's step as people say it: "+1 %", "+1 ct" (per kWh)."""
    step, unit = float(one["step"]), str(one["parameter_unit"].values)
    name = str(one["parameter"].values)
    if name.startswith("logit"):
        return f"+{step:g}"
    return f"+{100 * step:g} %" if unit == "1" else f"+{100 * step:g} ct"


def _metric(one: xr.Dataset) -> dict:
    numbers = ("derivative", "difference", "finer", "step", "effect")
    parameters = []
    for column in range(one.sizes["parameter"]):
        of = one.isel(parameter=column)
        parameters.append(
            {
                "name": str(of["parameter"].values),
                "unit": str(of["parameter_unit"].values),
                **{name: float(of[name]) for name in numbers},
                **{name: bool(of[name]) for name in ("settled", "verified")},
            }
        )
    return {
        "name": str(one["metric"].values),
        "unit": str(one["metric_unit"].values),
        "value": float(one["value"]),
        "parameters": parameters,
    }


def _cells(one: xr.Dataset) -> list[str]:
    texts = []
    for row in range(one.sizes["metric"]):
        of = one.isel(metric=row)
        sure = bool(of["settled"]) and bool(of["verified"])
        text = number(1000 * float(of["effect"]), 1)
        texts.append(f"{text}{SURE_MARK}" if sure else f"[yellow]{text}{UNSURE_MARK}[/yellow]")
    return texts


def _verdict(dataset: xr.Dataset) -> str:
    count = dataset["settled"].size
    confirmed = int(dataset["verified"].sum())
    loose = int((~dataset["settled"]).sum())
    barrier = power_of_ten(dataset.attrs["barrier_eur"], "€")
    return (
        f"Derivatives times steps, at a barrier of {barrier}. Equilibria solved anew confirm "
        f"{confirmed} of {count}. {UNSURE_MARK.strip()} {loose} would change by a tenth or more at "
        "a smoothing ten times as fine: the exact equilibrium may have no such derivative."
    )
