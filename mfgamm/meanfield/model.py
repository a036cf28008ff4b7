"""A household's decision problem: how its state moves, what that costs, what it may choose."""

from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from mfgamm.core import InvalidInput, concrete
from mfgamm.meanfield.axis import Grid
from mfgamm.meanfield.control import AbstractControls, Fields, Policy
from mfgamm.meanfield.generator import AbstractGenerator
from mfgamm.meanfield.scheme import AbstractScheme, expect_along


class Moment(eqx.Module):
    """When a step is taken.

    Attributes:
        step: its number, from 0.
        time: its beginning, hours.
        hours: its length.
    """

    step: Int[Array, ""]
    time: Float[Array, ""]
    hours: Float[Array, ""]


# drift(now, state) or drift(now, state, controls), volatility(now, state): arrays that broadcast
# to the grid; `state` and `controls` are tuples of such arrays.
Coefficient = Callable[..., Any]
RunningCost = Callable[[Moment, Fields, Fields, Any], Any]
TerminalCost = Callable[[Fields, Any], Any]


class Motion(eqx.Module):
    """How one state variable moves: dX = drift·dt + volatility·dW, independent of the others' W.

    Attributes:
        axis: number of the state variable (static).
        drift: `drift(now, state)`, or `drift(now, state, controls)` if controlled; unit of the
            variable per hour. Coefficients that depend on no other state variable are fastest.
        volatility: `volatility(now, state)`, unit per √hour; None if nothing is random.
        scheme: how the motion is discretised.
        controlled: whether the drift depends on what is chosen (static).
    """

    axis: int = eqx.field(static=True)
    drift: Coefficient
    volatility: Coefficient | None
    scheme: AbstractScheme
    controlled: bool = eqx.field(static=True, default=False)


class ControlledDiffusion(eqx.Module):
    """A controlled diffusion on a grid, split by state variable.

    Over a step the controlled motions act first, in the order given, from the state in which the
    choice is made; then those that nobody controls. A drift that looks at other motions' variables
    sees them where the motions before it left them: list it before theirs. The transition operator
    is the product of one expectation for each motion, and the density is moved by that operator's
    transpose.

    Attributes:
        grid: of the states.
        motions: of the state variables; those without one stand still.
        controls: what may be chosen.
        running_cost: `running_cost(now, state, controls, environment)`, € per hour. The environment
            is whatever the mean field sets, at that step: prices, average states.
        terminal_cost: `terminal_cost(state, environment)` of the last state, with the last step's
            environment, €; None for none.
        steps: of the horizon (static).
        step_hours: length of a step, hours.

    Raises:
        InvalidInput: if a motion's axis does not exist or cannot carry its scheme, or the steps or
            their length are not positive.
    """

    grid: Grid
    motions: Sequence[Motion]
    controls: AbstractControls
    running_cost: RunningCost
    terminal_cost: TerminalCost | None
    steps: int = eqx.field(static=True)
    step_hours: Float[Array, ""] = eqx.field(converter=jnp.asarray)

    def __check_init__(self):
        if self.steps < 1:
            raise InvalidInput("model.steps", self.steps, "must be at least 1")
        hours = concrete(self.step_hours)
        if hours is not None and not (np.isfinite(hours) and hours > 0):
            raise InvalidInput("model.step_hours", float(hours), "must be positive")
        for motion in self.motions:
            if not 0 <= motion.axis < len(self.grid.axes):
                raise InvalidInput(
                    "motion.axis", motion.axis, f"axes are numbered 0 to {len(self.grid.axes) - 1}"
                )
            if self.grid.axes[motion.axis].ring and isinstance(motion.scheme, AbstractGenerator):
                raise InvalidInput(
                    "motion.scheme",
                    type(motion.scheme).__name__,
                    "has walls; on a circle use SemiLagrangian",
                )

    def moment(self, step: Int[Array, ""]) -> Moment:
        """When step number `step` is taken."""
        return Moment(step, step * self.step_hours, self.step_hours)

    def expect(
        self, now: Moment, controls: Fields, value: Float[Array, "*state"]
    ) -> Float[Array, "..."]:
        """E[V(X′) | state, controls], `[*control, *state]`: linear in V, monotone, exact for 1."""
        state = self.grid.state
        ordered = sorted(self.motions, key=lambda motion: not motion.controlled)
        for motion in reversed(ordered):
            arguments = (now, state, controls) if motion.controlled else (now, state)
            volatility = motion.volatility and jnp.asarray(motion.volatility(now, state))
            value = expect_along(
                motion.scheme,
                self.grid.axes[motion.axis],
                motion.axis,
                value,
                jnp.asarray(motion.drift(*arguments)),
                volatility,
                now.hours,
                len(self.grid.axes),
            )
        return value

    def cost(self, now: Moment, controls: Fields, environment: Any) -> Float[Array, "..."]:
        """Cost of the step, €, in a shape that broadcasts to `[*control, *state]`."""
        return now.hours * self.running_cost(now, self.grid.state, controls, environment)

    def terminal(self, environment: Any, dtype) -> Float[Array, "*state"]:
        """Cost of the last state, €."""
        cost = (
            0.0 if self.terminal_cost is None else self.terminal_cost(self.grid.state, environment)
        )
        return jnp.broadcast_to(jnp.asarray(cost, dtype), self.grid.shape)

    def follow(
        self, now: Moment, policy: Policy, value: Float[Array, "*state"]
    ) -> Float[Array, "*state"]:
        """E[V(X′) | state] of those who follow the policy: linear in V."""
        return self.average(
            policy, self.expect(now, self.controls.options(self.grid, policy), value)
        )

    def average(self, policy: Policy, quantity: Any) -> Float[Array, "*state"]:
        """Mean over the policy of a quantity that broadcasts to `[*control, *state]`."""
        mean = self.controls.average(self.grid, policy, jnp.asarray(quantity))
        return jnp.broadcast_to(mean, self.grid.shape)
