"""Consumption around a habit, such as heating and cooling, that may be shed or brought forward."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from mfgamm.meanfield.axis import Axis
from mfgamm.meanfield.device import AbstractDevice, optional
from mfgamm.meanfield.energy_storage import stored_power
from mfgamm.meanfield.scheme import AbstractScheme
from mfgamm.meanfield.semi_lagrangian import SemiLagrangian


class ControllableLoad(AbstractDevice):
    """A load that follows its habit unless told otherwise (GMFG paper, eq. 2: y_c, u_c, P_c).

    Its state is the energy consumed beyond the habit so far, kWh, negative where it is behind; the
    habit itself belongs to the household's base load. Being ahead or behind is uncomfortable.

    Attributes:
        axis: a lattice around zero, kWh.
        rated: P_c, power more or less than the habit at level 1, kW.
        discomfort: €/kWh² per hour: being a kWh ahead or behind for an hour costs this much.
        forgetting: rate at which what is ahead or behind fades, as a building's warmth does, 1/h.
        terminal_value: worth of a kWh that it is ahead at the end, €/kWh; what is behind costs as
            much.
        levels: −1 to shed, 1 to bring forward.
        intensity: of noise, kWh per √hour; None for none.
        scheme: of the discretisation.

    Raises:
        InvalidInput: if a value is outside its range.
    """

    axis: Axis
    rated: Float[Array, ""] = eqx.field(converter=jnp.asarray)
    discomfort: Float[Array, ""] = eqx.field(converter=jnp.asarray)
    forgetting: Float[Array, ""] = eqx.field(converter=jnp.asarray, default=0.0)
    terminal_value: Float[Array, ""] = eqx.field(converter=jnp.asarray, default=0.0)
    levels: Float[Array, " level"] = eqx.field(converter=jnp.asarray, default=(-1.0, 0.0, 1.0))
    intensity: Float[Array, ""] | None = eqx.field(converter=optional, default=None)
    scheme: AbstractScheme = eqx.field(default_factory=SemiLagrangian)

    def __check_init__(self):
        for name in ("rated", "discomfort", "forgetting", "intensity"):
            self.require(name)
        self.require("terminal_value", -jnp.inf)
        self.require("levels", -1.0, 1.0)

    def power(self, now, x, level):
        return stored_power(self.axis, x, level * self.rated, 1.0, now.hours)[0]

    def drift(self, now, x, level):
        return self.power(now, x, level) - self.forgetting * x

    def cost(self, now, x, level):
        return self.discomfort * x**2

    def terminal_cost(self, x):
        return -self.terminal_value * x
