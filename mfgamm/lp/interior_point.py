"""Mehrotra's primal-dual interior point for storage programs, all lanes abreast.

Programs come in normal form: every variable in [0, span], costs and magnitudes of order one. A
variable is then its own lower slack; the upper slack is carried apart and updated, not recomputed:
near the bound the difference would have no digits. A lane that has ended is frozen, and the loop
runs until the last one ends.

Time goes into passes over arrays of variables, so each quantity is formed once: four reciprocals
an iteration serve the Newton matrix, both right-hand sides and both ratio tests.
"""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from mfgamm.core import Status
from mfgamm.lp.newton import factorise_newton, solve_newton
from mfgamm.lp.storage_program import Multipliers, StorageProgram

RUNNING = -1
STEP_FRACTION = 0.999
SMALLEST_STEP = 1e-9
# Equations of normalised size hold to this at best, whatever the gap.
FINEST_RESIDUAL = 1e-10
# And gaps of normalised size come no closer to zero than this.
FINEST_GAP = 1e-13
# Centring never aims below this share of what the tolerance on the gap asks for.
FINAL_SHARE = 0.1
# Mean complementarity, in barriers, below which a smoothed solve drops the second-order term.
PLAIN_NEWTON = 10.0
# A proximal term in the Newton matrix alone: it bounds the matrix's condition, and leaves the
# solution where it is because it acts on the step, which vanishes there. Firm while equations need
# accurate steps; loose once they hold and the duals must settle.
FIRM_PROXIMITY, LOOSE_PROXIMITY = 1e-6, 1e-8

Variables = Float[Array, "variable time lane"]
PerLane = Float[Array, " lane"]


class Goal(eqx.Module):
    """Where the iteration should end.

    Attributes:
        tolerance: on the relative gap (exact) or centrality (smoothed), and on residuals.
        barrier: μ ≥ 0, in units of the normalised objective: 0 for an exact solve.
        origin: objective of the original program where the normal form has its zero; gaps are
            relative to the original objective.
        unit: what one unit of the original objective is in the normal form's, at most 1.
        max_iterations: lanes still running then end with `Status.MAX_ITERATIONS`.
    """

    tolerance: Float[Array, ""]
    barrier: PerLane
    origin: PerLane
    unit: PerLane
    max_iterations: Int[Array, ""]

    @property
    def feasibility(self) -> Float[Array, ""]:
        """What a residual of an equation may be."""
        return jnp.maximum(self.tolerance, FINEST_RESIDUAL)

    def scale(self, value: PerLane) -> PerLane:
        """What a gap is relative to: 1 + |objective|, in the original's units or stricter."""
        return self.unit + jnp.abs(value + self.origin)


class Iterate(eqx.Module):
    """A primal-dual point of a program in normal form.

    Attributes:
        variables: v, strictly inside [0, span]; 0 where fixed.
        slack: span − v; 1 where fixed.
        dual_lower, dual_upper: multipliers of the bounds, > 0; 0 where fixed.
        multipliers: of the equations.
    """

    variables: Variables
    slack: Variables
    dual_lower: Variables
    dual_upper: Variables
    multipliers: Multipliers


class Measures(eqx.Module):
    """How far a point is from optimal, per lane, in the normal form's units.

    Attributes:
        primal: largest residual of an equation.
        dual: largest residual of stationarity.
        gap: objective minus the rigorous dual bound, relative to 1 + |objective|.
        centrality: largest |slack·dual − barrier| relative to the barrier; 0 without one.
    """

    primal: PerLane
    dual: PerLane
    gap: PerLane
    centrality: PerLane


class Residuals(NamedTuple):
    """What is left of the optimality conditions at a point, kept for the next step."""

    equations: Multipliers
    stationarity: Variables


class Outcome(eqx.Module):
    """Where the iteration stands: the point, its residuals and measures, status, count."""

    iterate: Iterate
    residuals: Residuals
    measures: Measures
    status: Int[Array, " lane"]
    iterations: Int[Array, " lane"]


