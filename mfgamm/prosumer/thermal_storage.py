"""A heat pump with its tank or its building: a store that leaks."""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from mfgamm.core import Number
from mfgamm.prosumer.virtual_battery import AbstractStore, VirtualBattery


class ThermalStorage(AbstractStore):
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
        self._check_store()
        self._check_efficiency("retention_per_hour", self.retention_per_hour)
        self._check("demand", self.demand, 0, np.inf, "kW of heat")
        self._check("coefficient_of_performance", self.coefficient_of_performance, 0.01, 100, "")

    def virtual_battery(self, steps: int, step_hours: Number) -> VirtualBattery:
        lower, upper = self._state_bounds(steps)
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
