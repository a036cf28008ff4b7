"""A heat pump with its tank or its building: a store that leaks."""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from mfgamm.core import InvalidInput, Number
from mfgamm.prosumer.virtual_battery import AbstractDevice, VirtualBattery, state_bounds


class ThermalStorage(AbstractDevice):
    """Heat stored above the comfort minimum, filled by a heat pump, drawn by heat demand.

    Attributes:
        capacity: heat between the comfort minimum and maximum, kWh of heat.
        power: electric power limit of the heat pump, kW.
        coefficient_of_performance: heat per electricity, at least 1 for a heat pump.
        demand: heat drawn, kW of heat, `[time]`.
        retention_per_hour: share of the stored heat left after an hour, in (0, 1].
        initial: stored at the start, kWh of heat.
        terminal_minimum: least heat at the end, kWh; None leaves it free.
        terminal_value: worth of a kWh of heat left at the end, €/kWh.

    Raises:
        InvalidInput: if a value is outside its range.
    """

    capacity: Number
    power: Number
    coefficient_of_performance: Number
    demand: Sequence[float] | np.ndarray | Number = 0.0
    retention_per_hour: Number = 0.98
    initial: Number = 0.0
    terminal_minimum: Number | None = None
    terminal_value: Number = 0.0

    kind: ClassVar[str] = "thermal storage"

    def __check_init__(self):
        self._check("capacity", self.capacity, 0, np.inf, "kWh")
        self._check("power", self.power, 0, np.inf, "kW")
        self._check("demand", self.demand, 0, np.inf, "kW of heat")
        self._check("initial", self.initial, 0, self.capacity, "kWh (its capacity)")
        self._check("terminal_value", self.terminal_value, -np.inf, np.inf, "€/kWh")
        for name in ("coefficient_of_performance", "retention_per_hour"):
            high = 1.0 if name == "retention_per_hour" else np.inf
            self._check(name, getattr(self, name), 0, high, "")
            if getattr(self, name) == 0:
                raise InvalidInput(f"thermal storage.{name}", 0.0, "must be above 0")
        if self.terminal_minimum is not None:
            self._check("terminal_minimum", self.terminal_minimum, 0, self.capacity, "kWh")

    def virtual_battery(self, steps: int, step_hours: Number) -> VirtualBattery:
        lower, upper = state_bounds(steps, self.capacity, self.terminal_minimum)
        return VirtualBattery(
            charge_limit=np.full(steps, float(self.power)),
            discharge_limit=np.zeros(steps),
            state_lower=lower,
            state_upper=upper,
            use=self._series("demand", self.demand, steps) * step_hours,
            charge_gain=self.coefficient_of_performance * step_hours,
            discharge_gain=step_hours,
            retention=self.retention_per_hour**step_hours,
            initial=self.initial,
            terminal_value=self.terminal_value,
        )