def run_interior_point(
    program: StorageProgram, goal: Goal, start: Iterate | None = None
) -> Outcome:
    """Solve a batch in normal form: lower bounds 0, costs and magnitudes of order one.

    Args:
        program: the batch.
        goal: where to end.
        start: a point strictly inside; the least-squares point of `initial_point` if None.
    """
    free = is_free(program)
    none = jnp.zeros(program.lanes, jnp.int32)

    def judged(iterate: Iterate, step_length, active, before: Outcome) -> Outcome:
        residuals, measures, infeasible = _assess(program, free, iterate, goal)
        iterations = before.iterations + active
        endings = [
            (~active, before.status),
            (~jnp.isfinite(step_length), Status.BREAKDOWN),
            (_is_solved(measures, goal), Status.CONVERGED),
            (infeasible, Status.INFEASIBLE),
            (step_length < SMALLEST_STEP, Status.BREAKDOWN),
            (iterations >= goal.max_iterations, Status.MAX_ITERATIONS),
        ]
        conditions, statuses = zip(*endings, strict=True)
        status = jnp.select(list(conditions), [none + s for s in statuses], RUNNING)
        return Outcome(iterate, residuals, measures, status, iterations)

    def advance(carry: Outcome) -> Outcome:
        active = carry.status == RUNNING
        iterate, step_length = _step(program, free, carry, goal, active)
        return judged(iterate, step_length, active, carry)

    if start is None:
        start = initial_point(program, free, goal.barrier)
    residuals, measures, _ = _assess(program, free, start, goal)
    opening = Outcome(start, residuals, measures, none + RUNNING, none)
    return jax.lax.while_loop(lambda carry: jnp.any(carry.status == RUNNING), advance, opening)


def is_free(program: StorageProgram) -> Bool[Array, "variable time lane"]:
    """Variables that have room to move; the others are fixed at their lower bound."""
    return program.upper - program.lower > 1e-11 * (1 + jnp.abs(program.upper))


def initial_point(
    program: StorageProgram, free: Bool[Array, "variable time lane"], barrier: PerLane
) -> Iterate:
    """Mehrotra's start: least-squares primal and dual points, pushed inside."""
    span = jnp.where(free, program.upper, 0.0)
    # Distances in states relative to their range: a huge store gives way before a small flow does,
    # and its own flows stay as small as the others.
    flows = span.shape[0] - program.stores
    reach = jnp.concatenate([jnp.minimum(span[:flows], 2.0), span[flows:]])
    factor = factorise_newton(program, reach**2)
    middle = 0.5 * jnp.minimum(span, 2.0)
    zero = jnp.zeros_like(span)
    nothing = Multipliers(jnp.zeros_like(program.balance), jnp.zeros_like(program.inflow))
    correction, _ = solve_newton(program, factor, zero, program.residual(middle))
    margin = jnp.minimum(0.1 * span, 0.5)
    variables = jnp.clip(middle + correction, margin, span - margin)

    gradient = _gradient(program, variables)
    _, negative = solve_newton(program, factor, gradient, nothing)
    multipliers = jax.tree.map(jnp.negative, negative)
    reduced = jnp.where(free, gradient - program.transpose(multipliers), 0.0)
    lower, slack = jnp.where(free, variables, 1.0), jnp.where(free, span - variables, 1.0)
    # Products of slack and dual of one size, however wide or narrow a variable's range.
    typical = jnp.sum(jnp.abs(reduced), axis=(0, 1)) / jnp.maximum(free.sum((0, 1)), 1)
    scale = jnp.maximum(0.1 + typical, barrier)
    return Iterate(
        variables=variables,
        slack=slack,
        dual_lower=jnp.where(free, jnp.maximum(reduced, 0.0) + scale / lower, 0.0),
        dual_upper=jnp.where(free, jnp.maximum(-reduced, 0.0) + scale / slack, 0.0),
        multipliers=multipliers,
    )


