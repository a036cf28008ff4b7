"""The planner's program over mixtures of given plans, by a primal-dual interior point method.

    minimise    Σ_n w_n Σ_k share_kn·worth_kn + Σ_t [‖y_t‖ + ½·penalty_t·‖y_t‖²]
    subject to  y = Σ_n w_n Σ_k share_kn·pull_kn,   shares of each type on the simplex

(AMM paper, "Planner Problem", where the penalty is the Tikhonov term). With the multipliers
cost_n of the simplices, and u_t in the unit ball for the norms, optimality reads

    slack_kn = worth_kn + pull_kn·(u + penalty·y) − cost_n ≥ 0,        share_kn·slack_kn = μ
    y_t = 2·tension_t·u_t,                                  tension_t·(1 − ‖u_t‖²) = μ

as μ → 0. Newton's step eliminates the shares type by type; what is left is one positive definite
system in u, of the size of the horizon, whatever the number of households.
"""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from mfgamm.planner.block_diagonal import block_diagonal

# Share of the way to the boundary that a step may go.
REACH = 0.99


class MixtureProgram(eqx.Module):
    """The data of the program.

    Attributes:
        worth: linear cost of each plan, €.
        pull: of each plan on the norms' arguments, €.
        held: which places hold a plan.
        mass: w, of each type.
        penalty: of the squared norms, 1/€; zero for the planner's exact problem.
    """

    worth: Float[Array, "plan type"]
    pull: Float[Array, "plan type moment coordinate"]
    held: Bool[Array, "plan type"]
    mass: Float[Array, " type"]
    penalty: Float[Array, " moment"]

    def aggregate(self, shares: Float[Array, "plan type"]) -> Float[Array, "moment coordinate"]:
        """y, €."""
        weights = shares * self.mass
        return jnp.einsum("kn,kntc->tc", weights, self.pull, precision="highest")

    def value(self, shares: Float[Array, "plan type"]) -> Float[Array, ""]:
        """The objective, €."""
        norms = jnp.linalg.norm(self.aggregate(shares), axis=-1)
        curved = jnp.sum(norms + 0.5 * self.penalty * norms**2)
        return jnp.sum(shares * self.mass * self.worth) + curved

    def reduced(self, price: Float[Array, "moment coordinate"]) -> Float[Array, "plan type"]:
        """What each plan costs its household at a dual price, €; infinite where none is held."""
        cost = self.worth + jnp.einsum("kntc,tc->kn", self.pull, price, precision="highest")
        return jnp.where(self.held, cost, jnp.inf)

    def bound(self, price: Float[Array, "moment coordinate"]) -> Float[Array, ""]:
        """A lower bound on the objective, €, for any dual price (Fenchel).

        The penalised norm's conjugate is (‖price‖ − 1)⁺²/(2·penalty); without a penalty the price
        has to lie in the unit ball, and the conjugate is zero.
        """
        excess = jnp.maximum(jnp.linalg.norm(price, axis=-1) - 1.0, 0.0)
        penalised = self.penalty > 0
        conjugate = jnp.where(
            penalised, excess**2 / (2 * jnp.where(penalised, self.penalty, 1.0)), 0.0
        )
        return self.mass @ jnp.min(self.reduced(price), axis=0) - jnp.sum(conjugate)


class MixturePoint(NamedTuple):
    """Where the method stands; names as in the module's equations."""

    shares: Float[Array, "plan type"]
    slack: Float[Array, "plan type"]
    cost: Float[Array, " type"]
    dual: Float[Array, "moment coordinate"]
    tension: Float[Array, " moment"]


class MixtureSolution(NamedTuple):
    """What the method returns.

    Attributes:
        shares: feasible.
        price: the dual price, u + penalty·y.
        gap: duality gap of the program, €; rigorous.
        iterations: taken.
    """

    shares: Float[Array, "plan type"]
    price: Float[Array, "moment coordinate"]
    gap: Float[Array, ""]
    iterations: Int[Array, ""]


