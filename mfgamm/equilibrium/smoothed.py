"""The smoothed equilibrium as a differentiable function of everything in the game.

At a smoothed equilibrium prices solve π = P(L(π)), with L the households' smoothed responses and P
the blurred market, both differentiable. By the implicit function theorem, along any change of the
game,

    dπ = (I − P′L′)⁻¹ · d(P∘L)|π fixed,

one dense solve in the prices. Everything else follows from prices by differentiable functions.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from mfgamm.core import Flows, NotConverged, Prices, one_blas_thread
from mfgamm.equilibrium.central_path import (
    Distance,
    PathPoint,
    PriceArray,
    Smoothing,
    Target,
    approach,
    linearise,
)
from mfgamm.equilibrium.community import Game
from mfgamm.lp import InteriorPoint
from mfgamm.market import Settlement
from mfgamm.prosumer import Plan, respond

# Derivatives are as good as the point that they are taken at.
CENTRALITY, PRICE_ERROR, MAX_STEPS = 1e-7, 1e-11, 60


class Outcome(eqx.Module):
    """What happens in a smoothed equilibrium.

    Attributes:
        prices: €/kWh.
        plan: of each type.
        flows: aggregate supply and demand, kW per household.
        settlement: energy and money, per step.
        cost: each type's objective, €.
    """

    prices: Prices
    plan: Plan
    flows: Flows
    settlement: Settlement
    cost: Float[Array, " type"]


def polish(game: Game, point: PathPoint, smoothing: Smoothing) -> PathPoint:
    """The smoothed equilibrium near a point, to about rounding.

    Raises:
        NotConverged: with the point reached, if Newton's method does not get there.
    """
    with one_blas_thread():
        point, distance = jax.block_until_ready(_solve(game, point, smoothing))
    if not _reached(distance):
        raise NotConverged(
            f"no smoothed equilibrium at barrier {float(smoothing.barrier):.1e} € and blur "
            f"{float(smoothing.blur):.1e}: prices off by {float(distance.prices):.1e} €/kWh, "
            f"centrality {float(distance.centrality):.1e}; start closer, or smooth more",
            point,
        )
    return point


def smoothed_outcome(game: Game, point: PathPoint, smoothing: Smoothing) -> Outcome:
    """Prices, plans and books of the smoothed equilibrium by `point`, differentiable in `game`.

    Works under `jit`, `grad`, `jvp`, `jacfwd` and `jacrev`; first derivatives only. Where the game
    moves a little, as for finite differences, Newton's method follows it from `point`. Take a
    largest flow by `peak`, not by `jnp.max`.

    Args:
        game: whose every number may be differentiated: tariff, curve, fee, types and weights.
        point: from `polish`, at the same smoothing.
        smoothing: of households and market.
    """
    prices = _prices(game, point=point, smoothing=smoothing)
    quoted = Prices(sell=prices[0], buy=prices[1])
    response = respond(game.types, quoted, _kernel(smoothing))
    plan, market = response.value, game.market.blurred(smoothing.blur)
    return Outcome(
        prices=quoted,
        plan=plan,
        flows=game.types.flows(plan),
        settlement=market.settle(plan.sell, plan.buy, game.types.members, game.types.step_hours),
        cost=response.cost,
    )


@eqx.filter_custom_jvp
def _prices(game: Game, *, point: PathPoint, smoothing: Smoothing) -> PriceArray:
    return _solve(game, point, smoothing)[0].prices


@_prices.def_jvp
def _prices_jvp(primals, tangents, *, point: PathPoint, smoothing: Smoothing):
    (game,), (tangent,) = primals, tangents
    point, _ = _solve(game, point, smoothing)
    prices = point.prices

    def answer(game: Game) -> PriceArray:
        quoted = Prices(sell=prices[0], buy=prices[1])
        plan = respond(game.types, quoted, _kernel(smoothing)).value
        answered = game.market.blurred(smoothing.blur).prices(game.types.flows(plan))
        return jnp.stack([answered.sell, answered.buy])

    _, change = eqx.filter_jvp(answer, (game,), (tangent,))
    closed = jax.lax.stop_gradient(linearise(game, point, smoothing))
    return prices, closed.solve(change)


def _solve(game: Game, point: PathPoint, smoothing: Smoothing) -> tuple[PathPoint, Distance]:
    target = Target(
        prices=jnp.asarray(PRICE_ERROR),
        centrality=jnp.asarray(CENTRALITY),
        max_steps=jnp.asarray(MAX_STEPS),
        damping=jnp.asarray(0.0),
    )
    return approach(game, point, smoothing, target)


def _kernel(smoothing: Smoothing) -> InteriorPoint:
    return InteriorPoint(barrier=smoothing.barrier, tolerance=CENTRALITY)


def _reached(distance: Distance) -> bool:
    return float(distance.centrality) <= CENTRALITY and float(distance.prices) <= PRICE_ERROR
