"""The Newton system of all households and the community's cost of exchange together.

    D·Δv − Aᵀ·Δy + Pᵀ·Δu = r₁,    A·Δv = r₂     for every household, D diagonal,

and a stiffness against Δu. Trade is eliminated first, scenario by scenario in closed form: to the
devices it looks like one exchange whose stiffness is the sum over scenarios of 1/(Σ D⁻¹). What is
left of a household is a block tridiagonal system (`mfgamm.lp.newton`), and of the community one
dense system in u, whose matrix is minus the derivative of the aggregate pull y by u,

    M = Σ_n w_n P [D⁻¹ − D⁻¹Aᵀ(A D⁻¹Aᵀ)⁻¹A D⁻¹] Pᵀ.

The inverse of a block tridiagonal matrix is semiseparable: one backward sweep gives its diagonal
blocks, and one forward sweep over the columns gives all of M in O(T²) operations a household,
without forming a matrix for any of them.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from mfgamm.lp.block_tridiagonal import BlockTridiagonalFactor
from mfgamm.lp.newton import NewtonFactor, factorise_newton, solve_newton
from mfgamm.lp.storage_program import Multipliers
from mfgamm.planner.community_program import (
    BUY,
    SELL,
    SIGNS,
    CommunityMultipliers,
    CommunityProgram,
    Group,
)

# Where trade is fixed (no connection), intake is as good as fixed: a stiffness, not an infinity.
LEAST_VARIANCE = 1e-12


class HouseholdFactor(NamedTuple):
    """Everything that a household's right-hand side needs.

    Attributes:
        variance: D⁻¹ of trade; zero where fixed.
        total: its sum over exchanges, in each scenario.
        devices: factor of the rest.
    """

    variance: Float[Array, "exchange scenario time lane"]
    total: Float[Array, "scenario time lane"]
    devices: NewtonFactor


def factorise_households(program: CommunityProgram, variance: Group) -> HouseholdFactor:
    """Reduce and factorise every household's Newton matrix for D⁻¹ = `variance`."""
    total = jnp.maximum(jnp.sum(variance.trade, axis=0), LEAST_VARIANCE)
    intake = 1 / jnp.sum(1 / total, axis=0)
    devices = factorise_newton(program.devices, jnp.concatenate([intake[None], variance.stores]))
    return HouseholdFactor(variance.trade, total, devices)


def solve_households(
    program: CommunityProgram, factor: HouseholdFactor, r1: Group, r2: CommunityMultipliers
) -> tuple[Group, CommunityMultipliers]:
    """The step (Δv, Δy) of every household at given Δu."""
    signs = jnp.asarray(SIGNS)
    due = r2.balance - jnp.tensordot(signs, factor.variance * r1.trade, 1)
    worth = jnp.sum(due / factor.total, axis=0)
    move, multipliers = solve_newton(
        program.devices,
        factor.devices,
        jnp.concatenate([worth[None], r1.stores]),
        Multipliers(jnp.zeros_like(worth), r2.storage),
    )
    balance = (due - move[0]) / factor.total
    trade = factor.variance * (r1.trade + signs[:, None, None, None] * balance)
    return Group(trade, move[1:]), CommunityMultipliers(balance, multipliers.storage)


