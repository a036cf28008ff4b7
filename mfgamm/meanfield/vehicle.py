"""An electric vehicle with a schedule."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from mfgamm.core import InvalidInput, concrete
from mfgamm.meanfield.axis import Axis
from mfgamm.meanfield.device import AbstractDevice, optional
from mfgamm.meanfield.energy_storage import stored_power
from mfgamm.meanfield.scheme import AbstractScheme
from mfgamm.meanfield.semi_lagrangian import SemiLagrangian


class ElectricVehicle(AbstractDevice):
    """A car that comes and goes (GMFG paper, eqs. 4, 7, 8, 11, 12). Its state is the energy, kWh.

    Levels count while it is at home only. On the road it drives on what it has; what is missing is
    bought there.

    Attributes:
        axis: a lattice from the least to the most energy, kWh.
        rated: power at level 1, kW.
        home: whether it is plugged in, `[time]`, 0 or 1.
        driving: power that driving takes, kW, `[time]`; 0 at home.
        target: energy wanted at the end of a step, kWh, `[time]`; 0 where none is.
        shortage_price: cost of a kWh that is missing then, €/kWh.
        road_price: cost of a kWh bought on the road, €/kWh.
        levels: shares of the rated power, −1 to discharge and 1 to charge.
        round_trip_efficiency: of charging and discharging at home, in (0, 1].
        terminal_value: worth of a kWh left at the end, €/kWh.
        terminal_target: energy, kWh, beyond which what is left is worth nothing.
        intensity: of noise of the energy, kWh per √hour; None for none.
        scheme: of the discretisation.

    Raises:
        InvalidInput: if a value is outside its range, series differ in length, a target exceeds
            what the battery holds, or the car drives at home.
    """

    axis: Axis
    rated: Float[Array, ""] = eqx.field(converter=jnp.asarray)
    home: Float[Array, " time"] = eqx.field(converter=lambda x: jnp.asarray(x, float))
    driving: Float[Array, " time"] = eqx.field(converter=lambda x: jnp.asarray(x, float))
    target: Float[Array, " time"] = eqx.field(converter=lambda x: jnp.asarray(x, float))
    shortage_price: Float[Array, ""] = eqx.field(converter=jnp.asarray, default=1.0)
    road_price: Float[Array, ""] = eqx.field(converter=jnp.asarray, default=0.5)
    levels: Float[Array, " level"] = eqx.field(converter=jnp.asarray, default=(-1.0, 0.0, 1.0))
    round_trip_efficiency: Float[Array, ""] = eqx.field(converter=jnp.asarray, default=0.86)
    terminal_value: Float[Array, ""] = eqx.field(converter=jnp.asarray, default=0.0)
    terminal_target: Float[Array, ""] = eqx.field(converter=jnp.asarray, default=np.inf)
    intensity: Float[Array, ""] | None = eqx.field(converter=optional, default=None)
    scheme: AbstractScheme = eqx.field(default_factory=SemiLagrangian)

    def __check_init__(self):
        for name in ("rated", "driving", "shortage_price", "road_price"):
            self.require(name)
        self.require("home", 0.0, 1.0)
        self.require("levels", -1.0, 1.0)
        self.require("round_trip_efficiency", 0.0, 1.0, strict=True)
        self.require("terminal_value", -jnp.inf)
        self.require("terminal_target", finite=False)
        self.require("intensity")
        for name in ("driving", "target"):
            if getattr(self, name).shape != self.home.shape:
                raise InvalidInput(
                    f"ElectricVehicle.{name}",
                    f"{getattr(self, name).shape} steps",
                    f"must have the length of home, {self.home.shape}",
                )
        full = concrete(self.axis.points[-1])
        self.require("target", 0.0, np.inf if full is None else float(full) * (1 + 1e-6))
        home, driving = concrete(self.home), concrete(self.driving)
        if home is not None and driving is not None and np.any((home > 0) & (driving > 0)):
            raise InvalidInput(
                "ElectricVehicle.driving", float(driving.max()), "must be 0 while it is at home"
            )

    def _flow(self, now, x, level):
        one_way = jnp.sqrt(self.round_trip_efficiency)
        asked = level * self.rated * self.home[now.step]
        return stored_power(self.axis, x, asked, one_way, now.hours)

    def driven(self, now, x):
        """Power that driving takes from the battery, kW: no more than is left."""
        return jnp.minimum(self.driving[now.step], (x - self.axis.first) / now.hours)

    def power(self, now, x, level):
        return self._flow(now, x, level)[0]

    def drift(self, now, x, level):
        return self._flow(now, x, level)[1] - self.driven(now, x)

    def cost(self, now, x, level):
        bought = self.driving[now.step] - self.driven(now, x)
        after = x + now.hours * self.drift(now, x, level)
        missing = jnp.maximum(self.target[now.step] - after, 0)
        return self.road_price * bought + self.shortage_price * missing / now.hours

    def terminal_cost(self, x):
        return -self.terminal_value * jnp.minimum(x, self.terminal_target)
