"""Damped Picard iteration: a step towards where the map points."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from mfgamm.fixed_point.method import (
    AbstractMethod,
    SearchState,
    Vector,
    VectorMap,
    begin,
    require_range,
)


class Picard(AbstractMethod):
    """x ← x + damping·(F(x) − x).

    Converges where I − damping·(I − F′) contracts; with damping 1 that is where F does. Games whose
    prices answer more steeply than households do need less than 2/(1 + gain).

    Attributes:
        damping: in (0, 1].
    """

    tolerance: Float[Array, ""] = eqx.field(converter=jnp.asarray, default=1e-8)
    max_iterations: int = eqx.field(static=True, default=1000)
    damping: Float[Array, ""] = eqx.field(converter=jnp.asarray, default=0.5)

    def __check_init__(self):
        require_range(
            "method.damping", self.damping, "must be a share in (0, 1]", above=0.0, up_to=1.0
        )

    def init(self, function: VectorMap, start: Vector) -> SearchState:
        return begin(function, start)

    def advance(self, function: VectorMap, state: SearchState) -> SearchState:
        return begin(function, state.point + self.damping * state.residual)
