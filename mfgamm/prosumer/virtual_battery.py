"""Every flexible device is a virtual battery: two flows, one state, bounds that vary in time."""

import dataclasses
from abc import abstractmethod
from typing import ClassVar

import equinox as eqx
import numpy as np

from mfgamm.core import InvalidInput, Number

Series = np.ndarray


@dataclasses.dataclass(frozen=True)
class VirtualBattery:
    """What a device means to the household's program, on a given time grid.

        stateₜ = retention·stateₜ₋₁ + charge_gain·chargeₜ − discharge_gain·dischargeₜ − useₜ

    Attributes:
        charge_limit: largest inflow, kW, `[time]`.
        discharge_limit: largest outflow, kW, `[time]`.
        state_lower, state_upper: bounds on the state at the end of each step, kWh, `[time]`.
        use: energy drawn from the state by the device's own purpose, kWh per step, `[time]`.
        charge_gain: kWh stored per kW of inflow over a step (efficiency × step).
        discharge_gain: kWh drawn per kW of outflow over a step (step / efficiency).
        retention: share of the state that is left a step later.
        initial: state before the first step, kWh.
        terminal_value: worth of a kWh left at the end, €/kWh.
    """

    charge_limit: Series
    discharge_limit: Series
    state_lower: Series
    state_upper: Series
    use: Series
    charge_gain: Number
    discharge_gain: Number
    retention: Number
    initial: Number
    terminal_value: Number


class AbstractDevice(eqx.Module):
    """A flexible device of a household."""

    kind: ClassVar[str]

    @abstractmethod
    def virtual_battery(self, steps: int, step_hours: Number) -> VirtualBattery:
        """The device on a grid of `steps` steps of `step_hours` hours.

        Raises:
            InvalidInput: if one of the device's series does not fit the grid.
        """

    @classmethod
    def _check(cls, name: str, value, low: Number, high: Number, unit: str) -> None:
        array = np.asarray(value, float)
        if not (np.all(np.isfinite(array)) and np.all(array >= low) and np.all(array <= high)):
            limit = f"at least {low:g}" if np.isinf(high) else f"within [{low:g}, {high:g}]"
            shown = float(array) if array.ndim == 0 else f"{array.min():g} … {array.max():g}"
            raise InvalidInput(f"{cls.kind}.{name}", shown, f"must be {limit} {unit}".rstrip())

    @classmethod
    def _check_efficiency(cls, name: str, value: Number) -> None:
        cls._check(name, value, 0, 1, "")
        if value == 0:
            raise InvalidInput(f"{cls.kind}.{name}", value, "must be above 0")

    @classmethod
    def _series(cls, name: str, value, steps: int) -> Series:
        array = np.asarray(value, float)
        if array.ndim == 0:
            return np.full(steps, float(array))
        if array.shape != (steps,):
            raise InvalidInput(
                f"{cls.kind}.{name}", f"shape {array.shape}", f"must have {steps} steps"
            )
        return array


class AbstractStore(AbstractDevice):
    """A device with a capacity and an energy content of its own."""

    capacity: eqx.AbstractVar[Number]
    power: eqx.AbstractVar[Number]
    initial: eqx.AbstractVar[Number]
    terminal_minimum: eqx.AbstractVar[Number | None]
    terminal_value: eqx.AbstractVar[Number]

    def _check_store(self) -> None:
        self._check("capacity", self.capacity, 0, np.inf, "kWh")
        self._check("power", self.power, 0, np.inf, "kW")
        self._check("initial", self.initial, 0, self.capacity, "kWh (its capacity)")
        self._check("terminal_value", self.terminal_value, -np.inf, np.inf, "€/kWh")
        if self.terminal_minimum is not None:
            self._check("terminal_minimum", self.terminal_minimum, 0, self.capacity, "kWh")

    def _state_bounds(self, steps: int) -> tuple[Series, Series]:
        """Bounds [0, capacity] with a floor on the last state."""
        lower, upper = np.zeros(steps), np.full(steps, float(self.capacity))
        if self.terminal_minimum is not None:
            lower[-1] = self.terminal_minimum
        return lower, upper
