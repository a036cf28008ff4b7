"""Programs as the interior point wants them: bounds [0, span], everything of order one."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from mfgamm.lp.interior_point import Iterate, is_free
from mfgamm.lp.storage_program import Multipliers, StorageProgram


class NormalForm(eqx.Module):
    """A program shifted to its lower bounds and scaled, with the way back.

    Attributes:
        program: the normal form.
        cost_scale: what a lane's costs were divided by.
        size_scale: what a lane's variables were divided by.
    """

    program: StorageProgram
    cost_scale: Float[Array, " lane"]
    size_scale: Float[Array, " lane"]

    def start_from(
        self,
        variables: Float[Array, "variable time lane"],
        multipliers: Multipliers,
        barrier: Float[Array, " lane"],
        original: StorageProgram,
    ) -> Iterate:
        """A solution of a similar program as a start for this one, centred at the barrier.

        With costs of order one, slacks of a solution are about the barrier or larger: what now lies
        closer to its bounds, or outside, is pushed in that far.
        """
        span, free = self.program.upper, is_free(self.program)
        margin = 0.1 * jnp.minimum(span, barrier)
        moved = (variables - original.lower) / self.size_scale
        moved = jnp.where(free, jnp.clip(moved, margin, span - margin), 0.0)
        slack = jnp.where(free, span - moved, 1.0)
        return Iterate(
            variables=moved,
            slack=slack,
            dual_lower=jnp.where(free, barrier / jnp.where(free, moved, 1.0), 0.0),
            dual_upper=jnp.where(free, barrier / slack, 0.0),
            multipliers=Multipliers(
                multipliers.balance / self.cost_scale, multipliers.storage / self.cost_scale
            ),
        )

    def restore_variables(
        self, variables: Float[Array, "variable time lane"], original: StorageProgram
    ) -> Float[Array, "variable time lane"]:
        """Variables in the original program's units, inside its bounds despite rounding."""
        restored = original.lower + variables * self.size_scale
        return jnp.minimum(restored, original.upper)

    def restore_multipliers(self, multipliers: Multipliers) -> Multipliers:
        """Multipliers in the original program's units."""
        return Multipliers(
            multipliers.balance * self.cost_scale, multipliers.storage * self.cost_scale
        )


def normalise(program: StorageProgram) -> NormalForm:
    """Shift every lane to its lower bounds, and divide costs and magnitudes by typical ones.

    The magnitude is the largest imbalance plus the smallest range that any variable has: a huge
    store or an unlimited connection must not make everything else look small.
    """
    free = is_free(program)
    span = jnp.max(jnp.where(free, program.upper - program.lower, 0.0), axis=1)
    smallest = jnp.min(jnp.where(span > 0, span, jnp.inf), axis=0)
    imbalance = jnp.max(jnp.abs(program.balance), axis=0)
    size = imbalance + jnp.where(jnp.isfinite(smallest), smallest, 0.0)
    size = jnp.where(size > 0, size, 1.0)

    cost, curvature = program.cost, program.curvature
    slope = jnp.abs(cost)
    if curvature is not None:
        cost = cost + curvature * program.lower
        slope = jnp.abs(cost) + curvature * size
    steepest = jnp.max(jnp.where(free, slope, 0.0), axis=(0, 1))
    scale = jnp.where(steepest > 0, steepest, 1.0)

    shifted = program.shifted(program.lower)
    normal = StorageProgram(
        cost=cost / scale,
        curvature=None if curvature is None else curvature * (size / scale),
        lower=jnp.zeros_like(program.lower),
        upper=shifted.upper / size,
        balance=shifted.balance / size,
        inflow=shifted.inflow / size,
        gain_in=program.gain_in,
        gain_out=program.gain_out,
        retention=program.retention,
        sign=program.sign,
    )
    return NormalForm(normal, scale, size)
