"""Mehrotra's primal-dual interior point for storage programs, all lanes abreast.

Every variable has two bounds, so each carries two slacks and two dual variables. Slacks are
updated, never recomputed from the variable: near a bound the difference would have no digits.
A lane that has ended is frozen; the loop runs until the last one ends.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from mfgamm.core import Status
from mfgamm.lp.newton import factorise_newton, solve_newton
from mfgamm.lp.storage_program import Multipliers, StorageProgram

RUNNING = -1
STEP_FRACTION = 0.995
SMALLEST_STEP = 1e-9
# Equations of normalised size hold to this at best, whatever the gap.
FINEST_RESIDUAL = 1e-10
# Centring never aims below this share of what the tolerance on the gap asks for.
FINAL_SHARE = 0.1
# Mean complementarity, in barriers, below which a smoothed solve drops the second-order term.
PLAIN_NEWTON = 10.0
# A proximal term in the Newton matrix alone: it bounds the matrix's condition, and leaves the
# solution where it is because it acts on the step, which vanishes there.
PROXIMITY = 1e-10


class Iterate(eqx.Module):
    """A primal-dual point.

    Attributes:
        variables: v, strictly between its bounds where they differ.
        slack_lower, slack_upper: v − lower, upper − v (1 for fixed variables).
        dual_lower, dual_upper: multipliers of the bounds, ≥ 0.
        multipliers: of the equations.
    """

    variables: Float[Array, "variable time lane"]
    slack_lower: Float[Array, "variable time lane"]
    slack_upper: Float[Array, "variable time lane"]
    dual_lower: Float[Array, "variable time lane"]
    dual_upper: Float[Array, "variable time lane"]
    multipliers: Multipliers


class Measures(eqx.Module):
    """How far a point is from optimal, per lane, in the scaled program's units.

    Attributes:
        primal: largest residual of an equation.
        dual: largest residual of stationarity.
        gap: objective minus the rigorous dual bound, relative to 1 + |objective|.
        centrality: largest |slack·dual − barrier| relative to the barrier; 0 without one.
    """

    primal: Float[Array, " lane"]
    dual: Float[Array, " lane"]
    gap: Float[Array, " lane"]
    centrality: Float[Array, " lane"]


class Outcome(eqx.Module):
    """Where the iteration ended: the point, its measures, status and count per lane."""

    iterate: Iterate
    measures: Measures
    status: Int[Array, " lane"]
    iterations: Int[Array, " lane"]


def run_interior_point(
    program: StorageProgram,
    barrier: Float[Array, " lane"],
    tolerance: Float[Array, ""],
    max_iterations: Int[Array, ""],
) -> Outcome:
    """Solve a scaled batch: exactly where `barrier` is 0, else to that point of the central path.

    Args:
        program: costs and magnitudes of order one.
        barrier: μ ≥ 0, in units of the scaled objective.
        tolerance: on the relative gap (exact) or centrality (smoothed), and on residuals.
        max_iterations: lanes still running then end with `Status.MAX_ITERATIONS`.
    """
    free = is_free(program)

    def unfinished(carry: Outcome):
        return jnp.any(carry.status == RUNNING)

    def advance(carry: Outcome) -> Outcome:
        proposal, step_length = _step(program, free, carry.iterate, barrier, tolerance)
        finite = jnp.isfinite(step_length) & _all_finite(proposal)
        active = carry.status == RUNNING
        iterate = _select(active & finite, proposal, carry.iterate)
        measures, infeasible = _measure(program, free, iterate, barrier)
        iterations = carry.iterations + active
        status = jnp.select(
            [
                ~active,
                ~finite,
                _is_solved(measures, barrier, tolerance),
                infeasible,
                step_length < SMALLEST_STEP,
                iterations >= max_iterations,
            ],
            [
                carry.status,
                int(Status.BREAKDOWN),
                int(Status.CONVERGED),
                int(Status.INFEASIBLE),
                int(Status.BREAKDOWN),
                int(Status.MAX_ITERATIONS),
            ],
            RUNNING,
        )
        return Outcome(iterate, measures, status, iterations)

    start = initial_point(program, free, barrier)
    measures, _ = _measure(program, free, start, barrier)
    none = jnp.zeros(program.lanes, jnp.int32)
    return jax.lax.while_loop(unfinished, advance, Outcome(start, measures, none + RUNNING, none))


def is_free(program: StorageProgram) -> Bool[Array, "variable time lane"]:
    """Variables that have room to move; the others are fixed at their lower bound."""
    return program.upper - program.lower > 1e-11 * (1 + jnp.abs(program.upper))


def initial_point(
    program: StorageProgram,
    free: Bool[Array, "variable time lane"],
    barrier: Float[Array, " lane"],
) -> Iterate:
    """Mehrotra's start: least-squares primal and dual points, pushed inside."""
    span = jnp.where(free, program.upper - program.lower, 0.0)
    factor = factorise_newton(program, free.astype(span.dtype))
    middle = program.lower + 0.5 * jnp.minimum(span, 2.0)
    zero = jnp.zeros_like(span)
    nothing = Multipliers(jnp.zeros_like(program.balance), jnp.zeros_like(program.inflow))
    correction, _ = solve_newton(program, factor, zero, program.residual(middle))
    margin = jnp.minimum(0.1 * span, 0.5)
    variables = jnp.clip(middle + correction, program.lower + margin, program.upper - margin)

    gradient = program.cost + program.curvature * variables
    reduced, negative = solve_newton(program, factor, gradient, nothing)
    slack_lower = jnp.where(free, variables - program.lower, 1.0)
    slack_upper = jnp.where(free, program.upper - variables, 1.0)
    # Products of slack and dual of one size, however wide or narrow a variable's range.
    typical = jnp.sum(jnp.abs(reduced), axis=(0, 1)) / jnp.maximum(free.sum((0, 1)), 1)
    scale = jnp.maximum(0.1 + typical, barrier)
    return Iterate(
        variables=variables,
        slack_lower=slack_lower,
        slack_upper=slack_upper,
        dual_lower=jnp.where(free, jnp.maximum(reduced, 0.0) + scale / slack_lower, 0.0),
        dual_upper=jnp.where(free, jnp.maximum(-reduced, 0.0) + scale / slack_upper, 0.0),
        multipliers=Multipliers(-negative.balance, -negative.storage),
    )


