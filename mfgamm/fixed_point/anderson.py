"""Anderson acceleration of type II: the step that past steps say would have vanished.

Walker and Ni, "Anderson acceleration for fixed-point iterations" (2011), with Tikhonov
regularisation of the least squares and a safeguard: where residuals grow the search goes back to
its best point, forgets, and takes a shorter plain step.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from mfgamm.core import InvalidInput
from mfgamm.fixed_point.method import (
    AbstractMethod,
    SearchState,
    Vector,
    VectorMap,
    begin,
    require_range,
)

# A residual may grow by this factor over the best one before the search goes back.
GROWTH = 2.0
SHORTEN, LENGTHEN = 0.5, 1.1


class AndersonState(SearchState):
    """A search with memory.

    Attributes:
        moves: differences of successive points, oldest overwritten first.
        changes: differences of their residuals.
        steps: taken since the memory was last cleared.
        best_point, best_residual: where the residual's norm was smallest.
        mixing: share of the residual in the next step.
    """

    moves: Float[Array, "memory unknown"]
    changes: Float[Array, "memory unknown"]
    steps: Int[Array, ""]
    best_point: Vector
    best_residual: Vector
    mixing: Float[Array, ""]


class Anderson(AbstractMethod):
    """Picard's iteration accelerated by its last steps.

    Attributes:
        memory: steps remembered (static).
        mixing: share of the residual that a step takes, in (0, 1].
        regularisation: of the least squares, relative to the size of the remembered changes.
    """

    tolerance: Float[Array, ""] = eqx.field(converter=jnp.asarray, default=1e-8)
    max_iterations: int = eqx.field(static=True, default=200)
    memory: int = eqx.field(static=True, default=10)
    mixing: Float[Array, ""] = eqx.field(converter=jnp.asarray, default=1.0)
    regularisation: Float[Array, ""] = eqx.field(converter=jnp.asarray, default=1e-8)

    def __check_init__(self):
        share = "must be a share in (0, 1]"
        require_range("method.mixing", self.mixing, share, above=0.0, up_to=1.0)
        require_range("method.regularisation", self.regularisation, "must be positive", above=0.0)
        if self.memory < 1:
            raise InvalidInput("method.memory", self.memory, "must be at least 1; or use Picard")

    def init(self, function: VectorMap, start: Vector) -> AndersonState:
        state = begin(function, start)
        nothing = jnp.zeros((self.memory, start.size), start.dtype)
        return AndersonState(
            point=state.point,
            residual=state.residual,
            stuck=state.stuck,
            moves=nothing,
            changes=nothing,
            steps=jnp.zeros((), int),
            best_point=state.point,
            best_residual=state.residual,
            mixing=jnp.asarray(self.mixing, start.dtype),
        )

    def advance(self, function: VectorMap, state: SearchState) -> AndersonState:
        assert isinstance(state, AndersonState)
        share = state.mixing
        past = _least_squares(state.changes, state.residual, self.regularisation)
        correction = jnp.matmul(past, state.moves + share * state.changes, precision="highest")
        point = state.point + share * state.residual - correction
        residual = function(point) - point
        worse = jnp.linalg.norm(residual) > GROWTH * jnp.linalg.norm(state.best_residual)
        rejected = worse | ~jnp.all(jnp.isfinite(residual))
        accepted = self._accept(state, point, residual)
        return _choose(rejected, self._retreat(state), accepted)

    def _accept(self, state: AndersonState, point: Vector, residual: Vector) -> AndersonState:
        slot = state.steps % self.memory
        better = jnp.linalg.norm(residual) < jnp.linalg.norm(state.best_residual)
        return AndersonState(
            point=point,
            residual=residual,
            stuck=state.stuck,
            moves=state.moves.at[slot].set(point - state.point),
            changes=state.changes.at[slot].set(residual - state.residual),
            steps=state.steps + 1,
            best_point=jnp.where(better, point, state.best_point),
            best_residual=jnp.where(better, residual, state.best_residual),
            mixing=jnp.minimum(LENGTHEN * state.mixing, self.mixing.astype(point.dtype)),
        )

    def _retreat(self, state: AndersonState) -> AndersonState:
        return AndersonState(
            point=state.best_point,
            residual=state.best_residual,
            stuck=state.stuck,
            moves=jnp.zeros_like(state.moves),
            changes=jnp.zeros_like(state.changes),
            steps=jnp.zeros_like(state.steps),
            best_point=state.best_point,
            best_residual=state.best_residual,
            mixing=SHORTEN * state.mixing,
        )


def _least_squares(
    changes: Float[Array, "memory unknown"], residual: Vector, regularisation: Float[Array, ""]
) -> Float[Array, " memory"]:
    """γ that makes ‖residual − Σγ·change‖² + ρ²·‖changes‖²·‖γ‖² least, by QR: no squared condition.

    Slots that are still empty get γ = 0.
    """
    size = jnp.linalg.norm(changes)
    weight = jnp.where(size > 0, regularisation.astype(residual.dtype) * size, 1.0)
    rows = changes.shape[0]
    stacked = jnp.concatenate([changes.T, weight * jnp.eye(rows, dtype=changes.dtype)])
    basis, triangle = jnp.linalg.qr(stacked)
    projected = jnp.matmul(residual, basis[: residual.size], precision="highest")
    return jax.scipy.linalg.solve_triangular(triangle, projected)


def _choose(
    rejected: Bool[Array, ""], retreat: AndersonState, accepted: AndersonState
) -> AndersonState:
    return jax.tree.map(lambda back, on: jnp.where(rejected, back, on), retreat, accepted)
