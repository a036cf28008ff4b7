"""Online mirror descent: costs to go add up to scores, and low scores are chosen more often.

Perolat et al., "Scaling up mean field games with online mirror descent" (2021). Scores are kept for
every choice, state, step and cluster: for games that are small.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Float

from mfgamm.core import InvalidInput, Prices, concrete
from mfgamm.meanfield import Table, costs_to_go, forward, mean_flows
from mfgamm.meanfield_game.certificate import best_cost
from mfgamm.meanfield_game.game import MeanFieldGame
from mfgamm.meanfield_game.play import Behaviour, Play, require_rounds

Scores = Float[Array, "cluster time *choice_state"]


def mirror_descent(game: MeanFieldGame, rounds: int, rate: ArrayLike) -> Play:
    """Play exp(−scores), add the costs to go under it times the rate, and again.

    Args:
        game: to be played; any market.
        rounds: how many (static).
        rate: how much a cost to go counts, 1/€.

    Raises:
        InvalidInput: if there is no round, or the rate is not positive.
    """
    require_rounds(rounds)
    known = concrete(jnp.asarray(rate))
    if known is not None and not 0 < known < np.inf:
        raise InvalidInput("rate", float(known), "must be positive and finite, 1/€")
    return _descend(game, rounds, jnp.asarray(rate))


@eqx.filter_jit
def _descend(game: MeanFieldGame, rounds: int, rate: Float[Array, ""]) -> Play:
    model = game.household
    shape = (game.clusters, model.steps, *game.levels.shape, *model.grid.shape)

    def ahead(base_load, seen: Prices, policies):
        return costs_to_go(game.at_home(base_load), seen, policies)

    def step(scores: Scores, _):
        prices, behaviour, policies = _played(game, scores)
        regret = behaviour.cost_at(prices, model.step_hours) - best_cost(game, prices)
        costs = jax.vmap(ahead)(game.base_load, prices, policies)
        return scores + rate * costs, game.masses @ regret / game.days

    scores, exploitability = jax.lax.scan(step, jnp.zeros(shape), length=rounds)
    prices, behaviour, _ = _played(game, scores)
    return Play(prices, behaviour, exploitability)


def _played(game: MeanFieldGame, scores: Scores):
    """Prices that the policies lead to, the behaviour, and the policies."""
    choices = tuple(range(2, 2 + len(game.levels.shape)))
    policies = jax.nn.softmax(-scores, axis=choices)
    hours, free = game.household.step_hours, jax.tree.map(jnp.zeros_like, game.grid_prices)

    def one(base_load, start, seen: Prices, policy):
        life = forward(game.at_home(base_load), seen, Table(policy), start, mean_flows)
        return life.observed, life.cost

    flows, besides = jax.vmap(one)(game.base_load, game.starts, free, policies)
    return game.prices(flows), Behaviour.costing(flows, besides, free, hours), policies
