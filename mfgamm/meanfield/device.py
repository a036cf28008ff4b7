"""What every device of a stochastic household is: one state variable, a power, perhaps a choice."""

from abc import abstractmethod

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from mfgamm.core import InvalidInput, concrete
from mfgamm.meanfield.axis import Axis
from mfgamm.meanfield.model import Moment, Motion
from mfgamm.meanfield.scheme import AbstractScheme

Field = Float[Array, "..."]


class AbstractDevice(eqx.Module):
    """A device with one state variable x on an axis of its own.

    Attributes:
        axis: of its state.
        scheme: how its motion is discretised.
        levels: what may be chosen, or None if nothing.
    """

    axis: eqx.AbstractVar[Axis]
    scheme: eqx.AbstractVar[AbstractScheme]
    levels: eqx.AbstractVar[Float[Array, " level"] | None]

    @abstractmethod
    def drift(self, now: Moment, x: Field, level: Field) -> Field:
        """How fast the state changes, its unit per hour."""

    @abstractmethod
    def power(self, now: Moment, x: Field, level: Field) -> Field:
        """What the device draws from the household, kW; negative if it feeds in."""

    def volatility(self, now: Moment, x: Field) -> Field | None:
        """Intensity of its noise, unit per √hour; None if it has none."""
        del now, x
        return None

    def cost(self, now: Moment, x: Field, level: Field) -> Field:
        """What its use costs besides energy, € per hour."""
        del now, level
        return jnp.zeros((), x.dtype)

    def terminal_cost(self, x: Field) -> Field:
        """Cost of the state that is left at the end, €."""
        return jnp.zeros((), x.dtype)

    @property
    def random(self) -> bool:
        """Whether its motion has noise."""
        return type(self).volatility is not AbstractDevice.volatility

    def motion(self, number: int, control: int | None) -> Motion:
        """Its motion as state variable `number`, chosen by control number `control`."""
        own = _Own(self, number, control)
        return Motion(
            axis=number,
            drift=own.drift,
            volatility=own.volatility if self.random else None,
            scheme=self.scheme,
            controlled=control is not None,
        )

    def require(
        self, name: str, low: float = 0.0, high: float = np.inf, *, strict: bool = False
    ) -> None:
        """Refuse a parameter that is known to lie outside [low, high], or at `low` if strict.

        Raises:
            InvalidInput: with the range.
        """
        known = concrete(getattr(self, name))
        if known is None:
            return
        bad = ~np.isfinite(known) | (known < low) | (known > high) | (strict & (known == low))
        if np.any(bad):
            span = f"{'(' if strict else '['}{low:g}, {high:g}]"
            value = float(np.asarray(known)[bad].ravel()[0])
            raise InvalidInput(f"{type(self).__name__}.{name}", value, f"must be in {span}")


class _Own(eqx.Module):
    """A device's functions of its own state, as functions of the whole one."""

    device: AbstractDevice
    number: int = eqx.field(static=True)
    control: int | None = eqx.field(static=True)

    def drift(self, now, state, controls=()):
        x = state[self.number]
        level = jnp.zeros((), x.dtype) if self.control is None else controls[self.control]
        return self.device.drift(now, x, level)

    def volatility(self, now, state):
        return self.device.volatility(now, state[self.number])
