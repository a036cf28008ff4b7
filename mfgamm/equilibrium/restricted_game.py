"""The game in which every type may only mix the plans it holds: small, dense, differentiable."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from mfgamm.core import Flows, Prices, safe_divide
from mfgamm.equilibrium.community import Game
from mfgamm.market import AbstractMarket
from mfgamm.prosumer import MixedStrategy


class RestrictedGame(eqx.Module):
    """A game over the weights of given plans; prices are exact functions of the weights.

    Attributes:
        sold, bought: by each plan, kW.
        stored: worth of what each plan leaves stored, counted as a cost, €.
        held: which places hold a plan.
        mass: share of each type in the population.
        hours: length of each step times its discount, h.
        market: whose prices depend, step by step, on the ratio of supply to demand.
    """

    sold: Float[Array, "plan type time"]
    bought: Float[Array, "plan type time"]
    stored: Float[Array, "plan type"]
    held: Bool[Array, "plan type"]
    mass: Float[Array, " type"]
    hours: Float[Array, " time"]
    market: AbstractMarket

    @classmethod
    def of(cls, game: Game, mixture: MixedStrategy) -> "RestrictedGame":
        """The game over the plans that a mixture holds."""
        types, net = game.types, mixture.net_trade(game.types)
        worth = jnp.sum(types.storage.terminal_value * mixture.left_stored(types), axis=-1)
        return cls(
            sold=jnp.maximum(net, 0.0),
            bought=jnp.maximum(-net, 0.0),
            stored=-types.discount[-1] * worth,
            held=mixture.held,
            mass=types.weights,
            hours=types.step_hours * types.discount,
            market=game.market,
        )

    def flows(self, weights: Float[Array, "plan type"]) -> Flows:
        """Aggregate flows of a mixture, kW per household."""
        households = weights * self.mass
        return Flows(supply=weigh(households, self.sold), demand=weigh(households, self.bought))

    def costs(self, prices: Prices) -> Float[Array, "plan type"]:
        """What each plan costs at given prices, €."""
        paid = apply(self.bought, self.hours * prices.buy)
        return paid - apply(self.sold, self.hours * prices.sell) + self.stored

    def least(self, costs: Float[Array, "plan type"]) -> Float[Array, " type"]:
        """Cost of each type's cheapest plan, €."""
        return jnp.min(jnp.where(self.held, costs, jnp.inf), axis=0)

    def regret(
        self, weights: Float[Array, "plan type"], costs: Float[Array, "plan type"]
    ) -> Float[Array, " type"]:
        """What each type would save by following its cheapest plan alone, €."""
        excess = jnp.where(self.held, costs - self.least(costs), 0.0)
        return jnp.sum(weights * excess, axis=0)

    def slopes(self, flows: Flows) -> "Slopes":
        """How plans move prices, and prices costs, at given flows.

        Prices at a step depend on the share σ = supply/(supply + demand) alone, so that the
        derivative of all costs by all weights has rank one in each step.
        """
        total = flows.supply + flows.demand
        along = Flows(total, -total)
        _, along_share = jax.jvp(self.market.prices, (flows,), (along,))
        return Slopes(
            by_sale=safe_divide(flows.demand, total**2, 0.0),
            by_purchase=-safe_divide(flows.supply, total**2, 0.0),
            of_revenue=-self.hours * along_share.sell,
            of_payment=self.hours * along_share.buy,
        )


class Slopes(eqx.Module):
    """The derivative of costs by weights, in factors that are diagonal in time.

    Attributes:
        by_sale, by_purchase: by how much the share of supply moves per kW sold or bought, 1/kW.
        of_revenue, of_payment: by how much a kW sold or bought costs more as the share of supply
            moves, €/kW.
    """

    by_sale: Float[Array, " time"]
    by_purchase: Float[Array, " time"]
    of_revenue: Float[Array, " time"]
    of_payment: Float[Array, " time"]

    def share(
        self, game: RestrictedGame, households: Float[Array, "plan type"]
    ) -> Float[Array, " time"]:
        """Change of the shares of supply as so many households take up each plan."""
        sold, bought = weigh(households, game.sold), weigh(households, game.bought)
        return self.by_sale * sold + self.by_purchase * bought

    def costs(
        self, game: RestrictedGame, share: Float[Array, " time"]
    ) -> Float[Array, "plan type"]:
        """Change of each plan's cost, €, with the shares of supply."""
        paid = apply(game.bought, self.of_payment * share)
        return paid + apply(game.sold, self.of_revenue * share)


def weigh(
    weights: Float[Array, "plan type"], rows: Float[Array, "plan type time"]
) -> Float[Array, " time"]:
    """Weighted sum over all plans of all types."""
    flat = rows.reshape(-1, rows.shape[-1])
    return jnp.matmul(weights.ravel(), flat, precision="highest")


def apply(
    rows: Float[Array, "plan type time"], vector: Float[Array, " time"]
) -> Float[Array, "plan type"]:
    """Inner product of every plan's row with a vector over time."""
    return jnp.matmul(rows, vector, precision="highest")
