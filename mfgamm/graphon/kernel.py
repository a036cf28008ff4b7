"""What every graphon is: how strongly any two households of a continuum are coupled."""

import abc
from collections.abc import Callable

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax.tree_util import Partial
from jaxtyping import Array, Float

from mfgamm.core import InvalidInput, concrete


class AbstractKernel(eqx.Module):
    """A symmetric function W(x, y) of two points of [0, 1], with values in [0, 1].

    Points are labels of households; W(x, y) weighs what y exchanges as x sees it (GMFG paper,
    §3.2, eq. 14). Kernels broadcast their two arguments against each other, and are
    differentiable in their parameters.
    """

    @abc.abstractmethod
    def __call__(
        self, x: Float[Array, "*#batch"], y: Float[Array, "*#batch"]
    ) -> Float[Array, "*batch"]:
        """The weight W(x, y), dimensionless."""


class AbstractSeparableKernel(AbstractKernel):
    """A kernel of rank one, W(x, y) = scale·f(x)·f(y).

    Its operator has one eigenvalue that is not zero, scale·∫f², and costs as much as a sum
    (`SeparableAggregate`).
    """

    @property
    @abc.abstractmethod
    def scale(self) -> Float[Array, ""]:
        """The number in front, dimensionless."""

    @abc.abstractmethod
    def factor(self, x: Float[Array, "*batch"]) -> Float[Array, "*batch"]:
        """What one end contributes, f(x), dimensionless."""

    def __call__(
        self, x: Float[Array, "*#batch"], y: Float[Array, "*#batch"]
    ) -> Float[Array, "*batch"]:
        return self.scale * self.factor(x) * self.factor(y)


def as_tree(function: Callable) -> Callable:
    """The function as a pytree, so that modules which hold it pass through `jit` and `grad`."""
    if isinstance(function, eqx.Module) and callable(function):
        return function
    return Partial(function)


class FunctionKernel(AbstractKernel):
    """Any function of two points.

    Attributes:
        function: `(x, y) -> weight` of arrays that broadcast. Its parameters are differentiable
            if it is an `eqx.Module`, or a `jax.tree_util.Partial` that binds them.

    Raises:
        InvalidInput: if it is not symmetric, or leaves [0, 1], on a grid of 33 × 33 points (not
            checked while its parameters are traced).
    """

    function: Callable = eqx.field(converter=as_tree)

    def __check_init__(self):
        require_symmetric_function("function", self.function)

    def __call__(
        self, x: Float[Array, "*#batch"], y: Float[Array, "*#batch"]
    ) -> Float[Array, "*batch"]:
        shape = jnp.broadcast_shapes(x.shape, y.shape)
        return jnp.broadcast_to(jnp.asarray(self.function(x, y), dtype=float), shape)


def require_symmetric_function(field: str, function: Callable) -> None:
    """Refuse a function of two points that is no kernel, as seen on a grid of 33 × 33 points.

    Raises:
        InvalidInput: as `require_weights`; nothing is checked while parameters are traced.
    """
    points = jnp.linspace(0.0, 1.0, 33)
    values = concrete(jnp.asarray(function(points[:, None], points[None, :]), dtype=float))
    if values is not None:
        require_weights(field, np.broadcast_to(values, (33, 33)))


def require_weights(field: str, weights: np.ndarray) -> None:
    """Refuse a matrix that is not symmetric, or has entries outside [0, 1].

    Both are forgiven to rounding.

    Raises:
        InvalidInput: naming the worst entry.
    """
    slack = 100 * np.finfo(weights.dtype).eps
    if not np.all(np.isfinite(weights)):
        raise InvalidInput(field, "nan or inf", "every weight must be a finite number")
    outside = np.maximum(-weights, weights - 1)
    if outside.max() > slack:
        raise InvalidInput(
            f"{field}{_position(outside)}",
            float(weights.ravel()[outside.argmax()]),
            "weights must lie in [0, 1]; divide by the largest",
        )
    skew = np.abs(weights - weights.T)
    if skew.max() > slack:
        row, column = np.unravel_index(int(skew.argmax()), skew.shape)
        raise InvalidInput(
            f"{field}{_position(skew)}",
            float(weights[row, column]),
            f"differs from its mirror image {weights[column, row]:g}: weights must be symmetric; "
            "average the matrix with its transpose",
        )


def _position(array: np.ndarray) -> str:
    return str([int(index) for index in np.unravel_index(int(array.argmax()), array.shape)])
