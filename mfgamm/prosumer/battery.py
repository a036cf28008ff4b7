"""A stationary battery."""

from typing import ClassVar

import numpy as np

from mfgamm.core import Number
from mfgamm.prosumer.virtual_battery import AbstractStore, VirtualBattery


class Battery(AbstractStore):
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
        self._check_store()
        self._check_efficiency("round_trip_efficiency", self.round_trip_efficiency)

    def virtual_battery(self, steps: int, step_hours: Number) -> VirtualBattery:
        one_way = np.sqrt(self.round_trip_efficiency)
        lower, upper = self._state_bounds(steps)
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
