"""One interior point for all households and the community's cost of exchange together.

‖y‖ is the largest u·y over the unit ball, so households face cost + Pᵀu, that is, a price, and

    y_t = 2·tension_t·u_t,       tension_t·(1 − ‖u_t‖²) = μ,       slack·dual = μ for every bound,

as μ → 0 (y, P as in `community_program`). Newton's step is solved exactly, at a cost that is linear
in the number of households. The problem is convex: steps converge whatever the start, and their
number hardly depends on how many households there are.
"""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from mfgamm.planner.block_diagonal import block_diagonal
from mfgamm.planner.community_newton import (
    factorise_households,
    population_response,
    solve_households,
)
from mfgamm.planner.community_program import CommunityMultipliers, CommunityProgram, Group

REACH = 0.995
# Iterations whose gap is kept.
RECORDED = 200
# Equations hold to this, kW and kWh, when the method ends.
FINEST_RESIDUAL = 1e-9
# Centring never aims below this share of what the tolerance asks for.
FINAL_SHARE = 0.1
# A proximal term in the Newton matrix alone: it bounds the matrix's condition, and leaves the
# solution where it is because it acts on the step, which vanishes there.
PROXIMITY = 1e-12


class Point(NamedTuple):
    """A primal-dual point.

    Attributes:
        variables, slack: distance from the lower and the upper bound; 0 and 1 where fixed.
        dual_lower, dual_upper: multipliers of the bounds; 0 where fixed.
        multipliers: of the households' equations.
        dual: u.
        tension: of each moment, €.
    """

    variables: Group
    slack: Group
    dual_lower: Group
    dual_upper: Group
    multipliers: CommunityMultipliers
    dual: Float[Array, "scenario time coordinate"]
    tension: Float[Array, "scenario time"]


class Goal(NamedTuple):
    """When the method ends.

    Attributes:
        tolerance: on the gap, relative to what is saved against `benchmark`.
        benchmark: cost with the grid alone, €.
        nominal: the least that counts as a saving, €.
    """

    tolerance: Float[Array, ""]
    benchmark: Float[Array, ""]
    nominal: Float[Array, ""]

    def target(self, value: Float[Array, ""]) -> Float[Array, ""]:
        """The gap, €, that is small enough at an objective of `value`."""
        return self.tolerance * jnp.maximum(self.benchmark - value, self.nominal)


class Run(NamedTuple):
    """Where the method stands.

    Attributes:
        point: the last.
        value: objective there, €.
        gap: objective less its rigorous bound, €; meaningful once the equations hold.
        infeasibility: worst residual of an equation, kW or kWh.
        iterations: taken.
        gaps: after each of the first iterations; nan beyond.
    """

    point: Point
    value: Float[Array, ""]
    gap: Float[Array, ""]
    infeasibility: Float[Array, ""]
    iterations: Int[Array, ""]
    gaps: Float[Array, " iteration"]


class _Target(NamedTuple):
    """What complementarity is to be, less second-order terms."""

    lower: Group
    upper: Group
    tension: Float[Array, "scenario time"]
    balance: Float[Array, "scenario time coordinate"]


@eqx.filter_jit
def run_interior_point(
    program: CommunityProgram, start: Point, goal: Goal, max_iterations: Int[Array, ""]
) -> Run:
    """Iterate until the gap meets the goal, and the equations hold."""

    def unfinished(run: Run):
        done = (run.gap <= goal.target(run.value)) & (run.infeasibility <= FINEST_RESIDUAL)
        sound = jnp.isfinite(run.gap) & jnp.isfinite(run.infeasibility)
        return ~done & sound & (run.iterations < max_iterations)

    def step(run: Run):
        point = _newton_step(program, run.point, goal.target(run.value))
        value, gap, infeasibility = _assess(program, point)
        gaps = run.gaps.at[run.iterations].set(gap, mode="drop")
        return Run(point, value, gap, infeasibility, run.iterations + 1, gaps)

    unknown = jnp.full(RECORDED, jnp.nan)
    first = Run(start, *_assess(program, start), jnp.asarray(0), unknown)
    return jax.lax.while_loop(unfinished, step, first)


