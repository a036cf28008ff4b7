"""Fictitious play: households answer the average of all answers so far, without entropy.

It can be played on any market. That it converges is known where prices are monotone; weights here
favour late answers. Perrin et al., "Fictitious play for mean field games" (2020).
"""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from mfgamm.core import Prices
from mfgamm.meanfield_game.game import MeanFieldGame
from mfgamm.meanfield_game.play import Behaviour, Play, require_rounds
from mfgamm.meanfield_game.response import respond, starting_prices


def fictitious_play(game: MeanFieldGame, rounds: int, start: Prices | None = None) -> Play:
    """Average best answers, the k-th weighted by 2/(k + 1).

    Args:
        game: to be played; any market.
        rounds: how many (static).
        start: prices answered first, €/kWh, `[cluster, time]`; the grid's if None.

    Raises:
        InvalidInput: if there is no round, or the start does not fit.
    """
    require_rounds(rounds)
    return _play(game, rounds, starting_prices(game, start))


@eqx.filter_jit
def _play(game: MeanFieldGame, rounds: int, start: Prices) -> Play:
    first, _ = _answer(game, start)

    def step(mixture: Behaviour, number):
        prices = game.prices(mixture.flows)
        reply, best = _answer(game, prices)
        regret = mixture.cost_at(prices, game.household.step_hours) - best
        weight = 2.0 / (number + 2.0)
        mixed = jax.tree.map(lambda old, new: old + weight * (new - old), mixture, reply)
        return mixed, game.masses @ regret / game.days

    mixture, exploitability = jax.lax.scan(step, first, jnp.arange(1.0, rounds + 1.0))
    return Play(game.prices(mixture.flows), mixture, exploitability)


def _answer(game: MeanFieldGame, prices: Prices) -> tuple[Behaviour, Float[Array, " cluster"]]:
    """The best answer to prices, and what it costs, €."""
    response = respond(game, prices, None)
    hours = game.household.step_hours
    return Behaviour.costing(response.flows, response.cost, prices, hours), response.cost
