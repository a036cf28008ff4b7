"""A stationary battery."""

from typing import ClassVar

import numpy as np

from mfgamm.core import InvalidInput, Number
from mfgamm.prosumer.virtual_battery import AbstractDevice, VirtualBattery, state_bounds


class Battery(AbstractDevice):
    """A stationary battery (AMM paper, "Best-Response Linear Program": b, B, K).

    Attributes:
        capacity: usable energy, kWh.
        power: limit on charging and on discharging, kW.
        initial: energy stored at the start, kWh.
        round_trip_efficiency: energy out per energy in, in (0, 1]; split evenly between both ways.
        terminal_minimum: least energy stored at the end, kWh; None leaves it free.
        terminal_value: worth of a kWh left at the end, €/kWh.

    Raises:
        InvalidInput: if a value is outside its range.
    """

    capacity: Number
    power: Number
    initial: Number = 0.0
    round_trip_efficiency: Number = 0.9
    terminal_minimum: Number | None = None
    terminal_value: Number = 0.0

    kind: ClassVar[str] = "battery"

    def __check_init__(self):
        self._check("capacity", self.capacity, 0, np.inf, "kWh")
        self._check("power", self.power, 0, np.inf, "kW")
        self._check("initial", self.initial, 0, self.capacity, "kWh (its capacity)")
        self._check("round_trip_efficiency", self.round_trip_efficiency, 0, 1, "")
        self._check("terminal_value", self.terminal_value, -np.inf, np.inf, "€/kWh")
        if self.round_trip_efficiency == 0:
            raise InvalidInput("battery.round_trip_efficiency", 0.0, "must be above 0")
        if self.terminal_minimum is not None:
            self._check("terminal_minimum", self.terminal_minimum, 0, self.capacity, "kWh")

    def virtual_battery(self, steps: int, step_hours: Number) -> VirtualBattery:
        one_way = np.sqrt(self.round_trip_efficiency)
        lower, upper = state_bounds(steps, self.capacity, self.terminal_minimum)
        return VirtualBattery(
            charge_limit=np.full(steps, float(self.power)),
            discharge_limit=np.full(steps, float(self.power)),
            state_lower=lower,
            state_upper=upper,
            use=np.zeros(steps),
            charge_gain=one_way * step_hours,
            discharge_gain=step_hours / one_way,
            retention=1.0,
            initial=self.initial,
            terminal_value=self.terminal_value,
        )
