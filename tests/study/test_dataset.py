import json

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


def test_the_grid_sees_balances_with_a_community_or_without(study):
    dataset = study.dataset
    for prefix in ("", "benchmark_"):
        lacking = dataset[f"{prefix}demand"] - dataset[f"{prefix}supply"]
        imported, exported = dataset[f"{prefix}grid_import"], dataset[f"{prefix}grid_export"]
        np.testing.assert_allclose(imported, np.maximum(lacking, 0), atol=1e-12)
        np.testing.assert_allclose(exported, np.maximum(-lacking, 0), atol=1e-12)
    both = np.minimum(dataset["benchmark_supply"], dataset["benchmark_demand"])
    assert float(both.max()) > 0.1


def test_bills_without_a_community_are_not_netted(study):
    dataset, hours = study.dataset, study.dataset.attrs["step_hours"]
    gross = dataset["benchmark_demand"] * dataset["retail_price"]
    gross = gross - dataset["benchmark_supply"] * dataset["feed_in_price"]
    paid = (dataset["benchmark_bill"] * dataset["represented"]).sum()
    assert float(paid) == pytest.approx(hours * float(gross.sum()), abs=1e-9)


def test_states_follow_from_the_initial_one_and_fit_the_capacity(study):
    dataset = study.dataset
    battery = dataset.sel(device="battery")
    owners = battery["storage_capacity"] > 0
    assert 0 < int(owners.sum()) < dataset.sizes["household"]
    share = (battery["initial_state_of_charge"] / battery["storage_capacity"]).where(owners)
    assert float(share.min()) >= 0.1 and float(share.max()) <= 0.4
    first = battery.isel(time=0)
    added = np.sqrt(0.9) * first["charge"] - first["discharge"] / np.sqrt(0.9)
    np.testing.assert_allclose(
        first["state_of_charge"], battery["initial_state_of_charge"] + added, atol=1e-9
    )
    assert float((battery["state_of_charge"] - battery["storage_capacity"]).max()) < 1e-9


def test_scale_and_residuals_are_those_of_the_certificate(study):
    summary, certificate = study.summary, study.equilibrium.certificate
    assert summary.exploitability_scale_eur == float(certificate.scale)
    assert summary.exploitability_scale_is_nominal is bool(certificate.nominal) is False
    assert summary.feasibility_residual == float(certificate.residuals.feasibility) < 1e-9
    assert summary.energy_residual_kwh == float(certificate.residuals.energy) < 1e-9
    gain = summary.gain_eur + summary.operator_income_eur
    assert summary.exploitability_scale_eur == pytest.approx(gain / summary.households)


def test_prices_of_dust_do_not_exist(study):
    dust = study.dataset.assign(supply=1e-14 * study.dataset["supply"])
    summary = summarise(dust)
    assert np.isnan(summary.mean_sell_price) and summary.mean_buy_price > 0
    assert json.loads(summary.to_json())["mean_sell_price"] is None


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
