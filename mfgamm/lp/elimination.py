"""One step of the Newton system, eliminated without cancellation.

A step has a multiplier β of its balance and λᵢ of its stores' equations. With d = D⁻¹ and g the
gains of a store's flows, what the storage equations of the step make of λ alone is

    H = diag(Σ d·g² + w) + P,     w = variances of the states,  P = what earlier steps carry,

coupled to β by C = Σ d·g. P is diagonally dominant (`dominant`) by weights 1/g, because a store
moved by 1/g exactly undoes what the balance moves; so is H, and so is the whole.

Where two stores can serve only each other, β and all λᵢ·gᵢ agree to almost all digits, and what
flows is their difference. So multipliers are solved for as λ = share·β + ε, the share being 1/g of
the flow that dominates a store: that flow's term is then −g·ε, and nothing is subtracted. A store
that has more to lean on than its flows (a state with room) gets no share: β would be determined by
what it hardly touches.
"""

from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from mfgamm.lp.dominant import Dominant, PerStore, Square, Triangle, invert, reciprocal, times

PerLane = Float[Array, " lane"]


class Gains(NamedTuple):
    """Of every store: what a unit in adds, a unit out takes, and what is left a step later."""

    inflow: PerStore
    outflow: PerStore
    retention: PerStore


class StepVariance(NamedTuple):
    """D⁻¹ of a step's variables: of all exchanges together, of the stores' flows and states."""

    trade: PerLane
    inflow: PerStore
    outflow: PerStore
    state: PerStore


class StepFactor(eqx.Module):
    """Everything a right-hand side of the step needs.

    Attributes:
        storage: factors of H.
        share: of β in a store's multiplier.
        loss_in, loss_out: 1 − g·share.
        excess: H·share − C.
        shortfall: share − H⁻¹·C.
        per_pivot: of β once the stores are eliminated.
        inverse: of the matrix of λ once the balance is eliminated.
    """

    storage: Triangle
    share: PerStore
    loss_in: PerStore
    loss_out: PerStore
    excess: PerStore
    shortfall: PerStore
    per_pivot: PerLane
    inverse: Square


def nothing_carried(gains: Gains) -> Dominant:
    """What the first step finds."""
    zero = jnp.zeros_like(gains.retention)
    per_weight = _proper(gains.inflow)
    return Dominant(zero[:, None] * zero[None], 1.0 / per_weight, per_weight, zero)


def eliminate(
    gains: Gains, variance: StepVariance, carried: Dominant
) -> tuple[StepFactor, Dominant]:
    """Factorise a step, and what it carries to the next: a²·W(W + R)⁻¹R.

    R is the matrix of λ without this step's states; rows of W(W + R)⁻¹R have W(W + R)⁻¹ of the
    excess that R's have, by the same weights.
    """
    into, out = gains.inflow * variance.inflow, gains.outflow * variance.outflow
    flows = gains.inflow * into + gains.outflow * out
    carried = _weigh_by_flows(gains, into, out, flows, carried)
    weight = carried.weight
    apart = carried.excess + variance.state * weight
    storage, inverse = invert(eqx.tree_at(lambda m: m.excess, carried, flows * weight + apart))

    loss_in = (carried.per_weight - gains.inflow) * weight
    loss_out = (carried.per_weight - gains.outflow) * weight
    lost = into * loss_in + out * loss_out
    kept = variance.inflow * loss_in + variance.outflow * loss_out
    follows = flows * weight > apart
    share = jnp.where(follows, weight, 0.0)
    unshared = times(carried.coupling, weight - share)
    excess = jnp.where(follows, apart - lost + unshared, -into - out)
    excess = excess - jnp.where(follows, 0.0, times(carried.coupling, share))
    alone = jnp.where(follows, kept, variance.inflow + variance.outflow)

    reach = times(inverse, into + out)
    pivot = variance.trade + jnp.sum(alone + reach * excess, axis=0)
    per_pivot = reciprocal(pivot)
    answer = reach * per_pivot
    inverse = inverse + answer[:, None] * reach[None]
    factor = StepFactor(
        storage=storage,
        share=share,
        loss_in=jnp.where(follows, loss_in, 1.0),
        loss_out=jnp.where(follows, loss_out, 1.0),
        excess=excess,
        shortfall=storage.solve(excess),
        per_pivot=per_pivot,
        inverse=inverse,
    )
    balance = variance.trade + jnp.sum(kept, axis=0)
    left = times(inverse, carried.excess - lost) + answer * balance
    return factor, _carry(gains, variance, carried, inverse, left)


def solve_step(factor: StepFactor, whole: PerLane, storage: PerStore) -> tuple[PerLane, PerStore]:
    """β and ε of a step.

    Args:
        factor: of the step.
        whole: right-hand side of the balance plus share times those of the stores.
        storage: right-hand sides of the stores' equations.
    """
    balance = (whole - jnp.sum(factor.shortfall * storage, axis=0)) * factor.per_pivot
    return balance, factor.storage.solve(storage - factor.excess * balance)


def _weigh_by_flows(gains: Gains, into, out, flows, carried: Dominant) -> Dominant:
    """What is carried, weighed by the flow that dominates a store where flows are larger."""
    filling, flowing = into >= out, flows >= carried.diagonal()
    typical = _proper(jnp.where(filling, gains.inflow, gains.outflow))
    return carried.reweighed(
        jnp.where(flowing, 1.0 / typical, carried.weight),
        jnp.where(flowing, typical, carried.per_weight),
    )


def _carry(gains: Gains, variance: StepVariance, here: Dominant, inverse, left) -> Dominant:
    """The states hand on a²·(W − W·K⁻¹·W); stores that lose are weighed the more."""
    retained = gains.retention * variance.state
    proper = _proper(gains.retention)
    off_diagonal = 1.0 - jnp.eye(left.shape[0], dtype=left.dtype)[..., None]
    return Dominant(
        coupling=retained[:, None] * inverse * retained[None] * off_diagonal,
        weight=here.weight / proper,
        per_weight=here.per_weight * proper,
        excess=retained * left,
    )


def _proper(gain: PerStore) -> PerStore:
    """Gains to divide by: those of a store that a lane does not have may be zero."""
    return jnp.where(gain > 0, gain, 1.0)
