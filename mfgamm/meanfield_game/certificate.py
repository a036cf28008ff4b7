"""How far from equilibrium, in the game without entropy: anybody can recompute it."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from mfgamm.core import Prices
from mfgamm.market import Settlement
from mfgamm.meanfield import backward
from mfgamm.meanfield_game.abreast import in_every_cluster
from mfgamm.meanfield_game.game import MeanFieldGame
from mfgamm.meanfield_game.response import Response

# A community that gains next to nothing is measured against this much money, € per household-day.
NOMINAL_GAIN = 1e-4


class Certificate(eqx.Module):
    """What is left to gain, and how well prices agree with the flows that they lead to.

    Attributes:
        price_residual: largest difference between expected and charged prices, €/kWh.
        exploitability_by_cluster: most that a household saves by leaving its strategy while the
            prices charged stay, the game taken without entropy, € per household-day.
        exploitability: the same, averaged over the households.
        relative: exploitability relative to the gain.
        gain: what the community, its operators included, saves over trading with the grid alone at
            its best, € per household-day.
        nominal: whether the gain is so small that `relative` refers to a nominal one.
    """

    price_residual: Float[Array, ""]
    exploitability_by_cluster: Float[Array, " cluster"]
    exploitability: Float[Array, ""]
    relative: Float[Array, ""]
    gain: Float[Array, ""]
    nominal: Bool[Array, ""]


def certify(
    game: MeanFieldGame,
    expected: Prices,
    charged: Prices,
    response: Response,
    settlement: Settlement,
    best: Float[Array, " cluster"],
    benchmark: Float[Array, " cluster"],
) -> Certificate:
    """The certificate of a response to expected prices that is charged other ones.

    Args:
        game: the game.
        expected, charged: prices, €/kWh, `[cluster, time]`.
        response: to the expected prices, its cost at those charged.
        settlement: its books.
        best: each cluster's `best_cost` at the prices charged, €.
        benchmark: the same at the grid's, €.
    """
    regret = (response.cost - best) / game.days
    exploitability = game.masses @ regret
    saved = game.masses @ (benchmark - response.cost)
    gain = (saved + jnp.sum(settlement.income)) / game.days
    differences = jax.tree.map(lambda a, b: jnp.max(jnp.abs(a - b)), expected, charged)
    return Certificate(
        price_residual=jnp.maximum(differences.sell, differences.buy),
        exploitability_by_cluster=regret,
        exploitability=exploitability,
        relative=exploitability / jnp.maximum(gain, NOMINAL_GAIN),
        gain=gain,
        nominal=gain < NOMINAL_GAIN,
    )


@eqx.filter_jit
def best_cost(game: MeanFieldGame, prices: Prices) -> Float[Array, " cluster"]:
    """Least expected cost of a household in each cluster, €, without entropy.

    Args:
        game: the game.
        prices: €/kWh, `[cluster, time]`.
    """

    def least(home, start, seen: Prices):
        return home.grid.mean(start, backward(home, seen)[0])

    return in_every_cluster(game, least, prices)
