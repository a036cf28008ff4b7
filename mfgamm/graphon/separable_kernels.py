"""Kernels of rank one: everybody alike, hubs in proportion, hubs by a power law."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from mfgamm.graphon.kernel import AbstractSeparableKernel
from mfgamm.graphon.parameter import as_number, require_number


class Constant(AbstractSeparableKernel):
    """Everybody is coupled to everybody alike, W ≡ value: the Erdős–Rényi graph's limit.

    With value 1 a graphon game is an ordinary mean field game. One eigenvalue, value.

    Attributes:
        value: in [0, 1].

    Raises:
        InvalidInput: if it lies outside.
    """

    value: Float[Array, ""] = eqx.field(converter=as_number)

    def __check_init__(self):
        require_number("constant.value", self.value, "a weight lies in [0, 1]", high=1.0)

    @property
    def scale(self) -> Float[Array, ""]:
        return self.value

    def factor(self, x: Float[Array, "*batch"]) -> Float[Array, "*batch"]:
        return jnp.ones_like(x)


class Product(AbstractSeparableKernel):
    """W(x, y) = x·y: households near 1 are hubs. One eigenvalue, 1/3."""

    @property
    def scale(self) -> Float[Array, ""]:
        return as_number(1)

    def factor(self, x: Float[Array, "*batch"]) -> Float[Array, "*batch"]:
        return x


class PowerLaw(AbstractSeparableKernel):
    """W(x, y) = [(1 + x/hub)·(1 + y/hub)]^(−exponent): a few hubs near 0, and a long tail.

    Beyond x = hub the expected degree falls like x^(−exponent), so that the number of households
    of degree above k falls like k^(−1/exponent). The shift (Mandelbrot's, of Zipf's law) bounds
    by one what a pure power law would let grow without end; hence no weight is cut off.

    Attributes:
        exponent: β ≥ 0; zero couples everybody alike.
        hub: share of the households that are hubs, positive.

    Raises:
        InvalidInput: if the exponent is negative or the hub's share not positive.
    """

    exponent: Float[Array, ""] = eqx.field(converter=as_number)
    hub: Float[Array, ""] = eqx.field(converter=as_number, default=0.01)

    def __check_init__(self):
        require_number("power_law.exponent", self.exponent, "must be finite and ≥ 0")
        require_number("power_law.hub", self.hub, "must be finite and positive", strict=True)

    @property
    def scale(self) -> Float[Array, ""]:
        return as_number(1)

    def factor(self, x: Float[Array, "*batch"]) -> Float[Array, "*batch"]:
        return (1 + x / self.hub) ** -self.exponent
