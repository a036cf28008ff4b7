"""What every device of a stochastic household is: one state variable, a power, perhaps a choice."""

from abc import abstractmethod

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from mfgamm.core import InvalidInput, concrete
from mfgamm.meanfield.axis import Axis
from mfgamm.meanfield.model import Moment
from mfgamm.meanfield.scheme import AbstractScheme

Field = Float[Array, "..."]


class AbstractDevice(eqx.Module):
    """A device with one state variable x on an axis of its own.

    Attributes:
        axis: of its state.
        scheme: how its motion is discretised.
        levels: what may be chosen, or None if nothing.
        intensity: of its noise, unit of the state per √hour; None where nothing is random.
    """

    axis: eqx.AbstractVar[Axis]
    scheme: eqx.AbstractVar[AbstractScheme]
    levels: eqx.AbstractVar[Float[Array, " level"] | None]
    intensity: eqx.AbstractVar[Float[Array, ""] | None]

    @abstractmethod
    def drift(self, now: Moment, x: Field, level: Field) -> Field:
        """How fast the state changes, its unit per hour."""

    @abstractmethod
    def power(self, now: Moment, x: Field, level: Field) -> Field:
        """What the device draws from the household, kW; negative if it feeds in."""

    def volatility(self, now: Moment, x: Field) -> Field | None:
        """Intensity of its noise, unit per √hour; None if it has none."""
        del now
        return None if self.intensity is None else self.intensity * jnp.ones_like(x)

    def cost(self, now: Moment, x: Field, level: Field) -> Field:
        """What its use costs besides energy, € per hour."""
        del now, level
        return jnp.zeros((), x.dtype)

    def terminal_cost(self, x: Field) -> Field:
        """Cost of the state that is left at the end, €."""
        return jnp.zeros((), x.dtype)

    @property
    def looks_at_others(self) -> bool:
        """Whether its level, and so its motion, depends on what devices before it draw."""
        return False

    @property
    def options(self) -> Float[Array, " level"] | None:
        """What a decision is made among: the levels, unless a device knows of more."""
        return self.levels

    def level(self, option: Field, drawn: Field) -> Field:
        """The level that an option comes to.

        Args:
            option: chosen.
            drawn: by the household without this device and those after it, kW.
        """
        del drawn
        return option

    def require(
        self,
        name: str,
        low: float = 0.0,
        high: float = np.inf,
        *,
        strict: bool = False,
        finite: bool = True,
    ) -> None:
        """Refuse a parameter that is known to lie outside [low, high], or at `low` if strict.

        Raises:
            InvalidInput: with the range.
        """
        given = getattr(self, name)
        known = None if given is None else concrete(given)
        if known is None:
            return
        missing = ~np.isfinite(known) if finite else np.isnan(known)
        bad = missing | (known < low) | (known > high) | (strict & (known == low))
        if np.any(bad):
            span = f"{'(' if strict else '['}{low:g}, {high:g}]"
            value = float(np.asarray(known)[bad].ravel()[0])
            raise InvalidInput(f"{type(self).__name__}.{name}", value, f"must be in {span}")


def optional(given):
    """An array, or None: for parameters that may be left out."""
    return None if given is None else jnp.asarray(given)
