"""A task, such as a washing machine's, that may wait for a good hour."""

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


class ShiftableLoad(AbstractDevice):
    """A task that runs or pauses (GMFG paper, eq. 2: y_s, u_s, P_s): its state is what was served.

    Attributes:
        axis: a lattice from nothing to the whole task, kWh.
        rated: P_s, power while it runs, kW.
        allowed: whether it may run, `[time]`, 0 or 1.
        due: energy wanted by the end of a step, kWh, `[time]`; 0 where none is.
        shortage_price: cost of a kWh that is missing then, €/kWh.
        levels: shares of the rated power; 0 to pause and 1 to run.
        intensity: of noise, kWh per √hour; None for none.
        scheme: of the discretisation.

    Raises:
        InvalidInput: if a value is outside its range, series differ in length, or more is due than
            the task holds.
    """

    axis: Axis
    rated: Float[Array, ""] = eqx.field(converter=jnp.asarray)
    allowed: Float[Array, " time"] = eqx.field(converter=lambda x: jnp.asarray(x, float))
    due: Float[Array, " time"] = eqx.field(converter=lambda x: jnp.asarray(x, float))
    shortage_price: Float[Array, ""] = eqx.field(converter=jnp.asarray, default=1.0)
    levels: Float[Array, " level"] = eqx.field(converter=jnp.asarray, default=(0.0, 1.0))
    intensity: Float[Array, ""] | None = eqx.field(converter=optional, default=None)
    scheme: AbstractScheme = eqx.field(default_factory=SemiLagrangian)

    def __check_init__(self):
        for name in ("rated", "shortage_price", "intensity"):
            self.require(name)
        for name in ("allowed", "levels"):
            self.require(name, 0.0, 1.0)
        if self.due.shape != self.allowed.shape:
            raise InvalidInput(
                "ShiftableLoad.due",
                f"{self.due.shape} steps",
                f"must have the length of allowed, {self.allowed.shape}",
            )
        whole = concrete(self.axis.points[-1])
        self.require("due", 0.0, np.inf if whole is None else float(whole) * (1 + 1e-6))

    def power(self, now, x, level):
        asked = level * self.rated * self.allowed[now.step]
        return stored_power(self.axis, x, asked, 1.0, now.hours)[0]

    def drift(self, now, x, level):
        return self.power(now, x, level)

    def cost(self, now, x, level):
        after = x + now.hours * self.drift(now, x, level)
        missing = jnp.maximum(self.due[now.step] - after, 0)
        return self.shortage_price * missing / now.hours
