"""Scenarios become communities."""

import os
from pathlib import Path

import numpy as np
import pytest

from mfgamm.core import InvalidInput, apportioned
from mfgamm.equilibrium import ColumnGeneration, FictitiousPlay, PathFollowing
from mfgamm.prosumer import Battery, Vehicle, require_feasible
from mfgamm.scenario import (
    build_community,
    build_households,
    build_market,
    build_population,
    build_solver,
    build_tariff,
    load_scenario,
    make_calendar,
)
from mfgamm.scenario.market import build_curve

BATTERY = {"capacity_kwh": {"uniform": [4, 20]}, "power_kw": 3, "initial_share": 0.25}


def households(scenario):
    return build_households(scenario, make_calendar(scenario.time))


def paris_data():
    """The folder of the Paris curves, if this machine has it."""
    beside = Path(__file__).parents[2].parent / "shared" / "data" / "paris"
    folder = Path(os.environ.get("MFGAMM_PARIS_DATA", beside))
    return folder if (folder / "cons.csv").is_file() else None


@pytest.mark.parametrize(
    ("size", "shares", "counts"),
    [
        (1000, [0.3, 0.3, 0.4], [300, 300, 400]),
        (7, [0.3, 0.3, 0.4], [2, 2, 3]),
        (1, [0.3, 0.3, 0.4], [0, 0, 1]),
        (10, [1 / 3, 1 / 3, 1 / 3], [4, 3, 3]),
        (60, [0.5, 0.3, 0.2], [30, 18, 12]),
    ],
)
def test_categories_are_counted_by_largest_remainder(size, shares, counts):
    assert apportioned(size, shares).tolist() == counts


def test_every_part_with_a_share_may_be_owed_one():
    assert apportioned(10, [0.94, 0.03, 0.03, 0.0], least=1).tolist() == [8, 1, 1, 0]


def test_a_bigger_community_contains_the_smaller(make_scenario):
    keys = dict(population__flexible_share=0.2)
    small = {h.name: h for h in households(make_scenario(population__size=10, **keys))}
    large = {h.name: h for h in households(make_scenario(population__size=30, **keys))}
    assert set(small) < set(large)
    for name, household in small.items():
        assert np.array_equal(household.generation, large[name].generation)
        assert np.array_equal(household.base_load, large[name].base_load)


def test_seed_changes_everything_and_fixes_everything(make_scenario):
    first, again = build_population(make_scenario(seed=3)), build_population(make_scenario(seed=3))
    other = build_population(make_scenario(seed=4))
    assert np.array_equal(first.types.base_load, again.types.base_load)
    assert not np.array_equal(first.types.base_load, other.types.base_load)


def test_generation_scale_scales_generation_alone(make_scenario):
    one = build_population(make_scenario())
    three = build_population(make_scenario(population__generation_scale=3.0))
    assert np.allclose(three.types.generation, 3 * one.types.generation, rtol=1e-12)
    assert np.array_equal(three.types.base_load, one.types.base_load)


def test_only_producers_produce(make_scenario):
    for household in households(make_scenario()):
        assert (household.generation.max() > 0) == (household.category != "consumer")


def test_flexible_share_is_moved_and_not_lost(make_scenario):
    days = dict(time={"start": make_scenario().time.start, "days": 2})
    fixed = households(make_scenario(**days))
    free = households(make_scenario(**days, population__flexible_share=0.25))
    for before, after in zip(fixed, free, strict=True):
        (load,) = after.devices
        daily = before.base_load.reshape(2, 96).sum(axis=1) / 4
        assert np.allclose(after.base_load, 0.75 * before.base_load)
        assert np.allclose(load.energy, 0.25 * daily)
        assert list(load.windows) == [(0, 96), (96, 192)]


@pytest.mark.parametrize(
    ("terminal", "least"), [("initial", "initial"), ("free", None), (1.5, 1.5)]
)
def test_battery_ends_as_the_scenario_says(scenario_data, make_scenario, terminal, least):
    scenario_data["population"]["categories"][0]["battery"] = BATTERY | {"terminal": terminal}
    batteries = [h.devices[0] for h in households(make_scenario()) if h.devices]
    assert len(batteries) == 3
    for battery in batteries:
        assert isinstance(battery, Battery)
        assert 4 <= battery.capacity <= 20
        assert battery.initial == pytest.approx(battery.capacity / 4)
        expected = battery.initial if least == "initial" else least
        assert battery.terminal_minimum == expected


def test_ownership_follows_its_share(scenario_data, make_scenario):
    scenario_data["population"]["categories"][2]["battery"] = BATTERY | {"share": 0.3}
    owners = [bool(h.devices) for h in households(make_scenario(population__size=1000))]
    assert 0.3 * 400 - 35 < sum(owners) < 0.3 * 400 + 35


def test_a_car_leaves_charged_and_drives_while_away():
    scenario = load_scenario("evening-electric", ["time.days=2", "time.start=2023-03-25"])
    cars = [d for h in households(scenario) for d in h.devices if isinstance(d, Vehicle)]
    assert cars
    for car in cars:
        away = ~np.asarray(car.available)
        assert away.sum() > 2 * 4 * 6
        assert np.all((np.asarray(car.trip_use) > 0) == away)
        assert np.sum(car.trip_use) == pytest.approx(2 * np.sum(car.trip_use[:96]))
        leaving = np.flatnonzero(car.departure_energy)
        assert len(leaving) == 2
        assert not away[leaving].any() and away[leaving + 1].all()


