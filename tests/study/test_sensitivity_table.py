"""Tables of sensitivities as people, programs and files get them."""

import io
import json

import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr
from matplotlib.colors import to_hex
from rich.console import Console

from mfgamm.equilibrium import Sensitivities, Smoothing
from mfgamm.study.figures.sensitivities import plot_sensitivities
from mfgamm.study.sensitivity import (
    sensitivity_dataset,
    sensitivity_json,
    show_sensitivities,
    write_sensitivities,
)


@pytest.fixture
def dataset():
    """Two metrics by three parameters; the last does not settle, the middle is not confirmed."""
    derivative = np.array([[1.0, -2.0, 0.5], [0.3, 0.0, -4.0]])
    table = Sensitivities(
        metrics=("gain", "bill, solar"),
        metric_units=("€/household-day",) * 2,
        parameters=("retail tariff", "fee", "generation"),
        parameter_units=("€/kWh", "1", "1"),
        value=np.array([0.5, -1.0]),
        step=np.array([0.01, 0.01, 0.01]),
        derivative=derivative,
        difference=derivative * np.array([1.0, 1.1, 1.0]),
        finer=derivative * np.array([1.01, 1.0, 1.5]),
        smoothing=Smoothing(jnp.asarray(1e-5), jnp.asarray(1e-4)),
    )
    return sensitivity_dataset(table, "a study")


def test_the_terminal_shows_effects_and_marks_what_is_unsure(dataset):
    console = Console(file=io.StringIO(), width=100)
    show_sensitivities(console, dataset)
    lines = [" ".join(line.split()) for line in console.file.getvalue().splitlines()]
    assert "retail tariff +1 ct 10.0 3.0" in lines
    assert "fee +1 % −20.0? 0.0" in lines
    assert "generation +1 % 5.0? −40.0?" in lines
    assert "confirm 5 of 6. ? 2 would change" in " ".join(lines)


def test_files_agree_with_the_json(dataset, tmp_path):
    write_sensitivities(dataset, tmp_path)
    stored = json.loads((tmp_path / "sensitivities.json").read_text("utf-8"))
    assert stored == json.loads(sensitivity_json(dataset))
    gain = stored["metrics"][0]
    assert gain["unit"] == "€/household-day" and stored["barrier_eur"] == 1e-5
    assert [each["settled"] for each in gain["parameters"]] == [True, True, False]
    assert gain["parameters"][1]["effect"] == pytest.approx(-0.02)
    with xr.open_dataset(tmp_path / "sensitivities.nc", engine="h5netcdf") as read:
        xr.testing.assert_equal(read.load(), dataset)
    assert "<svg" in (tmp_path / "sensitivities.svg").read_text("utf-8")


def test_bars_are_hollow_where_the_derivative_is_unsure(dataset):
    figure = plot_sensitivities(dataset)
    bars = figure.axes[0].patches
    assert [bar.get_width() for bar in bars] == pytest.approx([0.01, -0.02, 0.005])
    hollow = [bar.get_facecolor()[3] == 0 for bar in bars]
    assert hollow == [False, True, True]
    assert to_hex(bars[0].get_edgecolor()) != to_hex(bars[1].get_edgecolor())
