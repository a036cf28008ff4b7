"""The central path of the game: a smooth equilibrium for every barrier, exact in the limit.

For a barrier μ > 0 every household minimises its cost − μ·Σ log(slack), and the market is blurred
at balance. All conditions together,

    cost(π) − Aᵀy − z₁ + z₂ = 0,    A·v = b,    slack·z = μ,    π = P(Σ w·sell, Σ w·buy),

are solved by Newton steps on households and prices at once. Eliminating the households from the
converged conditions instead, as a fixed point in prices does, makes maps too sharp for Newton's
method; here their sharpness is followed as it grows. Given the step in prices, households decouple;
what is left is one dense system in the prices, with the population's response as its matrix.
"""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from mfgamm.core import Flows, Prices
from mfgamm.equilibrium.community import Game
from mfgamm.lp import InteriorPoint, Multipliers, StorageProgram, exchange_response, newton_step
from mfgamm.market import AbstractMarket

# Share of the way to the boundary that a step may take.
REACH = 0.9
# A proximal term in the Newton matrix alone: it bounds the matrix's condition, and leaves the
# solution where it is because it acts on the step, which vanishes there.
PROXIMITY = 1e-10
SELL, BUY = 0, 1

Variables = Float[Array, "variable time lane"]
PriceArray = Float[Array, "side time"]


class Smoothing(eqx.Module):
    """How far from exact.

    Attributes:
        barrier: μ of every household's program, €.
        blur: κ of the market, a share.
    """

    barrier: Float[Array, ""]
    blur: Float[Array, ""]


class PathPoint(eqx.Module):
    """A primal-dual point of the whole game.

    Attributes:
        variables, slack: distance from the lower and the upper bound, kW or kWh; 0 and 1 where
            fixed.
        dual_lower, dual_upper: multipliers of the bounds; 0 where fixed.
        multipliers: of the equations.
        prices: sell and buy, €/kWh.
    """

    variables: Variables
    slack: Variables
    dual_lower: Variables
    dual_upper: Variables
    multipliers: Multipliers
    prices: PriceArray


class Distance(eqx.Module):
    """How far a point is from a smoothed equilibrium.

    Attributes:
        prices: largest difference from the prices that the flows lead to, €/kWh.
        centrality: largest |slack·dual − μ| relative to μ.
        stationarity: largest residual of a household's first-order conditions, €/kW or €/kWh.
        step: how much of the last Newton step was taken.
    """

    prices: Float[Array, ""]
    centrality: Float[Array, ""]
    stationarity: Float[Array, ""]
    step: Float[Array, ""]


class Target(NamedTuple):
    """When a smoothed equilibrium counts as reached."""

    prices: Float[Array, ""]
    centrality: Float[Array, ""]
    max_steps: Int[Array, ""]


class GameProgram(eqx.Module):
    """The households' programs shifted to their lower bounds, with prices left open.

    Attributes:
        program: costs without prices; bounds [0, span], span 0 where nothing is left to choose.
        origin: lower bounds.
        per_price: derivative of an exchange's cost by its price, € per (kW · €/kWh): −Δγ, +Δγ.
        market: where they trade.
        weights: of the types.
    """

    program: StorageProgram
    origin: Variables
    per_price: PriceArray
    market: AbstractMarket
    weights: Float[Array, " type"]

    @classmethod
    def of(cls, game: Game) -> "GameProgram":
        types = game.types
        nothing = jnp.zeros(types.generation.shape[-1])
        program = types.program(Prices(sell=nothing, buy=nothing))
        span = program.upper - program.lower
        free = span > 1e-11 * (1 + jnp.abs(program.upper))
        shifted = program.shifted(program.lower)
        shifted = eqx.tree_at(lambda p: p.upper, shifted, jnp.where(free, span, 0.0))
        hours = types.step_hours * types.discount
        per_price = jnp.stack([-hours, hours])
        return cls(shifted, program.lower, per_price, game.market, types.weights)

    @property
    def free(self):
        return self.program.upper > 0

    def cost_of(self, prices: PriceArray) -> Variables:
        """The part of the costs that prices make."""
        rows = (prices * self.per_price)[..., None]
        nothing = jnp.zeros_like(self.program.cost)
        return nothing.at[SELL : BUY + 1].set(jnp.broadcast_to(rows, nothing[: BUY + 1].shape))

    def flows(self, variables: Variables) -> PriceArray:
        """Supply and demand, kW per household; lower bounds of trades are zero."""
        return variables[SELL : BUY + 1] @ self.weights

    def prices(self, flows: PriceArray, blur) -> PriceArray:
        """What the blurred market makes of flows."""
        quoted = self.market.blurred(blur).prices(Flows(supply=flows[0], demand=flows[1]))
        return jnp.stack([quoted.sell, quoted.buy])


