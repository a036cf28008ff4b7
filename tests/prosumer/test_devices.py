import numpy as np
import pytest

from mfgamm import (
    Battery,
    FlexibleLoad,
    Household,
    InvalidInput,
    Population,
    ThermalStorage,
    Vehicle,
)

STEPS, HOURS = 8, 0.5


def test_battery_splits_its_round_trip_efficiency():
    virtual = Battery(10, 4, 2, round_trip_efficiency=0.81).virtual_battery(STEPS, HOURS)
    assert virtual.charge_gain == pytest.approx(0.9 * HOURS)
    assert virtual.discharge_gain == pytest.approx(HOURS / 0.9)
    assert virtual.charge_gain / virtual.discharge_gain == pytest.approx(0.81)


def test_flexible_load_is_empty_outside_and_at_the_end_of_its_windows():
    virtual = FlexibleLoad([3.0, 1.0], 2.0, [(1, 4), (5, 8)]).virtual_battery(STEPS, HOURS)
    np.testing.assert_array_equal(virtual.charge_limit, [0, 2, 2, 2, 0, 2, 2, 2])
    np.testing.assert_array_equal(virtual.state_upper, [0, 3, 3, 0, 0, 1, 1, 0])
    np.testing.assert_array_equal(virtual.use, [0, 0, 0, 3, 0, 0, 0, 1])
    assert not virtual.discharge_limit.any()


def test_vehicle_charges_only_at_home_and_needs_energy_at_departure():
    away = np.array([0, 0, 0, 1, 1, 0, 0, 0], bool)
    need = np.where(np.arange(STEPS) == 2, 6.0, 0)
    vehicle = Vehicle(20, 7, ~away, 4, need, 1.5 * away, terminal_minimum=5)
    virtual = vehicle.virtual_battery(STEPS, HOURS)
    np.testing.assert_array_equal(virtual.charge_limit, 7.0 * ~away)
    assert virtual.state_lower[2] == 6 and virtual.state_lower[-1] == 5
    assert virtual.use.sum() == 3.0


def test_thermal_storage_leaks_per_hour_whatever_the_step():
    storage = ThermalStorage(8, 2, 3.0, demand=1.0, retention_per_hour=0.81, initial=2)
    assert storage.virtual_battery(STEPS, 0.5).retention == pytest.approx(0.9)
    assert storage.virtual_battery(STEPS, 0.5).charge_gain == pytest.approx(1.5)
    assert storage.virtual_battery(STEPS, 0.5).use.sum() == pytest.approx(STEPS * 0.5)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Battery(-1, 4), r"battery.capacity = -1.0: must be at least 0 kWh"),
        (lambda: Battery(5, 4, 6), r"battery.initial = 6.0: must be within \[0, 5\] kWh"),
        (lambda: Battery(5, 4, 1, 0.0), "battery.round_trip_efficiency = 0.0: must be above 0"),
        (lambda: Battery(5, np.nan), "battery.power"),
        (lambda: Battery(5, 1, terminal_minimum=7.0), "battery.terminal_minimum"),
        (lambda: FlexibleLoad(1, 1, [(0, 3), (2, 5)]), "flexible load.windows.*not overlapping"),
        (lambda: FlexibleLoad(1, 1, [(3, 3)]), "flexible load.windows"),
        (lambda: Vehicle(9, 7, [True] * 4, 1, trip_use=1.0), "cannot drive while plugged in"),
        (lambda: FlexibleLoad([1.0, 2.0], 1), "flexible load.energy = '2 energies'"),
        (lambda: Vehicle(9, 7, [True] * 4, 1, trip_use=[0.0] * 3), "vehicle.trip_use"),
        (lambda: ThermalStorage(5, 1, 3.0, retention_per_hour=1.2), "retention_per_hour"),
        (lambda: Household([1.0, -0.5], [0.0, 0.0]), r"generation = '-0.5 kW at step 1'"),
        (lambda: Household([1.0, np.nan], [0.0, 0.0]), "missing at step 1"),
        (lambda: Household([1.0], [0.0, 0.0]), "base_load = '2 steps'"),
        (lambda: Household([1.0], [0.0], trade_limit=-1.0), "trade_limit"),
    ],
)
def test_bad_values_are_named(make, message):
    with pytest.raises(InvalidInput, match=message):
        make()


@pytest.mark.parametrize(
    ("device", "message"),
    [
        (Vehicle(9, 7, [True] * 4, 1), r"vehicle.available = 'shape \(4,\)': must have 8 steps"),
        (FlexibleLoad(1, 1, [(0, 9)]), "ends after the horizon of 8 steps"),
    ],
)
def test_series_of_another_length_are_named(device, message):
    with pytest.raises(InvalidInput, match=message):
        device.virtual_battery(STEPS, HOURS)


def test_population_names_what_does_not_fit():
    short, long = Household([1.0], [0.0]), Household([1.0, 1.0], [0.0, 0.0], name="long one")
    with pytest.raises(InvalidInput, match=r"long one.generation = '2 steps'"):
        Population.from_households([short, long], step_hours=1.0)
    with pytest.raises(InvalidInput, match="weights"):
        Population.from_households([short, short], step_hours=1.0, weights=[1.0, -1.0])
    with pytest.raises(InvalidInput, match="households = 'none'"):
        Population.from_households([], step_hours=1.0)


def test_devices_of_one_kind_share_a_slot():
    battery, load = Battery(5, 2, 1), FlexibleLoad(1, 1)
    households = [
        Household(np.zeros(4), np.ones(4), (load,)),
        Household(np.zeros(4), np.ones(4), (battery, load, battery)),
    ]
    population = Population.from_households(households, step_hours=1.0)
    assert population.devices == ("flexible load", "battery", "battery 2")
    capacity = np.asarray(population.types.storage.state_upper).max(axis=-1)
    np.testing.assert_array_equal(capacity, [[1, 0, 0], [1, 5, 5]])


def test_discount_counts_days():
    household = Household(np.zeros(48), np.ones(48))
    population = Population.from_households([household], step_hours=1.0, discount_per_day=0.9)
    discount = np.asarray(population.types.discount)
    np.testing.assert_allclose(discount, np.repeat([1.0, 0.9], 24))
    assert population.days == 2.0
