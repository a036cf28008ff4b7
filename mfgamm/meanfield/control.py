"""What may be chosen: levels for each device, or controls whose cost is quadratic."""

import math
from abc import abstractmethod
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from mfgamm.core import InvalidInput, concrete
from mfgamm.meanfield.axis import Axis, Grid

# Arrays that broadcast to the grid, one for each state variable or control.
Fields = tuple[Float[Array, "..."], ...]
# Probabilities of levels `[*level, *state]`, or the controls themselves `[control, *state]`.
Policy = Float[Array, "..."]


class AbstractControls(eqx.Module):
    """A set of controls, and how the best of them is found."""

    @abstractmethod
    def options(self, grid: Grid, policy: Policy | None) -> Fields:
        """The controls that the policy weighs, broadcasting to `[*control, *state]`."""

    @abstractmethod
    def average(self, grid: Grid, policy: Policy, quantity: Float[Array, "..."]) -> Array:
        """Mean over the policy of what depends on the controls, `[*state]`."""


class Levels(AbstractControls):
    """Finitely many levels for each device; every combination may be chosen.

    Attributes:
        values: levels of each device, in the device's unit.

    Raises:
        InvalidInput: if a device has no level, or one is not finite.
    """

    values: tuple[Float[Array, " level"], ...] = eqx.field(
        converter=lambda given: tuple(jnp.asarray(each) for each in given)
    )

    def __check_init__(self):
        for number, each in enumerate(self.values):
            if each.ndim != 1 or each.size == 0:
                raise InvalidInput(
                    f"controls.values[{number}]", each.shape, "must list at least one level"
                )
            known = concrete(each)
            if known is not None and not np.all(np.isfinite(known)):
                raise InvalidInput(f"controls.values[{number}]", known.tolist(), "must be finite")

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(each.size for each in self.values)

    def options(self, grid: Grid, policy: Policy | None = None) -> Fields:
        last = len(self.values) + len(grid.axes) - 1
        return tuple(
            each.reshape(-1, *(1,) * (last - place)) for place, each in enumerate(self.values)
        )

    def average(self, grid: Grid, policy: Policy, quantity: Float[Array, "..."]) -> Array:
        return jnp.sum(policy * quantity, axis=tuple(range(len(self.values))))

    def choose(
        self, costs: Float[Array, "..."], temperature: Float[Array, ""] | None
    ) -> tuple[Float[Array, "..."], Policy]:
        """The best level, or the best mixture Σπ·(cost + τ·log π).

        Args:
            costs: of each choice and what follows, `[*level, *state]`, €.
            temperature: τ, €; None for the best level itself, the first where several are.

        Returns:
            What it costs (with −τ·entropy) `[*state]`, and the probabilities `[*level, *state]`.
        """
        states = costs.shape[len(self.values) :]
        flat = costs.reshape(math.prod(self.shape), *states)
        if temperature is None:
            best = jnp.argmin(flat, axis=0)
            policy = jax.nn.one_hot(best, flat.shape[0], axis=0, dtype=costs.dtype)
            return jnp.min(flat, axis=0), policy.reshape(costs.shape)
        # Shifted by the least cost: in single precision mass would be lost otherwise.
        least = jax.lax.stop_gradient(jnp.min(flat, axis=0))
        weights = jnp.exp((least - flat) / temperature)
        total = jnp.sum(weights, axis=0)
        return least - temperature * jnp.log(total), (weights / total).reshape(costs.shape)


class QuadraticControls(AbstractControls):
    """Real controls with affine drifts and a cost quadratic in each: the best in closed form.

    u = −(∂ℓ/∂u + Σᵢ ∂ᵢV·∂bᵢ/∂u)/∂²ℓ/∂u², at u = 0, then clipped. Slopes ∂ᵢV are central
    differences; which control is chosen only has to be nearly right, what it costs is exact.
    Implicit schemes are stable for every policy, but the policy is chosen from the values after the
    step: keep steps so short that no control crosses more than about one spacing.

    Attributes:
        lower, upper: bounds on each control.

    Raises:
        InvalidInput: if there is no control, or bounds are crossed.
    """

    lower: Float[Array, " control"] = eqx.field(converter=jnp.asarray, default=(-np.inf,))
    upper: Float[Array, " control"] = eqx.field(converter=jnp.asarray, default=(np.inf,))

    def __check_init__(self):
        if self.lower.ndim != 1 or self.lower.size == 0 or self.lower.shape != self.upper.shape:
            raise InvalidInput(
                "controls.lower",
                self.lower.shape,
                f"must hold one bound for each control, as upper does: {self.upper.shape}",
            )
        lower, upper = concrete(self.lower), concrete(self.upper)
        if lower is not None and upper is not None and np.any(lower > upper):
            raise InvalidInput("controls.lower", lower.tolist(), f"exceeds upper {upper.tolist()}")

    def options(self, grid: Grid, policy: Policy | None = None) -> Fields:
        assert policy is not None
        return tuple(policy)

    def average(self, grid: Grid, policy: Policy, quantity: Float[Array, "..."]) -> Array:
        return quantity

    def choose(self, hamiltonian: Any, shape: tuple[int, ...], dtype) -> Policy:
        """Where a function of the controls, quadratic in each, is least.

        Args:
            hamiltonian: from the controls, one field each, to a field, elementwise.
            shape: of the grid.
        """
        bounds = (-1, *(1,) * len(shape))
        nowhere = jnp.zeros((self.lower.size, *shape), dtype)
        slope = jax.grad(lambda fields: jnp.sum(hamiltonian(tuple(fields))))
        linear, curvature = jax.jvp(slope, (nowhere,), (jnp.ones_like(nowhere),))
        best = -linear / curvature
        lower, upper = (each.reshape(bounds).astype(dtype) for each in (self.lower, self.upper))
        return jnp.clip(best, lower, upper)


def slope_along(axis: Axis, position: int, value: Float[Array, "*state"]) -> Float[Array, "*state"]:
    """∂V along an axis: central differences, one-sided at walls."""
    first = jnp.moveaxis(value, position, 0)
    above, below = jnp.roll(first, -1, axis=0), jnp.roll(first, 1, axis=0)
    slope = (above - below) / (2 * axis.spacing)
    if not axis.ring:
        slope = slope.at[0].set((first[1] - first[0]) / axis.spacing)
        slope = slope.at[-1].set((first[-1] - first[-2]) / axis.spacing)
    return jnp.moveaxis(slope, 0, position)