@eqx.filter_jit
def solve_mixture(
    program: MixtureProgram,
    shares: Float[Array, "plan type"],
    dual: Float[Array, "moment coordinate"],
    target: Float[Array, ""],
    max_iterations: Int[Array, ""],
) -> MixtureSolution:
    """Solve to a duality gap of `target`, €.

    Args:
        program: the data.
        shares: to start from, on the simplex of every type.
        dual: to start from, in the ball.
        target: on the gap.
        max_iterations: after which the last point is returned as it is.
    """

    def unfinished(carry):
        _, gap, iteration = carry
        return (gap > target) & (iteration < max_iterations)

    def step(carry):
        point, _, iteration = carry
        point = _newton_step(program, point)
        return point, _gap(program, point), iteration + 1

    point = _start(program, shares, dual, target)
    point, gap, iterations = jax.lax.while_loop(
        unfinished, step, (point, jnp.asarray(jnp.inf), jnp.asarray(0))
    )
    return MixtureSolution(point.shares, _price(program, point), gap, iterations)


def _price(program: MixtureProgram, point: MixturePoint) -> Float[Array, "moment coordinate"]:
    return point.dual + program.penalty[:, None] * program.aggregate(point.shares)


def _gap(program: MixtureProgram, point: MixturePoint) -> Float[Array, ""]:
    return program.value(point.shares) - program.bound(_price(program, point))


def _start(
    program: MixtureProgram,
    shares: Float[Array, "plan type"],
    dual: Float[Array, "moment coordinate"],
    target: Float[Array, ""],
) -> MixturePoint:
    """A point off every boundary: all plans in use, the dual inside its ball."""
    held = program.held
    evenly = held / jnp.sum(held, axis=0)
    shares = jnp.where(held, 0.9 * shares + 0.1 * evenly, 0.0)
    dual = dual * (0.9 / jnp.maximum(jnp.linalg.norm(dual, axis=-1, keepdims=True), 0.9))
    price = dual + program.penalty[:, None] * program.aggregate(shares)
    reduced = program.reduced(price)
    best = jnp.min(reduced, axis=0)
    spread = jnp.sum(jnp.where(held, shares * (reduced - best), 0.0), axis=0)
    level = jnp.maximum(program.mass @ spread, target) / jnp.sum(program.mass)
    cost = best - level
    room = 1 - jnp.sum(dual**2, axis=-1)
    norm = jnp.linalg.norm(program.aggregate(shares), axis=-1)
    return MixturePoint(
        shares=shares,
        slack=jnp.where(held, reduced - cost, 1.0),
        cost=cost,
        dual=dual,
        tension=jnp.maximum(0.5 * norm, level / (jnp.sum(held, axis=0).mean() * room)),
    )


class _Target(NamedTuple):
    """Right-hand sides of a Newton step: what complementarity is to be, less second-order terms."""

    shares: Float[Array, "plan type"]
    tension: Float[Array, " moment"]
    balance: Float[Array, "moment coordinate"]


def _newton_step(program: MixtureProgram, point: MixturePoint) -> MixturePoint:
    """Mehrotra's predictor and corrector with one factorisation, and one common step."""
    solve = _factorise(program, point)
    level = _level(program, point)
    nothing = jnp.zeros_like
    affine = solve(_Target(nothing(point.shares), nothing(point.tension), nothing(point.dual)))
    reached = _moved(point, affine, _longest_step(program, point, affine))
    centring = (_level(program, reached) / level) ** 3
    aim = centring * level
    move = solve(
        _Target(
            shares=aim - affine.shares * affine.slack,
            tension=aim
            + 2 * affine.tension * jnp.sum(point.dual * affine.dual, axis=-1)
            + point.tension * jnp.sum(affine.dual**2, axis=-1),
            balance=2 * affine.tension[:, None] * affine.dual,
        )
    )
    return _moved(point, move, REACH * _longest_step(program, point, move))


def _level(program: MixtureProgram, point: MixturePoint) -> Float[Array, ""]:
    """Average complementarity, €: the barrier parameter that the point belongs to."""
    pairs = jnp.where(program.held, point.shares * point.slack, 0.0)
    balls = point.tension * (1 - jnp.sum(point.dual**2, axis=-1))
    count = program.mass @ jnp.sum(program.held, axis=0) + balls.size
    return (jnp.sum(program.mass * pairs) + jnp.sum(balls)) / count


