"""Fictitious play: households answer the average of all answers so far, without entropy.

It needs nothing of the market, not even that its prices be monotone, and is slow: about one over
the number of rounds. Perrin et al., "Fictitious play for mean field games" (2020).
"""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from mfgamm.core import Flows, Prices
from mfgamm.meanfield_game.game import MeanFieldGame
from mfgamm.meanfield_game.response import respond


class Averages(eqx.Module):
    """A population that mixes the answers given so far.

    Attributes:
        flows: of a cluster's households on average, kW.
        besides: what they pay apart from energy, expected, € over the horizon.
    """

    flows: Flows
    besides: Float[Array, " cluster"]


class Play(eqx.Module):
    """Where fictitious play arrived.

    Attributes:
        prices: that the mixture leads to, €/kWh, `[cluster, time]`.
        mixture: of all answers.
        exploitability: what a household saves at most by leaving the mixture, in each round, € per
            household-day.
    """

    prices: Prices
    mixture: Averages
    exploitability: Float[Array, " round"]


@eqx.filter_jit
def fictitious_play(game: MeanFieldGame, rounds: int, start: Prices | None = None) -> Play:
    """Average best answers, the newest weighted by 2/(k + 1).

    Args:
        game: to be played; any market.
        rounds: how many (static).
        start: prices answered first, €/kWh; the grid's if None.
    """
    first, _ = _answer(game, game.grid_prices if start is None else start)

    def step(mixture: Averages, number):
        prices = game.prices(mixture.flows)
        reply, best = _answer(game, prices)
        regret = _cost(game, mixture, prices) - best
        weight = 2.0 / (number + 2.0)
        mixed = jax.tree.map(lambda old, new: old + weight * (new - old), mixture, reply)
        return mixed, game.masses @ regret / game.days

    mixture, exploitability = jax.lax.scan(step, first, jnp.arange(1.0, rounds + 1.0))
    return Play(game.prices(mixture.flows), mixture, exploitability)


def _answer(game: MeanFieldGame, prices: Prices) -> tuple[Averages, Float[Array, " cluster"]]:
    """The best answer to prices, and what it costs, €."""
    response = respond(game, prices, None)
    nothing = Averages(response.flows, jnp.zeros_like(response.cost))
    besides = response.cost - _cost(game, nothing, prices)
    return Averages(response.flows, besides), response.cost


def _cost(game: MeanFieldGame, mixture: Averages, prices: Prices) -> Float[Array, " cluster"]:
    """€ over the horizon: linear in prices while behaviour stays."""
    flows = mixture.flows
    energy = jnp.sum(flows.demand * prices.buy - flows.supply * prices.sell, axis=-1)
    return mixture.besides + game.household.step_hours * energy