def _step(program, free, current: Outcome, goal: Goal, active):
    """One predictor-corrector step of the active lanes; returns the point and its step length."""
    barrier, point, residuals = goal.barrier, current.iterate, current.residuals
    pairs = 2.0 * jnp.maximum(free.sum((0, 1)), 1)
    per_lower = 1.0 / jnp.where(free, point.variables, 1.0)
    per_upper = 1.0 / point.slack
    ratio_lower, ratio_upper = point.dual_lower * per_lower, point.dual_upper * per_upper
    lagging = current.measures.primal > goal.feasibility
    proximity = jnp.where(lagging, FIRM_PROXIMITY, LOOSE_PROXIMITY)
    stiffness = ratio_lower + ratio_upper + proximity / jnp.maximum(1.0, program.upper**2)
    if program.curvature is not None:
        stiffness = stiffness + program.curvature
    factor = factorise_newton(program, jnp.where(free, 1.0 / stiffness, 0.0))

    def direction(
        target_lower, target_upper
    ) -> tuple[Variables, Variables, Variables, Multipliers]:
        """Newton's step towards slack·dual = target: of v, of the two duals, of y."""
        toward_lower = target_lower * per_lower - point.dual_lower
        toward_upper = target_upper * per_upper - point.dual_upper
        move, multipliers = solve_newton(
            program,
            factor,
            toward_lower - toward_upper - residuals.stationarity,
            residuals.equations,
        )
        lower = jnp.where(free, toward_lower - ratio_lower * move, 0.0)
        upper = jnp.where(free, toward_upper + ratio_upper * move, 0.0)
        return move, lower, upper, multipliers

    def step_lengths(move, lower, upper) -> tuple[PerLane, PerLane]:
        """Largest steps that keep slacks, and duals, nonnegative."""
        primal = jnp.maximum(-move * per_lower, move * per_upper)
        dual = jnp.maximum(
            -lower / jnp.where(free, point.dual_lower, 1.0),
            -upper / jnp.where(free, point.dual_upper, 1.0),
        )
        shrink_primal, shrink_dual = (jnp.max(x, axis=(0, 1)) for x in (primal, dual))
        return 1 / jnp.maximum(shrink_primal, 1e-30), 1 / jnp.maximum(shrink_dual, 1e-30)

    # The predictor aims at the barrier itself, so that its second-order term vanishes at the
    # smoothed solution and leaves no bias there.
    move, lower, upper, _ = direction(barrier, barrier)
    primal, dual = (jnp.minimum(1.0, x) for x in step_lengths(move, lower, upper))
    mean = _complementarity(point) / pairs
    ahead = _sum(
        (point.variables + primal * move) * (point.dual_lower + dual * lower)
        + jnp.where(free, point.slack - primal * move, 0.0) * (point.dual_upper + dual * upper)
    )
    target = _centring(program, point, mean, ahead / pairs, goal, pairs)
    # Steps that stop short, both of them, bring about less of the second-order term.
    covered = 1 - (1 - primal) * (1 - dual)
    second_lower, second_upper = covered * move * lower, -covered * move * upper
    move, lower, upper, multipliers = direction(
        _corrected(target, second_lower, mean, barrier),
        _corrected(target, second_upper, mean, barrier),
    )
    primal, dual = (jnp.minimum(1.0, STEP_FRACTION * x) for x in step_lengths(move, lower, upper))
    if program.curvature is not None:
        # With curvature the residuals mix: a common step keeps both shrinking.
        primal = dual = jnp.minimum(primal, dual)
    length = jnp.minimum(primal, dual)
    moving = active & jnp.isfinite(length)

    def moved(value, change, step):
        return jnp.where(moving, value + step * change, value)

    iterate = Iterate(
        variables=moved(point.variables, move, primal),
        slack=moved(point.slack, -move, primal),
        dual_lower=moved(point.dual_lower, lower, dual),
        dual_upper=moved(point.dual_upper, upper, dual),
        multipliers=Multipliers(
            moved(point.multipliers.balance, multipliers.balance, dual),
            moved(point.multipliers.storage, multipliers.storage, dual),
        ),
    )
    return iterate, length