def _factorise(program: MixtureProgram, point: MixturePoint):
    """The Newton system at a point, factorised: a function from targets to moves."""
    held, mass = program.held, program.mass
    shape = point.dual.shape
    ratio = jnp.where(held, point.shares / point.slack, 0.0)
    total = jnp.sum(ratio, axis=0)
    pull = program.pull.reshape(*ratio.shape, -1)
    centre = jnp.einsum("kn,knp->np", ratio, pull, precision="highest") / total[:, None]
    centred = jnp.where(held[..., None], pull - centre, 0.0).reshape(-1, pull.shape[-1])
    weighted = centred * (ratio * mass).reshape(-1, 1)
    response = jnp.matmul(centred.T, weighted, precision="highest")

    room = 1 - jnp.sum(point.dual**2, axis=-1)
    unit = jnp.eye(shape[1])
    outer = point.dual[:, :, None] * point.dual[:, None, :]
    stiffness = 2 * point.tension[:, None, None] * (unit + 2 * outer / room[:, None, None])
    damping = unit + program.penalty[:, None, None] * stiffness
    softened = jnp.linalg.solve(damping, stiffness)
    matrix = response + block_diagonal(softened)
    # Symmetric scaling: rows belong to moments of very different worth.
    scale = 1 / jnp.sqrt(jnp.diagonal(matrix))
    factor = jax.scipy.linalg.cho_factor(scale[:, None] * matrix * scale)
    aggregate = program.aggregate(point.shares)

    def solve(target: _Target) -> MixturePoint:
        push = jnp.where(held, (target.shares - point.shares * point.slack) / point.slack, 0.0)
        lift = jnp.sum(push, axis=0) / total
        source = jnp.matmul(
            centred.T, ((push - ratio * lift) * mass).reshape(-1), precision="highest"
        ).reshape(shape)
        excess = target.tension - point.tension * room
        residual = (
            aggregate
            - 2 * point.tension[:, None] * point.dual
            - 2 * point.dual * (excess / room)[:, None]
            - target.balance
        )
        right = source + jnp.linalg.solve(damping, residual[..., None])[..., 0]
        price = scale * jax.scipy.linalg.cho_solve(factor, scale * right.reshape(-1))
        along = jnp.einsum("knp,p->kn", pull, price, precision="highest")
        mean = jnp.sum(ratio * along, axis=0) / total
        cost = mean - lift
        slack = along - cost
        shares = push - ratio * slack
        change = source.reshape(-1) - response @ price
        dual = price.reshape(shape) - program.penalty[:, None] * change.reshape(shape)
        inward = 2 * point.tension * jnp.sum(point.dual * dual, axis=-1)
        return MixturePoint(
            shares=jnp.where(held, shares, 0.0),
            slack=jnp.where(held, slack, 0.0),
            cost=cost,
            dual=dual,
            tension=(excess + inward) / room,
        )

    return solve


def _longest_step(
    program: MixtureProgram, point: MixturePoint, move: MixturePoint
) -> Float[Array, ""]:
    """The largest step in (0, 1] that keeps everything on its side of its boundary."""

    def to_zero(value, change):
        falling = change < 0
        return jnp.min(jnp.where(falling, -value / jnp.where(falling, change, 1.0), jnp.inf))

    across = jnp.sum(point.dual * move.dual, axis=-1)
    squared = jnp.sum(move.dual**2, axis=-1)
    room = 1 - jnp.sum(point.dual**2, axis=-1)
    # Positive root of |u + α·du|² = 1, in the form that does not cancel.
    root = jnp.sqrt(across**2 + squared * room)
    to_sphere = room / jnp.where(across + root > 0, across + root, jnp.finfo(room.dtype).tiny)
    limits = [
        to_zero(jnp.where(program.held, point.shares, 1.0), move.shares),
        to_zero(point.slack, move.slack),
        to_zero(point.tension, move.tension),
        jnp.min(to_sphere),
    ]
    return jnp.minimum(1.0, jnp.min(jnp.stack(limits)))


def _moved(point: MixturePoint, move: MixturePoint, step: Float[Array, ""]) -> MixturePoint:
    return jax.tree.map(lambda old, change: old + step * change, point, move)
