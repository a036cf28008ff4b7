"""What weather and habits add to a forecast: a random deviation that nobody controls."""

import equinox as eqx
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Float

from mfgamm.meanfield.axis import Axis
from mfgamm.meanfield.device import AbstractDevice
from mfgamm.meanfield.generator import ScharfetterGummel
from mfgamm.meanfield.scheme import AbstractScheme


class Deviation(AbstractDevice):
    """An Ornstein–Uhlenbeck process between reflecting walls (GMFG paper, eqs. 1 and 2).

        dX = reversion·(mean − X)·dt + volatility·dW

    Without reversion it is a Brownian motion. X is drawn power beyond the forecast: positive for
    load, so that a deviation of generation enters with its sign turned.

    Attributes:
        axis: cells between the walls, kW.
        reversion: 1/hour, at least 0.
        intensity: volatility, kW per √hour.
        mean: kW.
        scheme: of the discretisation.

    Raises:
        InvalidInput: if a rate is negative.
    """

    axis: Axis
    reversion: Float[Array, ""] = eqx.field(converter=jnp.asarray)
    intensity: Float[Array, ""] = eqx.field(converter=jnp.asarray)
    mean: Float[Array, ""] = eqx.field(converter=jnp.asarray, default=0.0)
    scheme: AbstractScheme = eqx.field(default_factory=ScharfetterGummel)
    levels: Float[Array, " level"] | None = None

    def __check_init__(self):
        self.require("reversion")
        self.require("intensity")

    @classmethod
    def stationary(
        cls, deviation: ArrayLike, correlation_hours: ArrayLike, cells: int, width: ArrayLike = 3.0
    ) -> "Deviation":
        """The process with a given standard deviation, kW, and time of correlation, hours.

        Args:
            deviation: standard deviation that it would settle to without walls, kW.
            correlation_hours: after which correlation has fallen to 1/e.
            cells: of the axis.
            width: where the walls are, in standard deviations.
        """
        reversion = 1.0 / jnp.asarray(correlation_hours)
        wall = jnp.asarray(width) * deviation
        axis = Axis.cells(-wall, wall, cells)
        return cls(axis=axis, reversion=reversion, intensity=deviation * jnp.sqrt(2 * reversion))

    def drift(self, now, x, level):
        return self.reversion * (self.mean - x)

    def power(self, now, x, level):
        return x
