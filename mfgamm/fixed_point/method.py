"""What every method for fixed points is: a start, and steps from state to state."""

from abc import abstractmethod
from collections.abc import Callable

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from mfgamm.core import InvalidInput, concrete

Vector = Float[Array, " unknown"]
VectorMap = Callable[[Vector], Vector]


class SearchState(eqx.Module):
    """Where a search stands.

    Attributes:
        point: x.
        residual: F(x) − x.
        stuck: whether no further step exists.
    """

    point: Vector
    residual: Vector
    stuck: Bool[Array, ""]


class AbstractMethod(eqx.Module):
    """A way to look for x = F(x), one step at a time, on vectors.

    Attributes:
        tolerance: on the largest residual, in the unit of x.
        max_iterations: steps after which to give up (static).

    Raises:
        InvalidInput: if the tolerance is not positive, or no step is allowed.
    """

    tolerance: eqx.AbstractVar[Float[Array, ""]]
    max_iterations: eqx.AbstractVar[int]

    def __check_init__(self):
        require_range("method.tolerance", self.tolerance, "must be positive", above=0.0)
        if self.max_iterations < 1:
            raise InvalidInput("method.max_iterations", self.max_iterations, "must be at least 1")

    @abstractmethod
    def init(self, function: VectorMap, start: Vector) -> SearchState:
        """The state at the start; it evaluates the map once."""

    @abstractmethod
    def advance(self, function: VectorMap, state: SearchState) -> SearchState:
        """One step."""


def begin(function: VectorMap, start: Vector) -> SearchState:
    """The state of a method that remembers nothing."""
    return SearchState(start, function(start) - start, jnp.asarray(False))


def magnitude(residual: Vector) -> Float[Array, ""]:
    """Largest entry, and infinity where one is not finite."""
    largest = jnp.max(jnp.abs(residual), initial=0.0)
    return jnp.where(jnp.isfinite(largest), largest, jnp.inf)


def require_range(
    field: str,
    value: Float[Array, ""],
    remedy: str,
    *,
    above: float,
    up_to: float = np.inf,
) -> None:
    """Refuse a known number that is not finite or outside (above, up_to].

    Raises:
        InvalidInput: with the remedy.
    """
    number = concrete(value)
    if number is not None and not (np.isfinite(number) and above < number <= up_to):
        raise InvalidInput(field, float(number), remedy)
