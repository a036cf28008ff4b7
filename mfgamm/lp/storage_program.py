"""The structured program: flows that balance at every step, and stores that link the steps.

    minimise    Σ cost·v + ½ curvature·v²
    subject to  Σₖ signₖ·eₖ,t + Σᵢ (inᵢ,t − outᵢ,t)                          = balance_t
                xᵢ,t − retentionᵢ·xᵢ,t−1 − gain⁺ᵢ·inᵢ,t + gain⁻ᵢ·outᵢ,t      = inflowᵢ,t
                lower ≤ v ≤ upper

with the variables v stacked as [exchanges e | in | out | states x]. This room knows nothing of
energy; lanes (independent programs) are the *last* axis, so that an operation over lanes is
contiguous and a lane's scalar broadcasts against all its variables.
"""

import dataclasses
from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float


class Parts(NamedTuple):
    """The four groups of variables of a program, each `[…, time, lane]`."""

    exchange: Float[Array, "exchange time lane"]
    inflow: Float[Array, "store time lane"]
    outflow: Float[Array, "store time lane"]
    state: Float[Array, "store time lane"]


class Multipliers(NamedTuple):
    """Multipliers of the two groups of equations."""

    balance: Float[Array, "time lane"]
    storage: Float[Array, "store time lane"]


class StorageProgram(eqx.Module):
    """A batch of linear (or separable convex quadratic) programs with storage structure.

    Variables are stacked as `variable = exchange + 3·store`. A variable whose bounds coincide is
    fixed, not an empty interior.

    Attributes:
        cost: linear cost of each variable.
        curvature: diagonal quadratic cost; None for a linear program.
        lower: lower bounds, finite.
        upper: upper bounds, finite.
        balance: right-hand side of the balance.
        inflow: right-hand side of the storage equations; the initial state, times its retention,
            is part of it at the first step.
        gain_in: what a unit of inflow adds to its store.
        gain_out: what a unit of outflow takes from its store.
        retention: share of a state that is left a step later.
        sign: ±1 of each exchange in the balance (static).
    """

    cost: Float[Array, "variable time lane"]
    curvature: Float[Array, "variable time lane"] | None
    lower: Float[Array, "variable time lane"]
    upper: Float[Array, "variable time lane"]
    balance: Float[Array, "time lane"]
    inflow: Float[Array, "store time lane"]
    gain_in: Float[Array, "store lane"]
    gain_out: Float[Array, "store lane"]
    retention: Float[Array, "store lane"]
    sign: tuple[int, ...] = eqx.field(static=True)

    @property
    def stores(self) -> int:
        return self.inflow.shape[0]

    @property
    def lanes(self) -> int:
        return self.balance.shape[-1]

    def split(self, variables: Float[Array, "variable time lane"]) -> Parts:
        """The stacked variables by group."""
        k, m = len(self.sign), self.stores
        return Parts(
            variables[:k],
            variables[k : k + m],
            variables[k + m : k + 2 * m],
            variables[k + 2 * m :],
        )

    def join(self, parts: Parts) -> Float[Array, "variable time lane"]:
        """The groups stacked again: the inverse of `split`."""
        return jnp.concatenate(parts)

    def apply(self, variables: Float[Array, "variable time lane"]) -> Multipliers:
        """The equations' left-hand sides, A·v."""
        exchange, inflow, outflow, state = self.split(variables)
        traded = jnp.tensordot(jnp.asarray(self.sign, state.dtype), exchange, 1)
        before = jnp.pad(state[:, :-1], ((0, 0), (1, 0), (0, 0)))
        return Multipliers(
            balance=traded + jnp.sum(inflow - outflow, axis=0),
            storage=state
            - self.retention[:, None] * before
            - self.gain_in[:, None] * inflow
            + self.gain_out[:, None] * outflow,
        )

    def transpose(self, multipliers: Multipliers) -> Float[Array, "variable time lane"]:
        """The adjoint of `apply`, Aᵀ·y."""
        balance, storage = multipliers
        after = jnp.pad(storage[:, 1:], ((0, 0), (0, 1), (0, 0)))
        sign = jnp.asarray(self.sign, balance.dtype)[:, None, None]
        return self.join(
            Parts(
                exchange=sign * balance,
                inflow=balance - self.gain_in[:, None] * storage,
                outflow=self.gain_out[:, None] * storage - balance,
                state=storage - self.retention[:, None] * after,
            )
        )

    def residual(self, variables: Float[Array, "variable time lane"]) -> Multipliers:
        """Right-hand sides minus left-hand sides: b − A·v."""
        left = self.apply(variables)
        return Multipliers(self.balance - left.balance, self.inflow - left.storage)

    def shifted(self, origin: Float[Array, "variable time lane"]) -> "StorageProgram":
        """The same equations and bounds for the displacement v − origin; costs stay as they are."""
        right = self.residual(origin)
        return dataclasses.replace(
            self,
            lower=self.lower - origin,
            upper=self.upper - origin,
            balance=right.balance,
            inflow=right.storage,
        )

    def value(self, variables: Float[Array, "variable time lane"]) -> Float[Array, " lane"]:
        """The objective of each lane."""
        return self._sum_of_costs(variables, self.cost)

    def dual_bound(self, multipliers: Multipliers) -> Float[Array, " lane"]:
        """A lower bound on each lane's optimal value, for *any* multipliers.

        The Lagrangian is minimised over the box alone, variable by variable, in closed form; no
        feasibility or convergence is assumed, so the bound needs no trust in the solver.
        """
        reduced = self.cost - self.transpose(multipliers)
        best = jnp.where(reduced > 0, self.lower, self.upper)
        if self.curvature is not None:
            curved = self.curvature > 0
            interior = -reduced / jnp.where(curved, self.curvature, 1.0)
            best = jnp.where(curved, jnp.clip(interior, self.lower, self.upper), best)
        return (
            self._sum_of_costs(best, reduced)
            + jnp.sum(self.balance * multipliers.balance, axis=0)
            + jnp.sum(self.inflow * multipliers.storage, axis=(0, 1))
        )

    def box_maximum(self) -> Float[Array, " lane"]:
        """The largest objective over the box: a dual bound above it proves infeasibility."""
        at_lower, at_upper = (self._costs(x, self.cost) for x in (self.lower, self.upper))
        return jnp.sum(jnp.maximum(at_lower, at_upper), axis=(0, 1))

    def _costs(self, variables, linear):
        if self.curvature is None:
            return variables * linear
        return variables * (linear + 0.5 * self.curvature * variables)

    def _sum_of_costs(self, variables, linear) -> Float[Array, " lane"]:
        return jnp.sum(self._costs(variables, linear), axis=(0, 1))
