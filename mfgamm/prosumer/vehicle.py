"""An electric vehicle."""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from mfgamm.core import InvalidInput, Number
from mfgamm.prosumer.virtual_battery import AbstractStore, VirtualBattery


class Vehicle(AbstractStore):
    """An electric vehicle: a battery that leaves, needs energy at departure, and drives.

    Attributes:
        capacity: usable energy, kWh.
        power: charging limit while plugged in, kW.
        available: whether it is plugged in, `[time]`.
        initial: energy at the start, kWh.
        departure_energy: least energy at the *end* of a step, kWh, `[time]`; 0 where none is asked.
        trip_use: energy that driving takes, kWh per step, `[time]`.
        round_trip_efficiency: of charging and discharging at home, in (0, 1].
        discharge_power: limit on vehicle-to-home flow, kW; 0 for a charger of one direction.
        terminal_minimum: least energy at the end, kWh; None leaves it free.
        terminal_value: worth of a kWh left at the end, €/kWh.

    Raises:
        InvalidInput: if a value is outside its range, or the car drives while plugged in.
    """

    capacity: Number
    power: Number
    available: Sequence[bool] | np.ndarray
    initial: Number
    departure_energy: Sequence[float] | np.ndarray | Number = 0.0
    trip_use: Sequence[float] | np.ndarray | Number = 0.0
    round_trip_efficiency: Number = 0.9
    discharge_power: Number = 0.0
    terminal_minimum: Number | None = None
    terminal_value: Number = 0.0

    kind: ClassVar[str] = "vehicle"

    def __check_init__(self):
        self._check_store()
        self._check_efficiency("round_trip_efficiency", self.round_trip_efficiency)
        self._check("discharge_power", self.discharge_power, 0, np.inf, "kW")
        self._check("departure_energy", self.departure_energy, 0, self.capacity, "kWh")
        self._check("trip_use", self.trip_use, 0, np.inf, "kWh")
        trips = self._series("trip_use", self.trip_use, np.size(self.available))
        if np.any((trips > 0) & np.asarray(self.available, bool)):
            raise InvalidInput(
                "vehicle.trip_use", float(trips.max()), "the car cannot drive while plugged in"
            )

    def virtual_battery(self, steps: int, step_hours: Number) -> VirtualBattery:
        available = self._series("available", self.available, steps)
        one_way = np.sqrt(self.round_trip_efficiency)
        lower, upper = self._state_bounds(steps)
        needed = self._series("departure_energy", self.departure_energy, steps)
        return VirtualBattery(
            charge_limit=self.power * available,
            discharge_limit=self.discharge_power * available,
            state_lower=np.maximum(lower, needed),
            state_upper=upper,
            use=self._series("trip_use", self.trip_use, steps),
            charge_gain=one_way * step_hours,
            discharge_gain=step_hours / one_way,
            retention=1.0,
            initial=self.initial,
            terminal_value=self.terminal_value,
        )