def _centring(program, point: Iterate, mean, ahead, goal: Goal, pairs) -> PerLane:
    """Mehrotra's target for the complementarity products."""
    excess = jnp.maximum(mean - goal.barrier, 1e-300)
    centring = jnp.clip((ahead - goal.barrier) / excess, 0.0, 1.0) ** 3
    # Complementarity far below what the gap needs only spoils the linear systems.
    enough = FINAL_SHARE * goal.tolerance * goal.scale(program.value(point.variables)) / pairs
    return jnp.maximum(goal.barrier + centring * excess, jnp.minimum(enough, mean))


def _corrected(target, second_order, mean, barrier) -> Variables:
    """What complementarity products should become, the second-order term taken into account.

    On a smoothed solve the term must not ask for negative products, which end a step at the
    boundary; and close to the solution plain Newton converges without it.
    """
    corrected = target - second_order
    kept = jnp.where(mean > PLAIN_NEWTON * barrier, jnp.maximum(corrected, 0.1 * target), target)
    return jnp.where(barrier > 0, kept, corrected)


def _assess(
    program: StorageProgram, free, point: Iterate, goal: Goal
) -> tuple[Residuals, Measures, Bool[Array, " lane"]]:
    """Residuals and measures at a point, and whether its multipliers prove infeasibility."""
    equations = program.residual(point.variables)
    reduced = _gradient(program, point.variables) - program.transpose(point.multipliers)
    stationarity = jnp.where(free, reduced - point.dual_lower + point.dual_upper, 0.0)
    primal = jnp.maximum(
        jnp.max(jnp.abs(equations.balance), axis=0),
        jnp.max(jnp.abs(equations.storage), axis=(0, 1), initial=0.0),
    )
    value, bound = program.value(point.variables), program.dual_bound(point.multipliers)
    barrier, smoothed = goal.barrier, goal.barrier > 0
    furthest = jnp.maximum(
        jnp.abs(point.variables * point.dual_lower - barrier),
        jnp.abs(point.slack * point.dual_upper - barrier),
    )
    furthest = jnp.max(jnp.where(free, furthest, 0.0), axis=(0, 1))
    measures = Measures(
        primal=primal,
        dual=jnp.max(jnp.abs(stationarity), axis=(0, 1)),
        gap=(value - bound) / goal.scale(value),
        centrality=jnp.where(smoothed, furthest / jnp.where(smoothed, barrier, 1.0), 0.0),
    )
    # Infeasible for certain: were every equation violated by what counts as feasible, the bound
    # would still exceed what any point of the box costs.
    multipliers = jnp.concatenate([point.multipliers.balance[None], point.multipliers.storage])
    doubt = goal.feasibility * jnp.sum(jnp.abs(multipliers), axis=(0, 1))
    ceiling = program.box_maximum()
    infeasible = bound > ceiling + 1e-6 * (1 + jnp.abs(ceiling)) + doubt
    return Residuals(equations, stationarity), measures, infeasible


def _is_solved(measures: Measures, goal: Goal) -> Bool[Array, " lane"]:
    feasible = measures.primal <= goal.feasibility
    exact = measures.gap <= goal.tolerance
    smoothed = (measures.centrality <= goal.tolerance) & (measures.dual <= goal.tolerance)
    return feasible & jnp.where(goal.barrier > 0, smoothed, exact)


def _gradient(program: StorageProgram, variables: Variables) -> Variables:
    if program.curvature is None:
        return program.cost
    return program.cost + program.curvature * variables


def _complementarity(point: Iterate) -> PerLane:
    # Fixed variables have duals of zero and add nothing.
    return _sum(point.variables * point.dual_lower + point.slack * point.dual_upper)


def _sum(terms: Variables) -> PerLane:
    return jnp.sum(terms, axis=(0, 1))