@eqx.filter_jit
def open_path(game: Game, prices: Prices, oracle: InteriorPoint, smoothing: Smoothing) -> PathPoint:
    """Smoothed best responses to given prices, €/kWh: a point off every boundary."""
    open_game = GameProgram.of(game)
    quoted = jnp.stack([prices.sell, prices.buy])
    program = open_game.program
    program = eqx.tree_at(lambda p: p.cost, program, program.cost + open_game.cost_of(quoted))
    kernel = InteriorPoint(
        tolerance=1e-3, barrier=smoothing.barrier, backend=oracle.backend, mesh=oracle.mesh
    )
    point = kernel.solve(program).value
    free = open_game.free
    variables = jnp.where(free, point.variables, 0.0)
    slack = jnp.where(free, program.upper - variables, 1.0)
    return PathPoint(
        variables=variables,
        slack=slack,
        dual_lower=point.stiffness.lower * variables,
        dual_upper=point.stiffness.upper * slack,
        multipliers=point.multipliers,
        prices=quoted,
    )


@eqx.filter_jit
def approach(
    game: Game, point: PathPoint, smoothing: Smoothing, target: Target
) -> tuple[PathPoint, Distance]:
    """Newton steps towards the smoothed equilibrium, until it is reached or they are used up."""
    open_game = GameProgram.of(game)
    point = _within(open_game, point)

    def unfinished(carry):
        _, distance, steps = carry
        reached = (distance.prices <= target.prices) & (distance.centrality <= target.centrality)
        return ~reached & (steps < target.max_steps) & jnp.isfinite(distance.prices)

    def advance(carry):
        point, _, steps = carry
        return *_step(open_game, point, smoothing), steps + 1

    far = Distance(*(jnp.asarray(jnp.finfo(point.prices.dtype).max),) * 3, step=jnp.asarray(1.0))
    point, distance, _ = jax.lax.while_loop(unfinished, advance, (point, far, jnp.asarray(0)))
    return point, distance


def _within(game: GameProgram, point: PathPoint) -> PathPoint:
    """The point with slacks of this game, should its bounds differ from those it comes from."""
    span, free = game.program.upper, game.free
    opened = span - point.variables - point.slack
    moved = free & (jnp.abs(opened) > 1e-14 * span)
    slack = jnp.where(moved, jnp.maximum(point.slack + opened, 0.1 * point.slack), point.slack)
    variables = jnp.where(moved, span - slack, point.variables)
    return eqx.tree_at(lambda p: (p.variables, p.slack), point, (variables, slack))


def _step(game: GameProgram, point: PathPoint, smoothing: Smoothing) -> tuple[PathPoint, Distance]:
    """One Newton step of households and prices together."""
    program, free, barrier = game.program, game.free, smoothing.barrier
    v = jnp.where(free, point.variables, 1.0)
    ratio_lower, ratio_upper = point.dual_lower / v, point.dual_upper / point.slack
    variance = _variance(game, point)
    toward_lower = barrier / v - point.dual_lower
    toward_upper = barrier / point.slack - point.dual_upper
    stationarity = _stationarity(game, point)
    r1 = jnp.where(free, toward_lower - toward_upper - stationarity, 0.0)
    equations = program.residual(point.variables)

    alone, _ = newton_step(program, variance, r1, equations)
    change = _price_step(game, point, smoothing, variance, game.flows(alone))
    r1 = jnp.where(free, r1 - game.cost_of(change), 0.0)
    move, multipliers = newton_step(program, variance, r1, equations)
    lower = jnp.where(free, toward_lower - ratio_lower * move, 0.0)
    upper = jnp.where(free, toward_upper + ratio_upper * move, 0.0)

    shrink = jnp.stack(
        [
            jnp.max(-move / v),
            jnp.max(move / point.slack),
            jnp.max(-lower / jnp.where(free, point.dual_lower, 1.0)),
            jnp.max(-upper / jnp.where(free, point.dual_upper, 1.0)),
        ]
    ).max()
    length = jnp.minimum(1.0, REACH / jnp.maximum(shrink, 1e-30))
    moved = PathPoint(
        variables=point.variables + length * move,
        slack=point.slack - length * move,
        dual_lower=point.dual_lower + length * lower,
        dual_upper=point.dual_upper + length * upper,
        multipliers=jax.tree.map(lambda y, dy: y + length * dy, point.multipliers, multipliers),
        prices=point.prices + length * change,
    )
    return moved, _distance(game, moved, smoothing, length)


