"""Fictitious play in flow space: everybody keeps answering the average of what was played."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from mfgamm.core import Flows, InvalidInput, Prices
from mfgamm.equilibrium.certificate import Certificate, certify
from mfgamm.equilibrium.community import Game
from mfgamm.lp import InteriorPoint
from mfgamm.market import AbstractMarket, Settlement
from mfgamm.prosumer import BestResponse, HouseholdTypes, Plan, respond

BISECTIONS = 40


class PlayState(eqx.Module):
    """Where the play stands.

    Attributes:
        strategy: the average of the plans played so far: each type's mixed strategy.
        prices: that it leads to, €/kWh.
        settlement: its books.
        certificate: how far from equilibrium it is.
        reply: a best reply to the prices, to be mixed in next.
        round: rounds played.
    """

    strategy: Plan
    prices: Prices
    settlement: Settlement
    certificate: Certificate
    reply: Plan
    round: Int[Array, ""]


class FictitiousPlay(eqx.Module):
    """Average best replies until nobody gains by deviating.

    Attributes:
        oracle: settings of the best responses. The exploitability counts their dual bound, so
            a loose tolerance costs accuracy, never honesty.
        step: "harmonic" mixes the k-th reply with weight 2/(k + 2); "line-search" with the
            weight at which the community, at the prices of the mixture itself, is indifferent
            between reply and strategy (an exact line search where a potential exists).
    """

    oracle: InteriorPoint = eqx.field(default_factory=lambda: InteriorPoint(tolerance=1e-8))
    step: str = eqx.field(static=True, default="line-search")

    def __check_init__(self):
        if self.step not in ("harmonic", "line-search"):
            raise InvalidInput("solver.step", self.step, "must be 'harmonic' or 'line-search'")

    def init(self, game: Game, start: Plan) -> PlayState:
        """Open the play with everybody following `start`."""
        return self._answer(game, start, jnp.asarray(0))

    def advance(self, game: Game, state: PlayState) -> PlayState:
        """Mix in the best reply, and answer the new average."""
        return self._answer(game, _mix(self, game, state), state.round + 1)

    def _answer(self, game: Game, strategy: Plan, round_: Int[Array, ""]) -> PlayState:
        response = respond(game.types, _prices(game, strategy), self.oracle)
        return _assess(game, strategy, response, round_)


@eqx.filter_jit
def _prices(game: Game, strategy: Plan) -> Prices:
    return game.market.prices(game.types.flows(strategy))


@eqx.filter_jit
def _assess(
    game: Game, strategy: Plan, response: BestResponse, round_: Int[Array, ""]
) -> PlayState:
    types = game.types
    prices = game.market.prices(types.flows(strategy))
    settlement = game.market.settle(strategy.sell, strategy.buy, types.weights, types.step_hours)
    return PlayState(
        strategy=strategy,
        prices=prices,
        settlement=settlement,
        certificate=certify(game, strategy, prices, settlement, response.certificate),
        reply=response.value,
        round=round_,
    )


@eqx.filter_jit
def _mix(solver: FictitiousPlay, game: Game, state: PlayState) -> Plan:
    if solver.step == "harmonic":
        weight = 2.0 / (state.round + 2.0)
    else:
        weight = _indifferent_weight(game.types, game.market, state.strategy, state.reply)
    return jax.tree.map(lambda old, new: old + weight * (new - old), state.strategy, state.reply)


def _indifferent_weight(
    types: HouseholdTypes, market: AbstractMarket, strategy: Plan, reply: Plan
) -> Float[Array, ""]:
    """Root in [0, 1] of the slope ⟨F(x + γ(b − x)), b − x⟩ along the segment, by bisection.

    F = (−sell price, buy price) is the operator of the equilibrium's variational inequality. At
    γ = 0 the slope is minus the exploitability; where it stays negative the reply is taken whole.
    """
    old, new = types.flows(strategy), types.flows(reply)
    toward = Flows(new.supply - old.supply, new.demand - old.demand)
    hours = types.step_hours * types.discount
    left = jnp.sum(
        types.storage.terminal_value
        * (reply.state_of_charge[..., -1] - strategy.state_of_charge[..., -1]),
        axis=-1,
    )
    stored = types.weights @ left * types.discount[-1]

    def slope(weight):
        prices = market.prices(
            Flows(old.supply + weight * toward.supply, old.demand + weight * toward.demand)
        )
        traded = prices.buy * toward.demand - prices.sell * toward.supply
        return jnp.sum(traded * hours) - stored

    def halve(_, bracket):
        low, high = bracket
        middle = 0.5 * (low + high)
        descending = slope(middle) < 0
        return jnp.where(descending, middle, low), jnp.where(descending, high, middle)

    low, high = jax.lax.fori_loop(0, BISECTIONS, halve, (0.0, 1.0))
    return 0.5 * (low + high)
