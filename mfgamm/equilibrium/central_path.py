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

from mfgamm.core import Membership, Prices
from mfgamm.equilibrium.community import Game
from mfgamm.equilibrium.price_system import (
    BUY,
    SELL,
    PriceSystem,
    Sight,
    by_cluster,
    leading_sight,
    quote,
)
from mfgamm.lp import InteriorPoint, Multipliers, StorageProgram, exchange_response, newton_step
from mfgamm.market import AbstractMarket

# Share of the way to the boundary that a step may take.
REACH = 0.9
# Damping after a step as a share of that before, at least and at most.
MOST_EASED, MOST_TIGHTENED = 0.3, 2.0
# A proximal term in the Newton matrix alone: it bounds the matrix's condition, and leaves the
# solution where it is because it acts on the step, which vanishes there.
PROXIMITY = 1e-10
Variables = Float[Array, "variable time lane"]
PriceArray = Float[Array, "side *cluster time"]


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
    """

    prices: Float[Array, "*cluster"]
    centrality: Float[Array, "*cluster"]

    @property
    def worst(self) -> "Distance":
        """Of all clusters."""
        return Distance(prices=jnp.max(self.prices), centrality=jnp.max(self.centrality))


class Target(NamedTuple):
    """When a smoothed equilibrium counts as reached, and how to get there.

    Attributes:
        prices, centrality: distances that are near enough.
        max_steps: after which to give up.
        damping: 0 for Newton's method; more for implicit steps of dπ/dτ = P(L(π)) − π, longer ones
            as they near its end ("switched evolution relaxation", Mulder and Van Leer 1985), in
            each cluster at its own pace.
    """

    prices: Float[Array, ""]
    centrality: Float[Array, ""]
    max_steps: Int[Array, ""]
    damping: Float[Array, ""]


class GameProgram(eqx.Module):
    """The households' programs shifted to their lower bounds, with prices left open.

    Attributes:
        program: costs without prices; bounds [0, span], span 0 where nothing is left to choose.
        origin: lower bounds.
        per_price: derivative of an exchange's cost by its price, € per (kW · €/kWh): −Δγ, +Δγ.
        market: where they trade.
        members: weights and clusters of the types.
        sight: what clusters see of each other.
    """

    program: StorageProgram
    origin: Variables
    per_price: Float[Array, "side time"]
    market: AbstractMarket
    members: Membership
    sight: Sight | None

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
        sight = leading_sight(game.market, types.members.count, hours.size)
        return cls(shifted, program.lower, per_price, game.market, types.members, sight)

    @property
    def free(self):
        return self.program.upper > 0

    def cost_of(self, prices: PriceArray) -> Variables:
        """The part of the costs that prices make."""
        home = jax.vmap(self.members.at_home)(prices)
        rows = home * self.per_price.reshape(2, *(1,) * (home.ndim - 2), -1)
        rows = rows[..., None] if home.ndim == 2 else jnp.moveaxis(rows, 1, -1)
        nothing = jnp.zeros_like(self.program.cost)
        return nothing.at[SELL : BUY + 1].set(jnp.broadcast_to(rows, nothing[: BUY + 1].shape))

    def flows(self, variables: Variables) -> PriceArray:
        """Supply and demand, kW per household; lower bounds of trades are zero."""
        traded = jnp.moveaxis(variables[SELL : BUY + 1], -1, 1)
        return jax.vmap(self.members.total)(traded)

    def prices(self, flows: PriceArray, blur) -> PriceArray:
        """What the blurred market makes of flows."""
        return quote(self.market.blurred(blur), flows)


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
    """Steps towards the smoothed equilibrium, until it is reached or they are used up."""
    open_game = GameProgram.of(game)
    point = _within(open_game, point)

    def unfinished(carry):
        _, distance, steps, _ = carry
        worst = distance.worst
        reached = (worst.prices <= target.prices) & (worst.centrality <= target.centrality)
        return ~reached & (steps < target.max_steps) & jnp.isfinite(worst.prices)

    def advance(carry):
        point, last, steps, damping = carry
        point, distance = _step(open_game, point, smoothing, damping)
        change = distance.prices / jnp.maximum(last.prices, 1e-30)
        eased = jnp.clip(change, MOST_EASED, MOST_TIGHTENED)
        return point, distance, steps + 1, jnp.where(steps == 0, damping, eased * damping)

    clusters = open_game.members.count
    unknown = jnp.full(clusters, jnp.finfo(point.prices.dtype).max)
    damping = jnp.full(clusters, target.damping)
    start = point, Distance(prices=unknown, centrality=unknown), jnp.asarray(0), damping
    point, distance, _, _ = jax.lax.while_loop(unfinished, advance, start)
    return point, distance.worst


def _within(game: GameProgram, point: PathPoint) -> PathPoint:
    """The point with slacks of this game, should its bounds differ from those it comes from."""
    span, free = game.program.upper, game.free
    opened = span - point.variables - point.slack
    moved = free & (jnp.abs(opened) > 1e-14 * span)
    slack = jnp.where(moved, jnp.maximum(point.slack + opened, 0.1 * point.slack), point.slack)
    variables = jnp.where(moved, span - slack, point.variables)
    return eqx.tree_at(lambda p: (p.variables, p.slack), point, (variables, slack))


def _step(
    game: GameProgram, point: PathPoint, smoothing: Smoothing, damping
) -> tuple[PathPoint, Distance]:
    """One Newton step of households and prices together, damped in the prices."""
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
    change = _price_step(game, point, smoothing, variance, game.flows(alone), damping)
    r1 = jnp.where(free, r1 - game.cost_of(change), 0.0)
    move, multipliers = newton_step(program, variance, r1, equations)
    lower = jnp.where(free, toward_lower - ratio_lower * move, 0.0)
    upper = jnp.where(free, toward_upper + ratio_upper * move, 0.0)

    shrink = jnp.stack(
        [
            -move / v,
            move / point.slack,
            -lower / jnp.where(free, point.dual_lower, 1.0),
            -upper / jnp.where(free, point.dual_upper, 1.0),
        ]
    ).max(axis=(0, 1, 2))
    # A cluster goes as far as all of its households can, however far others do.
    reach = jnp.minimum(1.0, REACH / jnp.maximum(game.members.largest(shrink), 1e-30))
    length = game.members.at_home(reach[:, None])[..., 0]
    moved = PathPoint(
        variables=point.variables + length * move,
        slack=point.slack - length * move,
        dual_lower=point.dual_lower + length * lower,
        dual_upper=point.dual_upper + length * upper,
        multipliers=jax.tree.map(lambda y, dy: y + length * dy, point.multipliers, multipliers),
        prices=point.prices + (reach[:, None] * by_cluster(change)).reshape(change.shape),
    )
    return moved, _distance(game, moved, smoothing)


def linearise(game: Game, point: PathPoint, smoothing: Smoothing) -> PriceSystem:
    """I − P′L′ at a point: how the residual of π = P(L(π)) answers to prices."""
    open_game = GameProgram.of(game)
    undamped = jnp.zeros(open_game.members.count)
    return _system(open_game, point, smoothing, _variance(open_game, point), undamped)


def _price_step(
    game, point: PathPoint, smoothing: Smoothing, variance, alone, damping
) -> PriceArray:
    """Δπ from π + Δπ = P(F) + P′·ΔF, with ΔF = `alone` + (∂F/∂π)·Δπ."""
    system = _system(game, point, smoothing, variance, damping)
    quoted = game.prices(game.flows(point.variables), smoothing.blur)
    return system.solve(quoted - point.prices + system.by_flows(alone))


def _system(
    game, point: PathPoint, smoothing: Smoothing, variance: Variables, damping
) -> PriceSystem:
    exchanges = exchange_response(game.program, variance, game.members)
    return PriceSystem(
        market=game.market.blurred(smoothing.blur),
        flows=game.flows(point.variables),
        response=-exchanges[:, : BUY + 1, :, : BUY + 1, :] * game.per_price,
        sight=game.sight,
        damping=damping,
    )


def _variance(game: GameProgram, point: PathPoint) -> Variables:
    """Inverse of the barrier's curvature: 0 for what is fixed."""
    v = jnp.where(game.free, point.variables, 1.0)
    stiffness = point.dual_lower / v + point.dual_upper / point.slack + PROXIMITY
    return jnp.where(game.free, 1 / stiffness, 0.0)


def _stationarity(game: GameProgram, point: PathPoint) -> Variables:
    cost = game.program.cost + game.cost_of(point.prices)
    residual = (
        cost - game.program.transpose(point.multipliers) - point.dual_lower + point.dual_upper
    )
    return jnp.where(game.free, residual, 0.0)


def _distance(game: GameProgram, point: PathPoint, smoothing: Smoothing) -> Distance:
    barrier = smoothing.barrier
    off = jnp.maximum(
        jnp.abs(point.variables * point.dual_lower - barrier),
        jnp.abs(point.slack * point.dual_upper - barrier),
    )
    off = jnp.max(jnp.where(game.free, off, 0.0), axis=(0, 1))
    quoted = game.prices(game.flows(point.variables), smoothing.blur)
    return Distance(
        prices=jnp.max(jnp.abs(by_cluster(quoted - point.prices)), axis=(0, 2)),
        centrality=game.members.largest(off) / barrier,
    )
