"""State variables on equally spaced points, and their products."""

import functools
import math
from collections.abc import Sequence

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Float

from mfgamm.core import InvalidInput, concrete


class Axis(eqx.Module):
    """Equally spaced points of one state variable.

    Attributes:
        first: the lowest point, in the variable's unit.
        spacing: between neighbours, in the same unit.
        count: number of points (static).
        margin: from the outermost points to the walls, in spacings: ½ where points are centres of
            cells, 0 where they are the nodes of a lattice (static).
        ring: whether the last point's neighbour is the first (static).

    Raises:
        InvalidInput: if there are fewer than two points, or the spacing is not positive.
    """

    first: Float[Array, ""] = eqx.field(converter=jnp.asarray)
    spacing: Float[Array, ""] = eqx.field(converter=jnp.asarray)
    count: int = eqx.field(static=True)
    margin: float = eqx.field(static=True, default=0.5)
    ring: bool = eqx.field(static=True, default=False)

    def __check_init__(self):
        if self.count < 2:
            raise InvalidInput("axis.count", self.count, "must be at least 2 points")
        spacing, first = concrete(self.spacing), concrete(self.first)
        if spacing is not None and not (np.isfinite(spacing) and spacing > 0):
            raise InvalidInput(
                "axis.spacing", float(spacing), "must be positive: the upper end above the lower"
            )
        if first is not None and not np.isfinite(first):
            raise InvalidInput("axis.first", float(first), "must be finite")

    @classmethod
    def cells(cls, lower: ArrayLike, upper: ArrayLike, count: int) -> "Axis":
        """Centres of `count` cells between reflecting walls: for densities that spread."""
        spacing = (jnp.asarray(upper) - lower) / max(count, 1)
        return cls(lower + spacing / 2, spacing, count)

    @classmethod
    def lattice(cls, lower: ArrayLike, upper: ArrayLike, count: int) -> "Axis":
        """`count` nodes, both ends included: for stores, whose ends are full and empty."""
        spacing = (jnp.asarray(upper) - lower) / max(count - 1, 1)
        return cls(jnp.asarray(lower) * 1.0, spacing, count, margin=0.0)

    @classmethod
    def circle(cls, lower: ArrayLike, upper: ArrayLike, count: int) -> "Axis":
        """`count` nodes from `lower` on a circle on which `upper` is `lower` again."""
        spacing = (jnp.asarray(upper) - lower) / max(count, 1)
        return cls(jnp.asarray(lower) * 1.0, spacing, count, margin=0.0, ring=True)

    @property
    def points(self) -> Float[Array, " point"]:
        """The state variable at each point, in its unit."""
        return self.first + self.spacing * jnp.arange(self.count)


class Grid(eqx.Module):
    """A product of axes. Probabilities, not densities, live on it: they sum to one.

    Attributes:
        axes: one for each state variable.

    Raises:
        InvalidInput: if there is no axis.
    """

    axes: tuple[Axis, ...]

    def __check_init__(self):
        if not self.axes:
            raise InvalidInput("grid.axes", (), "must hold at least one axis")

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(axis.count for axis in self.axes)

    @property
    def size(self) -> int:
        """Number of states."""
        return math.prod(self.shape)

    @property
    def state(self) -> tuple[Float[Array, "..."], ...]:
        """Each state variable in a shape that broadcasts to the grid's."""
        last = len(self.axes) - 1
        return tuple(
            axis.points.reshape(-1, *(1,) * (last - position))
            for position, axis in enumerate(self.axes)
        )

    def normal(self, means: tuple[ArrayLike, ...], deviations: tuple[ArrayLike, ...]):
        """Probabilities `[*state]` of independent normal variables, confined to the grid.

        Args:
            means, deviations: of each state variable, in its unit.

        Raises:
            InvalidInput: if their number is not that of the axes, or a deviation is not positive.
        """
        self._require_one_each("means", means)
        self._require_one_each("deviations", deviations)
        if any((known := concrete(jnp.asarray(d))) is not None and known <= 0 for d in deviations):
            raise InvalidInput("deviations", deviations, "must be positive; or use `at`")
        parts = []
        for axis, mean, deviation in zip(self.axes, means, deviations, strict=True):
            exponent = ((axis.points - mean) / deviation) ** 2 / 2
            weights = jnp.exp(jnp.min(exponent) - exponent)
            parts.append(weights / jnp.sum(weights))
        return joint(parts)

    def at(self, point: tuple[ArrayLike, ...]) -> Float[Array, "..."]:
        """Probabilities `[*state]` of one state, shared by its neighbours so that means are exact.

        Raises:
            InvalidInput: if its number of variables is not that of the axes.
        """
        self._require_one_each("point", point)
        return joint(
            [
                _hat(axis, (value - axis.first) / axis.spacing)
                for axis, value in zip(self.axes, point, strict=True)
            ]
        )

    def mean(self, probability: Float[Array, "..."], function: Float[Array, "..."]):
        """Expectation of a function of the state, `[*lead]`, from `[*lead, *state]`."""
        axes = tuple(range(-len(self.axes), 0))
        return jnp.sum(probability * function, axis=axes)

    def _require_one_each(self, field: str, given: tuple) -> None:
        if len(given) != len(self.axes):
            raise InvalidInput(
                field, given, f"must hold one number for each of {len(self.axes)} axes"
            )


def _hat(axis: Axis, position: ArrayLike) -> Float[Array, " point"]:
    """Weights of linear interpolation at a position counted in spacings, clamped to the ends."""
    inside = jnp.clip(position, 0, axis.count - 1)
    return jnp.maximum(1 - jnp.abs(inside - jnp.arange(axis.count)), 0)


def joint(parts: Sequence[Float[Array, " _"]]) -> Float[Array, "..."]:
    """Probabilities `[*state]` of independent variables, from those of each."""
    return functools.reduce(lambda left, right: left[..., None] * right, parts)