def linearise(game: Game, point: PathPoint, smoothing: Smoothing) -> Float[Array, "price price"]:
    """I − P′L′ at a point: how the residual of π = P(L(π)) answers to prices."""
    open_game = GameProgram.of(game)
    _, jacobian = _market_jacobian(open_game, open_game.flows(point.variables), smoothing.blur)
    return _closed(open_game, _variance(open_game, point), jacobian)


def _price_step(game, point: PathPoint, smoothing: Smoothing, variance, alone) -> PriceArray:
    """Δπ from π + Δπ = P(F) + J·ΔF, with ΔF = `alone` + (∂F/∂π)·Δπ."""
    quoted, jacobian = _market_jacobian(game, game.flows(point.variables), smoothing.blur)
    right = quoted - point.prices + _apply(jacobian, alone)
    closed = _closed(game, variance, jacobian)
    return jnp.linalg.solve(closed, right.ravel()).reshape(right.shape)


def _closed(game, variance, jacobian) -> Float[Array, "price price"]:
    response = -exchange_response(game.program, variance, game.weights)
    # Flows' derivative by prices, [side, time, side, time].
    sensitivity = response[: BUY + 1, :, : BUY + 1, :] * game.per_price
    size = game.per_price.size
    return jnp.eye(size) - _apply(jacobian, sensitivity).reshape(size, size)


def _variance(game: GameProgram, point: PathPoint) -> Variables:
    """Inverse of the barrier's curvature: 0 for what is fixed."""
    v = jnp.where(game.free, point.variables, 1.0)
    stiffness = point.dual_lower / v + point.dual_upper / point.slack + PROXIMITY
    return jnp.where(game.free, 1 / stiffness, 0.0)


def _market_jacobian(game: GameProgram, flows: PriceArray, blur):
    """Prices, and their derivatives by flows of the same step, `[price side, flow side, time]`."""

    def quote(flows):
        return game.prices(flows, blur)

    def along(side):
        return jax.jvp(quote, (flows,), (jnp.zeros_like(flows).at[side].set(1.0),))[1]

    return quote(flows), jnp.stack([along(SELL), along(BUY)], axis=1)


def _apply(jacobian, array):
    """The market's derivative applied to changes of flows `[side, time, …]`."""
    return jnp.einsum("pst,st...->pt...", jacobian, array, precision="highest")


def _stationarity(game: GameProgram, point: PathPoint) -> Variables:
    cost = game.program.cost + game.cost_of(point.prices)
    residual = (
        cost - game.program.transpose(point.multipliers) - point.dual_lower + point.dual_upper
    )
    return jnp.where(game.free, residual, 0.0)


def _distance(game: GameProgram, point: PathPoint, smoothing: Smoothing, length) -> Distance:
    barrier = smoothing.barrier
    off = jnp.maximum(
        jnp.abs(point.variables * point.dual_lower - barrier),
        jnp.abs(point.slack * point.dual_upper - barrier),
    )
    quoted = game.prices(game.flows(point.variables), smoothing.blur)
    return Distance(
        prices=jnp.max(jnp.abs(quoted - point.prices)),
        centrality=jnp.max(jnp.where(game.free, off, 0.0)) / barrier,
        stationarity=jnp.max(jnp.abs(_stationarity(game, point))),
        step=length,
    )
