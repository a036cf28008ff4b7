"""What a discretisation in one dimension is: an expectation, linear in the value."""

from abc import abstractmethod

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from mfgamm.meanfield.axis import Axis


class AbstractScheme(eqx.Module):
    """How a state variable X with dX = drift·dt + volatility·dW is discretised over one step."""

    @abstractmethod
    def expect(
        self,
        axis: Axis,
        value: Float[Array, "point *rest"],
        drift: Float[Array, "point *#rest"],
        volatility: Float[Array, "point *#rest"] | None,
        hours: Float[Array, ""],
    ) -> Float[Array, "point *rest"]:
        """E[V(X′) | X = each point]: linear in V, monotone, and exact for constants.

        Args:
            axis: the points.
            value: V.
            drift: unit of the variable per hour.
            volatility: unit per √hour; None where nothing is random.
            hours: length of the step, h.
        """


def expect_along(
    scheme: AbstractScheme,
    axis: Axis,
    position: int,
    value: Float[Array, "..."],
    drift: Float[Array, "..."],
    volatility: Float[Array, "..."] | None,
    hours: Float[Array, ""],
    dimensions: int,
) -> Float[Array, "..."]:
    """E[V(X′)] where only the state variable number `position` moves.

    Where its coefficients depend on no other state variable the expectation is one small matrix
    for all of them: a matrix product, and so is its transpose.

    Args:
        value: `[*lead, *state]`, with `dimensions` state variables.
        drift, volatility: broadcast to the result.
    """
    own = position - dimensions
    coefficients = (drift,) if volatility is None else (drift, volatility)
    shapes = [(1,) * (dimensions - each.ndim) + each.shape for each in coefficients]
    separate = all(
        size == 1
        for shape in shapes
        for place, size in enumerate(shape[-dimensions:])
        if place != position
    )
    others = value.size // axis.count
    if separate and others >= axis.count:
        return _by_matrix(scheme, axis, own, value, coefficients, hours, dimensions)
    return _pointwise(scheme, axis, own, value, coefficients, hours)


def _pointwise(scheme, axis: Axis, own: int, value, coefficients, hours):
    shape = jnp.broadcast_shapes(value.shape, *(each.shape for each in coefficients))
    drift, *volatility = (_first(own, each, len(shape), axis.count) for each in coefficients)
    moved = scheme.expect(
        axis,
        jnp.moveaxis(jnp.broadcast_to(value, shape), own, 0),
        drift,
        volatility[0] if volatility else None,
        hours,
    )
    return jnp.moveaxis(moved, 0, own)


def _by_matrix(scheme, axis: Axis, own: int, value, coefficients, hours, dimensions: int):
    """The expectation of every unit value is a column of the matrix `[*lead, point, point]`."""
    lead = max(value.ndim, *(each.ndim for each in coefficients)) - dimensions
    flat = []
    for each in coefficients:
        each = each.reshape((1,) * (lead + dimensions - each.ndim) + each.shape)
        each = jnp.moveaxis(each, own, -1)
        flat.append(each.reshape(*each.shape[:lead], each.shape[-1]))
    batch = jnp.broadcast_shapes(*(each.shape[:-1] for each in flat))
    drift, *volatility = (_first(-1, each, lead + 1, axis.count)[..., None] for each in flat)
    unit = jnp.eye(axis.count, dtype=value.dtype)
    unit = jnp.broadcast_to(
        unit.reshape(axis.count, *(1,) * lead, axis.count), (axis.count, *batch, axis.count)
    )
    columns = scheme.expect(axis, unit, drift, volatility[0] if volatility else None, hours)
    matrix = jnp.moveaxis(columns, 0, -1)
    last = jnp.moveaxis(
        value.reshape((1,) * (lead + dimensions - value.ndim) + value.shape), own, -1
    )
    rows = last.reshape(*last.shape[:lead], -1, axis.count)
    moved = jnp.matmul(rows, matrix, precision="highest")
    return jnp.moveaxis(moved.reshape(*moved.shape[:lead], *last.shape[lead:]), -1, own)


def _first(own: int, coefficient, dimensions: int, count: int):
    """The coefficient with its own axis first and spelled out."""
    full = coefficient.reshape((1,) * (dimensions - coefficient.ndim) + coefficient.shape)
    first = jnp.moveaxis(full, own, 0)
    return jnp.broadcast_to(first, (count, *first.shape[1:]))