def _step(program, free, point: Iterate, barrier, tolerance):
    """One predictor-corrector step; returns the new point and the shorter step length."""
    pairs = 2.0 * jnp.maximum(free.sum((0, 1)), 1)
    equations = program.residual(point.variables)
    stationarity = _stationarity(program, free, point)
    stiffness = (
        program.curvature
        + PROXIMITY
        + point.dual_lower / point.slack_lower
        + point.dual_upper / point.slack_upper
    )
    variance = jnp.where(free, 1.0 / jnp.where(free, stiffness, 1.0), 0.0)
    factor = factorise_newton(program, variance)

    def direction(target_lower, target_upper) -> Iterate:
        toward_lower = target_lower / point.slack_lower - point.dual_lower
        toward_upper = target_upper / point.slack_upper - point.dual_upper
        move, multipliers = solve_newton(
            program, factor, toward_lower - toward_upper - stationarity, equations
        )
        ratio_lower = point.dual_lower / point.slack_lower
        ratio_upper = point.dual_upper / point.slack_upper
        return Iterate(
            variables=move,
            slack_lower=move,
            slack_upper=-move,
            dual_lower=jnp.where(free, toward_lower - ratio_lower * move, 0.0),
            dual_upper=jnp.where(free, toward_upper + ratio_upper * move, 0.0),
            multipliers=multipliers,
        )

    # The predictor aims at the barrier itself, so that its second-order term vanishes at the
    # smoothed solution and leaves no bias there.
    predictor = direction(barrier, barrier)
    primal, dual = _step_lengths(point, predictor, free, 1.0)
    mean = _complementarity(point) / pairs
    ahead = _complementarity(_move(point, predictor, primal, dual)) / pairs
    excess = jnp.maximum(mean - barrier, 1e-300)
    centring = jnp.clip((ahead - barrier) / excess, 0.0, 1.0) ** 3
    # Complementarity far below what the gap needs only spoils the linear systems.
    enough = FINAL_SHARE * tolerance * (1 + jnp.abs(program.value(point.variables))) / pairs
    target = jnp.maximum(barrier + centring * excess, jnp.minimum(enough, mean))
    corrector = direction(
        _corrected(target, predictor.slack_lower * predictor.dual_lower, mean, barrier),
        _corrected(target, predictor.slack_upper * predictor.dual_upper, mean, barrier),
    )
    primal, dual = _step_lengths(point, corrector, free, STEP_FRACTION)
    # With curvature, primal and dual residuals mix: a common step keeps both shrinking.
    curved = jnp.any(program.curvature > 0, axis=(0, 1))
    common = jnp.minimum(primal, dual)
    primal, dual = jnp.where(curved, common, primal), jnp.where(curved, common, dual)
    return _move(point, corrector, primal, dual), common


