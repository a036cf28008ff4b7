"""N households instead of infinitely many: they play the mean field's policy, by chance and alone.

GMFG paper, theorem 3: the policy of the limit is nearly an equilibrium among N.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray

from mfgamm.core import Flows, InvalidInput, Prices, apportioned
from mfgamm.meanfield_game.certificate import best_cost
from mfgamm.meanfield_game.game import MeanFieldGame
from mfgamm.meanfield_game.response import recharge
from mfgamm.meanfield_game.simulate import simulate
from mfgamm.meanfield_game.solve import MeanFieldEquilibrium


class FinitePlay(eqx.Module):
    """What N households made of the mean field's policy, in each draw of their fortunes.

    Attributes:
        prices: that their flows led to, €/kWh.
        price_error: root mean square over clusters and steps of the distance to the mean field's
            prices, €/kWh.
        exploitability: what a household that takes prices as given would save at most by
            foreseeing those of the draw, averaged over the population, € per household-day. That a
            household's own luck is in the prices, with a weight of one in N, is left out.
    """

    prices: Prices
    price_error: Float[Array, " draw"]
    exploitability: Float[Array, " draw"]


def play_finite(
    game: MeanFieldGame,
    equilibrium: MeanFieldEquilibrium,
    households: int,
    key: PRNGKeyArray,
    draws: int = 8,
) -> FinitePlay:
    """Let N households play the equilibrium's policy, each with luck of its own.

    Household j of a cluster has the same luck whatever N is, so that populations of different
    sizes can be compared.

    Args:
        game: which was solved.
        equilibrium: its solution.
        households: N, spread over the clusters by their masses, at least one in each that has any.
        key: of all draws.
        draws: how often they play.

    Raises:
        InvalidInput: if there are fewer households than clusters with any, or no draw.
    """
    if draws < 1:
        raise InvalidInput("draws", draws, "must be at least 1")
    homes = _homes(game, households)

    def one(key: PRNGKeyArray):
        lives = simulate(game, equilibrium, jnp.asarray(homes), key)
        prices = game.prices(_flows(game, homes, lives.net_load))
        charged = recharge(game, equilibrium.response, equilibrium.prices, prices)
        regret = game.masses @ (charged.cost - best_cost(game, prices)) / game.days
        pairs = ((prices.sell, equilibrium.prices.sell), (prices.buy, equilibrium.prices.buy))
        error = jnp.sqrt(jnp.mean(jnp.stack([(a - b) ** 2 for a, b in pairs])))
        return prices, error, regret

    prices, errors, regrets = jax.lax.map(one, jax.random.split(key, draws))
    return FinitePlay(prices=prices, price_error=errors, exploitability=regrets)


def _flows(game: MeanFieldGame, homes, net_load: Float[Array, "household time"]) -> Flows:
    """Of each cluster's households on average, kW."""
    count = np.bincount(homes, minlength=game.clusters)[:, None]

    def mean(power):
        total = jax.ops.segment_sum(power, homes, game.clusters, indices_are_sorted=True)
        return total / np.maximum(count, 1)

    return Flows(supply=mean(jnp.maximum(-net_load, 0)), demand=mean(jnp.maximum(net_load, 0)))


def _homes(game: MeanFieldGame, households: int) -> Int[np.ndarray, " household"]:
    """The cluster of each household: their numbers by masses, largest remainders first."""
    masses = np.asarray(game.masses)
    inhabited = np.count_nonzero(masses)
    if households < inhabited:
        raise InvalidInput(
            "households", households, f"must be at least one for each of {inhabited} clusters"
        )
    return np.repeat(np.arange(masses.size), apportioned(households, masses, least=1))
