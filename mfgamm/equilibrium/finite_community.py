"""From the mean field to finite communities: prices that so many drawn households really get."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from mfgamm.core import Flows
from mfgamm.equilibrium.community import Game
from mfgamm.prosumer import MixedStrategy, draw_indices


@eqx.filter_jit
def finite_price_error(
    game: Game,
    mixture: MixedStrategy,
    sizes: Int[Array, " size"],
    largest: int,
    draws: Int[Array, ""],
    key: PRNGKeyArray,
) -> Float[Array, " size"]:
    """How far prices of finite communities are from the mean field's, root mean square, €/kWh.

    Households and their plans are drawn by their weights. Communities of one draw are nested: the
    first `sizes[0]` households, the first `sizes[1]`, and so on, so that errors of different
    sizes share their randomness. They fall as size^(−1/2).

    Args:
        game: the community's numbers.
        mixture: what its types play.
        sizes: numbers of households.
        largest: of them (static).
        draws: how many communities of each size.
        key: of the draws.
    """
    net = mixture.net_trade(game.types)
    expected = mixture.average(game.types)
    limit = game.market.prices(game.types.flows(expected))

    def squared_error(key):
        kind, place = draw_indices(mixture, game.types, largest, key)
        traded = net[place, kind]
        sold, bought = (jnp.cumsum(jnp.maximum(x, 0.0), axis=0) for x in (traded, -traded))

        def error(size):
            prices = game.market.prices(Flows(sold[size - 1] / size, bought[size - 1] / size))
            return 0.5 * jnp.mean((prices.sell - limit.sell) ** 2 + (prices.buy - limit.buy) ** 2)

        return jax.vmap(error)(sizes)

    def add(index, total):
        return total + squared_error(jax.random.fold_in(key, index))

    total = jax.lax.fori_loop(0, draws, add, jnp.zeros(sizes.shape))
    return jnp.sqrt(total / draws)
