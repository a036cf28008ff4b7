"""One household: what it produces, what it must consume, and its flexible devices."""

import equinox as eqx
import numpy as np

from mfgamm.core import InvalidInput, Number
from mfgamm.prosumer.virtual_battery import AbstractDevice


class Household(eqx.Module):
    """A prosumer (AMM paper, "Prosumer model").

    Attributes:
        generation: production before curtailment, kW, `[time]` (paper: ω).
        base_load: inflexible consumption, kW, `[time]` (paper: α^base).
        devices: flexible devices.
        trade_limit: of the connection, kW sold or bought (paper: X).
        curtailable: whether production may be turned down.
        name, category: labels for reports and errors.

    Raises:
        InvalidInput: if a series is negative, not finite, or of another length.
    """

    generation: np.ndarray = eqx.field(converter=lambda x: np.asarray(x, float))
    base_load: np.ndarray = eqx.field(converter=lambda x: np.asarray(x, float))
    devices: tuple[AbstractDevice, ...] = ()
    trade_limit: Number = 10.0
    curtailable: bool = False
    name: str = "household"
    category: str = "household"

    def __check_init__(self):
        for field in ("generation", "base_load"):
            series = getattr(self, field)
            if series.ndim != 1 or series.size == 0:
                raise InvalidInput(
                    f"{self.name}.{field}", f"shape {series.shape}", "must be one series over time"
                )
            if not np.all(np.isfinite(series)):
                step = int(np.argmin(np.isfinite(series)))
                raise InvalidInput(
                    f"{self.name}.{field}", f"missing at step {step}", "must be finite"
                )
            if np.any(series < 0):
                step = int(np.argmin(series))
                raise InvalidInput(
                    f"{self.name}.{field}", f"{series[step]:g} kW at step {step}", "must be ≥ 0"
                )
        if self.generation.shape != self.base_load.shape:
            raise InvalidInput(
                f"{self.name}.base_load",
                f"{self.base_load.size} steps",
                f"must have as many steps as generation, {self.generation.size}",
            )
        if not (np.isfinite(self.trade_limit) and self.trade_limit >= 0):
            raise InvalidInput(
                f"{self.name}.trade_limit", self.trade_limit, "must be a finite number of kW, ≥ 0"
            )
