"""Consumption that must happen, but not at a given time."""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from mfgamm.core import InvalidInput, Number
from mfgamm.prosumer.virtual_battery import AbstractDevice, VirtualBattery


class FlexibleLoad(AbstractDevice):
    """Energy to be consumed within windows (AMM paper, "Power consumption constraints": α^flex).

    Its virtual battery fills as the task is served, and gives the whole task back at the end of
    the window, where it must be empty: exactly `energy` is consumed in each window.

    Attributes:
        energy: to be consumed in each window, kWh; one number, or one for each window.
        power: consumption limit, kW.
        windows: half-open step ranges (start, stop), in order, not overlapping; None is one
            window over the whole horizon.

    Raises:
        InvalidInput: if a value is outside its range or windows overlap.
    """

    energy: Number | Sequence[float] | np.ndarray
    power: Number
    windows: Sequence[tuple[int, int]] | None = None

    kind: ClassVar[str] = "flexible load"

    def __check_init__(self):
        self._check("energy", self.energy, 0, np.inf, "kWh")
        self._check("power", self.power, 0, np.inf, "kW")
        count = 1 if self.windows is None else len(self.windows)
        if np.ndim(self.energy) > 0 and np.shape(self.energy) not in ((1,), (count,)):
            raise InvalidInput(
                "flexible load.energy",
                f"{np.size(self.energy)} energies",
                f"give one number, or one for each of the {count} windows",
            )
        if self.windows is not None:
            edges = np.asarray(self.windows, int).reshape(-1)
            ordered = np.all(np.diff(edges) >= 0) and np.all(edges[1::2] > edges[::2])
            if edges.size == 0 or edges[0] < 0 or not ordered:
                raise InvalidInput(
                    "flexible load.windows",
                    list(self.windows),
                    "must be non-empty step ranges (start, stop), in order, not overlapping",
                )

    def virtual_battery(self, steps: int, step_hours: Number) -> VirtualBattery:
        windows = [(0, steps)] if self.windows is None else list(self.windows)
        if windows[-1][1] > steps:
            raise InvalidInput(
                "flexible load.windows", windows[-1], f"ends after the horizon of {steps} steps"
            )
        energies = np.broadcast_to(np.asarray(self.energy, float), (len(windows),))
        limit, upper, use = np.zeros(steps), np.zeros(steps), np.zeros(steps)
        for (start, stop), energy in zip(windows, energies, strict=True):
            limit[start:stop] = self.power
            upper[start : stop - 1] = energy
            use[stop - 1] += energy
        return VirtualBattery(
            charge_limit=limit,
            discharge_limit=np.zeros(steps),
            state_lower=np.zeros(steps),
            state_upper=upper,
            use=use,
            charge_gain=step_hours,
            discharge_gain=step_hours,
            retention=1.0,
            initial=0.0,
            terminal_value=0.0,
        )