def interior_start(
    program: CommunityProgram,
    variables: Group,
    multipliers: CommunityMultipliers,
    barrier: Float[Array, ""],
) -> Point:
    """A point off every boundary near the variables given, complementarity about `barrier`, €."""

    def inside(value, span):
        return jnp.where(span > 0, jnp.clip(value, 1e-3 * span, (1 - 1e-3) * span), 0.0)

    variables = _each(inside, variables, program.span)
    slack = _each(lambda x, s: jnp.where(s > 0, s - x, 1.0), variables, program.span)
    norm = jnp.linalg.norm(program.aggregate(variables), axis=-1)
    return Point(
        variables=variables,
        slack=slack,
        dual_lower=_each(
            lambda x, s: jnp.where(s > 0, barrier / jnp.where(s > 0, x, 1.0), 0.0),
            variables,
            program.span,
        ),
        dual_upper=_each(lambda x, s: jnp.where(s > 0, barrier / x, 0.0), slack, program.span),
        multipliers=multipliers,
        dual=jnp.zeros(program.pull.shape[1:]),
        tension=jnp.maximum(0.5 * norm, barrier),
    )


def _assess(program: CommunityProgram, point: Point):
    left = program.residual(point.variables)
    infeasibility = jnp.maximum(
        jnp.max(jnp.abs(left.balance)), jnp.max(jnp.abs(left.storage), initial=0.0)
    )
    value = program.value(point.variables)
    return value, value - program.bound(point.multipliers, point.dual), infeasibility


def _newton_step(program: CommunityProgram, point: Point, target: Float[Array, ""]) -> Point:
    """Mehrotra's predictor and corrector with one factorisation."""
    solve = _factorise(program, point)
    nothing = _each(jnp.zeros_like, point.variables)
    affine = solve(_Target(nothing, nothing, 0 * point.tension, 0 * point.dual))
    level = _level(program, point)
    reached = _moved(point, affine, *_longest_steps(program, point, affine))
    centring = jnp.clip(_level(program, reached) / level, 0.0, 1.0) ** 3
    aim = jnp.maximum(centring * level, FINAL_SHARE * target / _count(program))

    def less_second_order(change, dual_change, span):
        return jnp.where(span > 0, aim - change * dual_change, 0.0)

    move = solve(
        _Target(
            lower=_each(less_second_order, affine.variables, affine.dual_lower, program.span),
            upper=_each(less_second_order, affine.slack, affine.dual_upper, program.span),
            tension=aim
            + 2 * affine.tension * jnp.sum(point.dual * affine.dual, axis=-1)
            + point.tension * jnp.sum(affine.dual**2, axis=-1),
            balance=2 * affine.tension[..., None] * affine.dual,
        )
    )
    primal, dual = _longest_steps(program, point, move)
    return _moved(point, move, REACH * primal, REACH * dual)


def _factorise(program: CommunityProgram, point: Point):
    """The Newton system at a point, factorised: a function from targets to moves."""
    span = program.span
    per_variable = _each(_reciprocal, point.variables, span)
    per_slack = _each(_reciprocal, point.slack, span)
    lower = _each(jnp.multiply, point.dual_lower, per_variable)
    upper = _each(jnp.multiply, point.dual_upper, per_slack)
    variance = _each(lambda a, b, s: _reciprocal(a + b + PROXIMITY, s), lower, upper, span)
    factor = factorise_households(program, variance)
    shape, room = point.dual.shape, _room(point)
    size = point.dual.size
    response = population_response(program, factor).reshape(size, size)
    outer = point.dual[..., :, None] * point.dual[..., None, :]
    stiffness = (
        2
        * point.tension[..., None, None]
        * (jnp.eye(shape[-1]) + 2 * outer / room[..., None, None])
    )
    matrix = response + block_diagonal(stiffness.reshape(-1, shape[-1], shape[-1]))
    # Symmetric scaling: rows belong to moments of very different worth.
    scale = 1 / jnp.sqrt(jnp.diagonal(matrix))
    scaled = scale[:, None] * matrix * scale + 1e-14 * jnp.eye(size)
    dense = jax.scipy.linalg.cho_factor(scaled)

    stationarity = _each(
        lambda cost, extra, adjoint, low, high: adjoint - cost - extra + low - high,
        program.cost,
        program.charged(point.dual),
        program.transpose(point.multipliers),
        point.dual_lower,
        point.dual_upper,
    )
    equations = program.residual(point.variables)
    tilted = program.aggregate(point.variables) - 2 * point.tension[..., None] * point.dual

    def solve(target: _Target) -> Point:
        at_lower = _each(lambda t, p, d: t * p - d, target.lower, per_variable, point.dual_lower)
        at_upper = _each(lambda t, p, d: t * p - d, target.upper, per_slack, point.dual_upper)
        source = _each(
            lambda r, low, high, s: jnp.where(s > 0, r + low - high, 0.0),
            stationarity,
            at_lower,
            at_upper,
            span,
        )
        alone, _ = solve_households(program, factor, source, equations)
        excess = target.tension - point.tension * room
        right = tilted + program.aggregate(alone) - target.balance
        right = right - 2 * point.dual * (excess / room)[..., None]
        dual = scale * jax.scipy.linalg.cho_solve(dense, scale * right.reshape(-1))
        dual = dual.reshape(shape)
        source = _each(
            lambda r, extra, s: jnp.where(s > 0, r - extra, 0.0),
            source,
            program.charged(dual),
            span,
        )
        move, multipliers = solve_households(program, factor, source, equations)
        inward = 2 * point.tension * jnp.sum(point.dual * dual, axis=-1)
        return Point(
            variables=move,
            slack=_each(jnp.negative, move),
            dual_lower=_each(lambda a, k, x: a - k * x, at_lower, lower, move),
            dual_upper=_each(lambda a, k, x: a + k * x, at_upper, upper, move),
            multipliers=multipliers,
            dual=dual,
            tension=(excess + inward) / room,
        )

    return solve


