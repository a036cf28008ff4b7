"""How far to go towards a best reply."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from mfgamm.core import Flows
from mfgamm.equilibrium.community import Game
from mfgamm.prosumer import Plan

BISECTIONS = 40


def indifferent_weight(game: Game, strategy: Plan, reply: Plan) -> Float[Array, ""]:
    """Root in [0, 1] of the slope ⟨F(x + γ(b − x)), b − x⟩ along the segment, by bisection.

    There the community, at the prices of the mixture itself, is indifferent between reply and
    strategy: an exact line search where a potential exists. F = (−sell price, buy price) is the
    operator of the equilibrium's variational inequality. At γ = 0 the slope is minus the
    exploitability; where it stays negative the reply is taken whole.
    """
    types = game.types
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
        prices = game.market.prices(
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
