"""Newton's method without a matrix: GMRES on products with the derivative of the map.

Forcing terms after Eisenstat and Walker, "Choosing the forcing terms in an inexact Newton method"
(1996), choice 2; step lengths by backtracking on the norm of the residual.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from mfgamm.core import InvalidInput
from mfgamm.fixed_point.krylov import solve_linear
from mfgamm.fixed_point.method import (
    AbstractMethod,
    SearchState,
    Vector,
    VectorMap,
    begin,
)

FIRST_FORCING, LARGEST_FORCING, LEAST_FORCING = 0.1, 0.5, 1e-10
GAMMA = 0.9
# Armijo's share of the decrease that the linear model promises; steps shorter than 2⁻²⁵ are none.
DECREASE, MOST_HALVINGS = 1e-4, 25


class NewtonState(SearchState):
    """A Newton search.

    Attributes:
        forcing: relative accuracy of the next linear solve.
    """

    forcing: Float[Array, ""]


class NewtonKrylov(AbstractMethod):
    """Newton's method on F(x) − x = 0; quadratic near a solution where F is smooth.

    The map is linearised once a step; where its linearisation is too large to keep, wrap it in
    `jax.checkpoint`.

    Attributes:
        krylov: directions kept before GMRES restarts (static).
        cycles: restarts at most (static).
    """

    tolerance: Float[Array, ""] = eqx.field(converter=jnp.asarray, default=1e-10)
    max_iterations: int = eqx.field(static=True, default=50)
    krylov: int = eqx.field(static=True, default=40)
    cycles: int = eqx.field(static=True, default=5)

    def __check_init__(self):
        for name in ("krylov", "cycles"):
            if getattr(self, name) < 1:
                raise InvalidInput(f"method.{name}", getattr(self, name), "must be at least 1")

    def init(self, function: VectorMap, start: Vector) -> NewtonState:
        state = begin(function, start)
        forcing = jnp.asarray(FIRST_FORCING, start.dtype)
        return NewtonState(state.point, state.residual, state.stuck, forcing)

    def advance(self, function: VectorMap, state: SearchState) -> NewtonState:
        assert isinstance(state, NewtonState)
        _, derivative = jax.linearize(function, state.point)
        step = solve_linear(
            lambda direction: direction - derivative(direction),
            state.residual,
            state.forcing,
            restart=self.krylov,
            cycles=self.cycles,
        )
        found = _backtrack(function, state, step)
        ratio = jnp.linalg.norm(found.residual) / jnp.linalg.norm(state.residual)
        return NewtonState(found.point, found.residual, found.stuck, _forcing(ratio, state.forcing))


def _forcing(ratio: Float[Array, ""], last: Float[Array, ""]) -> Float[Array, ""]:
    """Solve as tightly as the decrease of the residual deserves, and not suddenly tighter."""
    wanted, kept = GAMMA * ratio**2, GAMMA * last**2
    return jnp.clip(
        jnp.where(kept > 0.1, jnp.maximum(wanted, kept), wanted), LEAST_FORCING, LARGEST_FORCING
    )


def _backtrack(function: VectorMap, state: NewtonState, step: Vector) -> SearchState:
    """The first of x + step, x + step/2, … whose residual is smaller enough; stuck if none is."""
    before = jnp.linalg.norm(state.residual)

    def sufficient(length, residual):
        return jnp.linalg.norm(residual) <= (1 - DECREASE * length) * before

    def too_long(carry):
        length, halvings, _, residual = carry
        return ~sufficient(length, residual) & (halvings < MOST_HALVINGS)

    def halve(carry):
        length, halvings, _, _ = carry
        length = length / 2
        point = state.point + length * step
        return length, halvings + 1, point, function(point) - point

    point = state.point + step
    opening = (jnp.ones((), step.dtype), jnp.asarray(0), point, function(point) - point)
    length, _, point, residual = jax.lax.while_loop(too_long, halve, opening)
    fine = sufficient(length, residual)
    return SearchState(
        jnp.where(fine, point, state.point), jnp.where(fine, residual, state.residual), ~fine
    )
