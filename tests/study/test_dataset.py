import numpy as np
import pytest

from mfgamm import InvalidInput, load_scenario, run_study
from mfgamm.study import load_dataset, save_dataset, summarise

SETTINGS = ["population.size=8", "time.step_minutes=60", "market.fee=0.25"]


@pytest.fixture(scope="module")
def study():
    return run_study(load_scenario("paris-summer", SETTINGS))


def test_dataset_survives_the_disk(study, tmp_path):
    path = tmp_path / "results.nc"
    save_dataset(study.dataset, path)
    loaded = load_dataset(path)
    assert loaded.identical(study.dataset) or loaded.equals(study.dataset)
    assert summarise(loaded) == study.summary


def test_every_variable_has_a_unit_and_a_name(study):
    for name, variable in study.dataset.data_vars.items():
        assert variable.attrs["units"] and variable.attrs["long_name"], name


def test_totals_close_the_communitys_energy_balance(study):
    dataset = study.dataset
    for prefix in ("", "benchmark_"):
        devices = (dataset[f"{prefix}charge"] - dataset[f"{prefix}discharge"]).sum("device")
        used = (devices * dataset["represented"]).sum("household")
        left = dataset["generation"] - dataset[f"{prefix}curtailed"]
        left = left - dataset["base_load"] - used
        exchange = dataset[f"{prefix}grid_export"] - dataset[f"{prefix}grid_import"]
        np.testing.assert_allclose(left, exchange, atol=1e-9)


def test_bills_and_fees_pay_the_grid(study):
    dataset, hours = study.dataset, study.dataset.attrs["step_hours"]
    grid = hours * (
        dataset["grid_import"] * dataset["retail_price"]
        - dataset["grid_export"] * dataset["feed_in_price"]
    )
    paid = float((dataset["bill"] * dataset["represented"]).sum())
    assert paid == pytest.approx(float(grid.sum() + dataset["operator_income"].sum()), abs=1e-9)


def test_summary_adds_up(study):
    summary = study.summary
    assert sum(c.households for c in summary.categories) == pytest.approx(summary.households)
    assert sum(c.gain_eur for c in summary.categories) == pytest.approx(summary.gain_eur)
    assert summary.operator_income_eur > 0
    assert summary.benchmark_grid_import_kwh > summary.grid_import_kwh


def test_another_file_is_refused(tmp_path):
    path = tmp_path / "results.nc"
    path.write_text("not NetCDF")
    with pytest.raises(InvalidInput, match="is not a NetCDF file"):
        load_dataset(path)