def population_response(
    program: CommunityProgram, factor: HouseholdFactor
) -> Float[Array, "scenario time coordinate scenario time coordinate"]:
    """M, symmetric positive semidefinite, 1/€."""
    pull, mass, total = program.pull, program.mass, factor.total
    sold, bought = factor.variance[SELL], factor.variance[BUY]
    # Within a moment, written as sums of products of variances: where prices agree, selling while
    # buying is free, and the plain difference would lose every digit.
    others = jnp.maximum(total - sold - bought, 0.0)
    share = mass / total
    local = (
        _outer(pull[SELL], (sold * others * share).sum(-1))
        + _outer(pull[BUY], (bought * others * share).sum(-1))
        + _outer(pull[SELL] + pull[BUY], (sold * bought * share).sum(-1))
    )
    tilt = (
        pull[SELL][..., None] * (sold / total)[:, :, None]
        - pull[BUY][..., None] * (bought / total)[:, :, None]
    )
    scenarios, steps, coordinates = pull.shape[1:]
    # One sweep serves all scenarios: only the tilts tell them apart.
    tilt = jnp.einsum("stcn->tscn", tilt).reshape(steps, scenarios * coordinates, -1)
    devices = factor.devices
    weight, intake = devices.balance_weight, devices.variance[0]
    rest = jnp.maximum(weight - intake, 0.0)
    within = jnp.einsum("tin,tjn->tij", tilt * (mass * intake * rest / weight)[:, None], tilt)
    each = jnp.arange(steps)
    matrix = jnp.zeros((steps, tilt.shape[1], steps, tilt.shape[1])).at[each, :, each].add(within)
    if devices.tridiagonal is not None:
        through = tilt * (intake / weight)[:, None]
        matrix = matrix - _through_storage(devices.tridiagonal, devices.cross, through, mass)
    matrix = matrix.reshape(steps, scenarios, coordinates, steps, scenarios, coordinates)
    matrix = jnp.einsum("tscurd->stcrud", matrix)
    which = jnp.arange(scenarios)
    return matrix.at[which[:, None], each, :, which[:, None], each].add(local)


def _outer(pull, scale):
    return pull[..., :, None] * pull[..., None, :] * scale[..., None, None]


def _through_storage(
    tridiagonal: BlockTridiagonalFactor,
    cross: Float[Array, "store time lane"],
    tilt: Float[Array, "time slot lane"],
    mass: Float[Array, " lane"],
) -> Float[Array, "time slot time slot"]:
    """Σ w·tilt_t (C_tᵀ K⁻¹_tτ C_τ) tilt_τ, K being the matrix of the storage multipliers."""
    cross = jnp.swapaxes(cross, 0, 1)
    transfer, diagonal = _selected_inverse(tridiagonal)
    reached = jnp.einsum("tijn,tjn->tin", diagonal, cross)
    steps, slots = tilt.shape[:2]

    def column(carried, step):
        # Row t of `carried` is C_tᵀ·Π(transfers from t to τ): K⁻¹_tτ is that product times K⁻¹_ττ.
        index, own_cross, into, own_reached, own_tilt = step
        carried = jnp.einsum("tin,ijn->tjn", carried, into)
        carried = jax.lax.dynamic_update_index_in_dim(carried, own_cross, index, 0)
        kernel = jnp.einsum("tin,in->tn", carried, own_reached) * mass
        seen = tilt * kernel[:, None]
        return carried, jnp.stack([jnp.sum(seen * own, axis=-1) for own in own_tilt], axis=-1)

    into = jnp.concatenate([jnp.zeros_like(transfer[:1]), transfer[:-1]])
    indices = jnp.arange(steps)
    sweep = (indices, cross, into, reached, tilt)
    _, columns = jax.lax.scan(column, jnp.zeros_like(cross), sweep)
    flat = jnp.moveaxis(columns, 0, 2).reshape(steps * slots, steps * slots)
    # Rows up to the column's own are filled; inside the diagonal blocks both halves are.
    apart = 1 - jnp.kron(jnp.eye(steps), jnp.ones((slots, slots)))
    return (flat + flat.T * apart).reshape(steps, slots, steps, slots)


def _selected_inverse(tridiagonal: BlockTridiagonalFactor):
    """Transfers −D_t⁻¹K_{t,t+1} and the diagonal blocks of the inverse, by the Takahashi sweep."""
    after = jnp.concatenate([tridiagonal.coupling[1:], jnp.zeros_like(tridiagonal.coupling[:1])])
    transfer = tridiagonal.inverse * after[:, None]

    def sweep(later, step):
        inverse, across = step
        block = inverse + jnp.einsum("ikn,kln,jln->ijn", across, later, across)
        return block, block

    start = jnp.zeros_like(tridiagonal.inverse[0])
    _, diagonal = jax.lax.scan(sweep, start, (tridiagonal.inverse, transfer), reverse=True)
    return transfer, diagonal