def _count(program: CommunityProgram) -> Float[Array, ""]:
    """Number of complementarities, households' weighted."""
    free = _each(lambda span: jnp.sum(span > 0, axis=tuple(range(span.ndim - 1))), program.span)
    balls = program.pull.shape[1] * program.pull.shape[2]
    return 2 * (program.mass @ (free.trade + free.stores)) + balls


def _level(program: CommunityProgram, point: Point) -> Float[Array, ""]:
    """Average complementarity, €: the barrier parameter that the point belongs to."""
    pairs = _each(
        lambda x, low, s, high: jnp.sum(x * low + s * high, axis=tuple(range(x.ndim - 1))),
        point.variables,
        point.dual_lower,
        point.slack,
        point.dual_upper,
    )
    balls = jnp.sum(point.tension * _room(point))
    return (program.mass @ (pairs.trade + pairs.stores) + balls) / _count(program)


def _room(point: Point) -> Float[Array, "scenario time"]:
    return 1 - jnp.sum(point.dual**2, axis=-1)


def _longest_steps(
    program: CommunityProgram, point: Point, move: Point
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """The largest primal and dual steps in (0, 1] that cross no boundary."""

    def to_zero(value, change, where=True):
        falling = where & (change < 0)
        return jnp.min(
            jnp.where(falling, -value / jnp.where(falling, change, 1.0), 1.0), initial=1.0
        )

    def of_groups(values: Group, changes: Group):
        steps = _each(lambda v, c, s: to_zero(v, c, s > 0), values, changes, program.span)
        return jnp.minimum(steps.trade, steps.stores)

    across = jnp.sum(point.dual * move.dual, axis=-1)
    room = _room(point)
    # Positive root of ‖u + α·du‖² = 1, in the form that does not cancel.
    root = across + jnp.sqrt(across**2 + jnp.sum(move.dual**2, axis=-1) * room)
    to_sphere = room / jnp.where(root > 0, root, jnp.finfo(room.dtype).tiny)
    primal = [
        of_groups(point.variables, move.variables),
        of_groups(point.slack, move.slack),
        to_zero(point.tension, move.tension),
    ]
    dual = [
        of_groups(point.dual_lower, move.dual_lower),
        of_groups(point.dual_upper, move.dual_upper),
        jnp.min(to_sphere),
    ]
    return jnp.stack(primal).min(), jnp.minimum(1.0, jnp.stack(dual).min())


def _moved(point: Point, move: Point, primal, dual) -> Point:
    def along(step):
        return lambda old, change: old + step * change

    return Point(
        variables=_each(along(primal), point.variables, move.variables),
        slack=_each(along(primal), point.slack, move.slack),
        dual_lower=_each(along(dual), point.dual_lower, move.dual_lower),
        dual_upper=_each(along(dual), point.dual_upper, move.dual_upper),
        multipliers=_each(along(dual), point.multipliers, move.multipliers),
        dual=along(dual)(point.dual, move.dual),
        tension=along(primal)(point.tension, move.tension),
    )


def _reciprocal(value, span):
    free = span > 0
    return jnp.where(free, 1 / jnp.where(free, value, 1.0), 0.0)


_each = jax.tree.map