def _corrected(target, second_order, mean, barrier):
    """What complementarity products should become, the second-order term taken into account.

    On a smoothed solve the term must not ask for negative products, which end a step at the
    boundary; and close to the solution plain Newton converges without it.
    """
    corrected = target - second_order
    kept = jnp.where(mean > PLAIN_NEWTON * barrier, jnp.maximum(corrected, 0.1 * target), target)
    return jnp.where(barrier > 0, kept, corrected)


def _step_lengths(point: Iterate, direction: Iterate, free, fraction: float):
    """Largest steps ≤ 1 that keep primal slacks, and duals, positive."""

    def longest(value, change):
        shrinking = free & (change < 0)
        ratio = jnp.where(shrinking, -value / jnp.where(shrinking, change, 1.0), jnp.inf)
        return jnp.min(ratio, axis=(0, 1))

    primal = jnp.minimum(
        longest(point.slack_lower, direction.slack_lower),
        longest(point.slack_upper, direction.slack_upper),
    )
    dual = jnp.minimum(
        longest(point.dual_lower, direction.dual_lower),
        longest(point.dual_upper, direction.dual_upper),
    )
    return jnp.minimum(1.0, fraction * primal), jnp.minimum(1.0, fraction * dual)


def _move(point: Iterate, direction: Iterate, primal, dual) -> Iterate:
    balance = point.multipliers.balance + dual * direction.multipliers.balance
    storage = point.multipliers.storage + dual * direction.multipliers.storage
    return Iterate(
        variables=point.variables + primal * direction.variables,
        slack_lower=point.slack_lower + primal * direction.slack_lower,
        slack_upper=point.slack_upper + primal * direction.slack_upper,
        dual_lower=point.dual_lower + dual * direction.dual_lower,
        dual_upper=point.dual_upper + dual * direction.dual_upper,
        multipliers=Multipliers(balance, storage),
    )


def _stationarity(program: StorageProgram, free, point: Iterate):
    gradient = program.cost + program.curvature * point.variables
    residual = gradient - program.transpose(point.multipliers)
    return jnp.where(free, residual - point.dual_lower + point.dual_upper, 0.0)


def _complementarity(point: Iterate) -> Float[Array, " lane"]:
    lower = jnp.sum(point.slack_lower * point.dual_lower, axis=(0, 1))
    return lower + jnp.sum(point.slack_upper * point.dual_upper, axis=(0, 1))


def _measure(program, free, point: Iterate, barrier) -> tuple[Measures, Bool[Array, " lane"]]:
    equations = program.residual(point.variables)
    primal = jnp.maximum(
        jnp.max(jnp.abs(equations.balance), axis=0),
        jnp.max(jnp.abs(equations.storage), axis=(0, 1), initial=0.0),
    )
    dual = jnp.max(jnp.abs(_stationarity(program, free, point)), axis=(0, 1))
    value, bound = program.value(point.variables), program.dual_bound(point.multipliers)
    distances = jnp.maximum(
        jnp.abs(point.slack_lower * point.dual_lower - barrier),
        jnp.abs(point.slack_upper * point.dual_upper - barrier),
    )
    furthest = jnp.max(jnp.where(free, distances, 0.0), axis=(0, 1))
    smoothed = barrier > 0
    centrality = jnp.where(smoothed, furthest / jnp.where(smoothed, barrier, 1.0), 0.0)
    ceiling = program.box_maximum()
    infeasible = bound > ceiling + 1e-6 * (1 + jnp.abs(ceiling))
    return Measures(primal, dual, (value - bound) / (1 + jnp.abs(value)), centrality), infeasible


def _is_solved(measures: Measures, barrier, tolerance) -> Bool[Array, " lane"]:
    feasible = measures.primal <= jnp.maximum(tolerance, FINEST_RESIDUAL)
    exact = measures.gap <= tolerance
    smoothed = (measures.centrality <= tolerance) & (measures.dual <= tolerance)
    return feasible & jnp.where(barrier > 0, smoothed, exact)


def _all_finite(point: Iterate) -> Bool[Array, " lane"]:
    leaves = jax.tree.leaves(point)
    finite = [jnp.all(jnp.isfinite(x), axis=tuple(range(x.ndim - 1))) for x in leaves]
    return jnp.all(jnp.stack(finite), axis=0)


def _select(condition: Bool[Array, " lane"], new: Iterate, old: Iterate) -> Iterate:
    return jax.tree.map(lambda a, b: jnp.where(condition, a, b), new, old)