@pytest.mark.parametrize(
    ("departure", "arrival", "hour"), [(8.1, 8.2, 8), (8.6, 9.2, 9), (23.9, 24.0, 23), (0, 0.1, 0)]
)
def test_a_trip_shorter_than_a_step_takes_one_step(
    scenario_data, make_scenario, departure, arrival, hour
):
    hours = {"departure_hour": departure, "arrival_hour": arrival}
    car = {"capacity_kwh": 40, "power_kw": 7, "trip_kwh": 6} | hours
    scenario_data["population"]["categories"][2]["vehicle"] = car
    scenario_data["time"] |= {"step_minutes": 60, "days": 2}
    (car,) = households(make_scenario())[-1].devices
    np.testing.assert_array_equal(np.flatnonzero(~car.available), [hour, 24 + hour])
    np.testing.assert_allclose(np.asarray(car.trip_use).reshape(2, 24).sum(axis=1), 6)


class TestMarket:
    def test_time_of_use_follows_the_wall_clock(self):
        scenario = load_scenario("paris-summer", ["time.start=2023-03-26"])
        calendar = make_calendar(scenario.time)
        retail = np.asarray(build_tariff(scenario, calendar).retail)
        peak = ((calendar.hour >= 6) & (calendar.hour < 12)) | (
            (calendar.hour >= 13) & (calendar.hour < 23)
        )
        assert np.allclose(retail[peak], 0.2146) and np.allclose(retail[~peak], 0.1696)
        assert retail.shape == (92,)

    def test_period_wraps_midnight(self):
        scenario = load_scenario("evening-electric")
        retail = np.asarray(build_tariff(scenario, make_calendar(scenario.time)).retail)
        assert np.allclose(retail[[0, 23, 88, 95]], 0.17)
        assert np.allclose(retail[[24, 87]], 0.24)

    def test_series(self, make_scenario, tmp_path):
        path = tmp_path / "prices.csv"
        rows = "\n".join(f"{0.05 + k / 1000},{0.2 + k / 1000}" for k in range(24))
        path.write_text("feed_in,retail\n" + rows)
        tariff = {"kind": "series", "path": str(path), "step_minutes": 60}
        scenario = make_scenario(tariff=tariff)
        prices = build_tariff(scenario, make_calendar(scenario.time))
        assert np.allclose(prices.retail, np.repeat(0.2 + np.arange(24) / 1000, 4))
        path.write_text("feed_in,price\n" + rows)
        with pytest.raises(InvalidInput, match=r"tariff.path.*needs a column retail"):
            build_tariff(scenario, make_calendar(scenario.time))

    @pytest.mark.parametrize(
        "market",
        [
            {"curve": "mid-market"},
            {"curve": "geometric", "fee": 0.1},
            {"curve": "hyperbolic"},
            {"curve": "linear", "anchor": 0.15},
            {"curve": "blended", "weights": {"geometric": 0.5, "hyperbolic": 0.5}},
        ],
    )
    def test_every_curve_clears(self, make_scenario, market):
        scenario = make_scenario(market=market)
        assert float(build_market(scenario).fee) == market.get("fee", 0.0)
        assert build_curve(scenario.market) is not None

    def test_linear_price_must_lie_within_the_tariff(self, make_scenario):
        scenario = make_scenario(market={"curve": "linear", "anchor": 0.5})
        with pytest.raises(InvalidInput, match=r"0\.5"):
            build_market(scenario)

    def test_solver(self, make_scenario):
        assert isinstance(build_solver(make_scenario()), PathFollowing)
        columns = make_scenario(solver={"method": "column-generation"})
        assert isinstance(build_solver(columns), ColumnGeneration)
        simple = {"method": "fictitious-play"}
        assert build_solver(make_scenario(solver=simple)).step == "line-search"
        harmonic = build_solver(make_scenario(solver=simple | {"step": "harmonic"}))
        assert isinstance(harmonic, FictitiousPlay) and harmonic.step == "harmonic"


class TestBuiltins:
    def test_paris_summer_has_hours_of_surplus_and_of_deficit(self):
        community = build_community(load_scenario("paris-summer", ["population.size=200"]))
        require_feasible(community.population)
        types = community.population.types
        loads = np.asarray(types.base_load) / 0.8
        net = np.asarray(types.generation).mean(axis=0) - loads.mean(axis=0)
        assert 3 < np.sum(net > 0) / 4 < 12
        assert 10 < loads.mean() * 24 < 14
        assert loads.max() < 2.5
        assert float(types.discount[0]) == 1.0

    def test_evening_electric_is_feasible_with_every_device(self):
        population = build_population(load_scenario("evening-electric"))
        require_feasible(population)
        assert set(population.devices) == {
            "battery",
            "vehicle",
            "thermal storage",
            "flexible load",
        }

    @pytest.mark.skipif(paris_data() is None, reason="needs MFGAMM_PARIS_DATA")
    def test_paris_data(self, monkeypatch):
        monkeypatch.setenv("MFGAMM_PARIS_DATA", str(paris_data()))
        population = build_population(load_scenario("paris-data", ["population.size=100"]))
        require_feasible(population)
        types = population.types
        assert np.asarray(types.base_load).mean() / 0.8 == pytest.approx(1.03, abs=0.1)
        assert 0.02 < np.asarray(types.generation).mean() < 0.12


def test_curves_in_order_must_suffice(make_scenario, tmp_path):
    curves = np.arange(12)[:, None] * np.ones(96)
    path = tmp_path / "load.csv"
    np.savetxt(path, curves, delimiter=",")
    load = {"kind": "csv", "path": str(path), "unit": "W", "draw": "in-order"}
    scenario = make_scenario(sources={"load": load})
    means = [h.base_load.mean() for h in households(scenario)]
    assert np.allclose(means, np.arange(10) / 1000)
    with pytest.raises(InvalidInput, match=r"13 households need a curve and the file holds 12"):
        households(make_scenario(population__size=13))
