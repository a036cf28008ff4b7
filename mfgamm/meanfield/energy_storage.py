"""A stationary battery."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from mfgamm.core import safe_divide
from mfgamm.meanfield.axis import Axis
from mfgamm.meanfield.device import AbstractDevice, optional
from mfgamm.meanfield.scheme import AbstractScheme
from mfgamm.meanfield.semi_lagrangian import SemiLagrangian

# An option beyond the levels: charge with what the household has left over.
SURPLUS = 2.0


def stored_power(axis: Axis, x, asked, one_way, hours):
    """Power at the meter, kW, that the store can take or give within a step, and what it stores.

    At full and empty the power is cut, not only the energy, so that energy balances.

    Args:
        axis: of the energy stored, kWh.
        x: energy stored, kWh.
        asked: power, kW, negative to discharge.
        one_way: efficiency of charging and of discharging.
        hours: length of the step.
    """
    full, empty = axis.first + axis.spacing * (axis.count - 1), axis.first
    charge = jnp.minimum(jnp.maximum(asked, 0), (full - x) / (one_way * hours))
    discharge = jnp.minimum(jnp.maximum(-asked, 0), (x - empty) * one_way / hours)
    return charge - discharge, one_way * charge - discharge / one_way


class EnergyStorage(AbstractDevice):
    """A battery (GMFG paper, eqs. 3, 5, 6, 9, 10). Its state is the energy stored, kWh.

    Attributes:
        axis: a lattice from the least to the most energy, kWh. Where the energy of a step is a
            multiple of its spacing interpolation spreads nothing.
        rated: power at level 1, kW.
        levels: shares of the rated power, −1 to discharge and 1 to charge.
        round_trip_efficiency: energy out per energy in, in (0, 1].
        wear: cost of a kWh through the meter, either way, €/kWh.
        terminal_value: worth of a kWh left at the end, €/kWh.
        terminal_target: energy, kWh, beyond which what is left is worth nothing.
        intensity: of noise of the energy stored, kWh per √hour; energy is then kept on average
            only, away from full and empty. None for none.
        surplus_first: whether it may also charge with just what the household has left over
            (eq. 5), after the devices listed before it (static). Its motion then depends on
            theirs, and costs more to compute.
        scheme: of the discretisation.

    Raises:
        InvalidInput: if a value is outside its range.
    """

    axis: Axis
    rated: Float[Array, ""] = eqx.field(converter=jnp.asarray)
    levels: Float[Array, " level"] = eqx.field(converter=jnp.asarray, default=(-1.0, 0.0, 1.0))
    round_trip_efficiency: Float[Array, ""] = eqx.field(converter=jnp.asarray, default=0.9)
    wear: Float[Array, ""] = eqx.field(converter=jnp.asarray, default=0.0)
    terminal_value: Float[Array, ""] = eqx.field(converter=jnp.asarray, default=0.0)
    terminal_target: Float[Array, ""] = eqx.field(converter=jnp.asarray, default=np.inf)
    intensity: Float[Array, ""] | None = eqx.field(converter=optional, default=None)
    surplus_first: bool = eqx.field(static=True, default=False)
    scheme: AbstractScheme = eqx.field(default_factory=SemiLagrangian)

    def __check_init__(self):
        self.require("rated")
        self.require("levels", -1.0, 1.0)
        self.require("round_trip_efficiency", 0.0, 1.0, strict=True)
        self.require("wear")
        self.require("terminal_value", -jnp.inf)
        self.require("terminal_target", finite=False)
        self.require("intensity")

    @property
    def looks_at_others(self):
        return self.surplus_first

    @property
    def options(self):
        if not self.surplus_first:
            return self.levels
        return jnp.append(self.levels, jnp.asarray(SURPLUS, self.levels.dtype))

    def level(self, option, drawn):
        if not self.surplus_first:
            return option
        left = safe_divide(jnp.maximum(-drawn, 0), self.rated, 0.0)
        return jnp.where(option == SURPLUS, jnp.minimum(left, 1), option)

    def _flow(self, now, x, level):
        one_way = jnp.sqrt(self.round_trip_efficiency)
        return stored_power(self.axis, x, level * self.rated, one_way, now.hours)

    def power(self, now, x, level):
        return self._flow(now, x, level)[0]

    def drift(self, now, x, level):
        return self._flow(now, x, level)[1]

    def cost(self, now, x, level):
        return self.wear * jnp.abs(self.power(now, x, level))

    def terminal_cost(self, x):
        return -self.terminal_value * jnp.minimum(x, self.terminal_target)
