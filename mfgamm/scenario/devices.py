"""A household's devices, drawn from the tables of its category."""

import numpy as np
from jaxtyping import Bool, Float

from mfgamm.prosumer import Battery, FlexibleLoad, ThermalStorage, Vehicle
from mfgamm.prosumer.virtual_battery import AbstractDevice
from mfgamm.scenario.calendar import Calendar
from mfgamm.scenario.random_streams import stream
from mfgamm.scenario.schema import (
    BatteryTable,
    CategoryTable,
    HeatPumpTable,
    PopulationTable,
    StorageTable,
    VehicleTable,
)

COLDEST_HOUR = 5.0


def draw_devices(
    category: CategoryTable, calendar: Calendar, name: str, seed: int
) -> tuple[AbstractDevice, ...]:
    """The devices of the household called `name`, each from a random stream of its own."""
    devices = []
    for table in (category.battery, category.vehicle, category.heat_pump):
        if table is None:
            continue
        random = stream(seed, "device", type(table).__name__, name)
        if random.random() < table.share:
            devices.append(draw_device(table, calendar, random))
    return tuple(devices)


def draw_device(
    table: BatteryTable | VehicleTable | HeatPumpTable,
    calendar: Calendar,
    random: np.random.Generator,
) -> AbstractDevice:
    match table:
        case BatteryTable():
            return draw_battery(table, random)
        case VehicleTable():
            return draw_vehicle(table, calendar, random)
        case HeatPumpTable():
            return draw_heat_pump(table, calendar, random)


def draw_battery(table: BatteryTable, random: np.random.Generator) -> Battery:
    capacity, initial = _charge(table, random)
    return Battery(
        capacity=capacity,
        power=table.power_kw.draw(random),
        initial=initial,
        round_trip_efficiency=table.round_trip_efficiency.draw(random),
        terminal_minimum=_terminal(table, initial),
        terminal_value=table.terminal_value,
    )


def draw_vehicle(table: VehicleTable, calendar: Calendar, random: np.random.Generator) -> Vehicle:
    """A car that leaves and returns at the same hours every day; driving is spread evenly."""
    capacity, initial = _charge(table, random)
    departure, arrival = table.departure_hour.draw(random), table.arrival_hour.draw(random)
    away = _steps_away(calendar, departure, arrival)
    per_step = table.trip_kwh.draw(random) / np.bincount(calendar.day[away])
    before_departure = np.append(~away[:-1] & away[1:], False)
    return Vehicle(
        capacity=capacity,
        power=table.power_kw.draw(random),
        available=~away,
        initial=initial,
        departure_energy=np.where(before_departure, table.departure_share.draw(random), 0)
        * capacity,
        trip_use=np.where(away, per_step[calendar.day], 0.0),
        round_trip_efficiency=table.round_trip_efficiency.draw(random),
        discharge_power=table.discharge_power_kw.draw(random),
        terminal_minimum=_terminal(table, initial),
        terminal_value=table.terminal_value,
    )


def _steps_away(calendar: Calendar, departure: float, arrival: float) -> Bool[np.ndarray, " time"]:
    """From departure to arrival, rounded to steps, but never less than one step of a day."""
    half_step = calendar.step_hours / 2
    away = (calendar.hour >= departure - half_step) & (calendar.hour < arrival - half_step)
    for start, stop in calendar.day_windows:
        nearest = start + int(np.argmin(np.abs(calendar.hour[start:stop] - departure)))
        away[nearest] |= not away[start:stop].any()
    return away


def draw_heat_pump(
    table: HeatPumpTable, calendar: Calendar, random: np.random.Generator
) -> ThermalStorage:
    """A heat pump whose demand swings with the cold of the night."""
    capacity, initial = _charge(table, random)
    swing = table.night_excess * np.cos(2 * np.pi * (calendar.hour - COLDEST_HOUR) / 24)
    return ThermalStorage(
        capacity=capacity,
        power=table.power_kw.draw(random),
        coefficient_of_performance=table.coefficient_of_performance.draw(random),
        demand=table.heat_demand_kw.draw(random) * (1 + swing),
        retention_per_hour=table.retention_per_hour.draw(random),
        initial=initial,
        terminal_minimum=_terminal(table, initial),
        terminal_value=table.terminal_value,
    )


def flexible_loads(
    population: PopulationTable, calendar: Calendar, load: Float[np.ndarray, " time"]
) -> tuple[FlexibleLoad, ...]:
    """The share of a household's consumption that may move within each local day, if any may."""
    if population.flexible_share == 0:
        return ()
    windows = calendar.day_windows
    daily = [load[start:stop].sum() * calendar.step_hours for start, stop in windows]
    moved = FlexibleLoad(
        energy=population.flexible_share * np.asarray(daily),
        power=population.flexible_power_kw,
        windows=windows,
    )
    return (moved,)


def _charge(table: StorageTable, random: np.random.Generator) -> tuple[float, float]:
    """Capacity and energy stored at the beginning, kWh."""
    capacity = table.capacity_kwh.draw(random)
    return capacity, table.initial_share.draw(random) * capacity


def _terminal(table: StorageTable, initial: float) -> float | None:
    match table.terminal:
        case "initial":
            return initial
        case "free":
            return None
        case minimum:
            return minimum
