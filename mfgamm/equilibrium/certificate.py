"""How far from equilibrium: a bound that anybody can recompute and that trusts no solver."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from mfgamm.core import Prices
from mfgamm.equilibrium.community import Game
from mfgamm.market import Settlement
from mfgamm.prosumer import HouseholdTypes, Plan

# A community that gains next to nothing still has to end: exploitability is then measured against
# this share of what its households pay or earn, or this much money, € per household-day.
NOMINAL_SHARE = 1e-4
NOMINAL_GAIN = 1e-4


class Residuals(eqx.Module):
    """What rounding leaves of identities that hold exactly.

    Attributes:
        price: largest difference between the prices stated and those that the stated strategies
            induce, €/kWh.
        energy: largest imbalance at a step, kWh per household: of any type's own production, use,
            storage and trade, or of the settlement.
        money: largest imbalance of the books at a step, € per household.
        feasibility: worst violation of any type's limits on power (kW) or storage (kWh).
    """

    price: Float[Array, ""]
    energy: Float[Array, ""]
    money: Float[Array, ""]
    feasibility: Float[Array, ""]


class Certificate(eqx.Module):
    """A rigorous statement about a strategy profile.

    Attributes:
        exploitability_by_type: the most that a household of each type could save by deviating
            at the profile's own prices, € per household-day: its cost minus a dual bound on the
            best cost.
        exploitability: the same, averaged over the population.
        relative: exploitability relative to `scale`.
        scale: the community's gain, or a nominal amount where it gains next to nothing, € per
            household-day.
        nominal: whether the scale is nominal.
        gain: what the community (operators and rebates included) saves over trading with the grid
            alone, households re-optimised there, € per household-day.
        residuals: of prices and books.
    """

    exploitability_by_type: Float[Array, " type"]
    exploitability: Float[Array, ""]
    relative: Float[Array, ""]
    scale: Float[Array, ""]
    nominal: Bool[Array, ""]
    gain: Float[Array, ""]
    residuals: Residuals


def certify(
    game: Game,
    strategy: Plan,
    prices: Prices,
    settlement: Settlement,
    best_cost: Float[Array, " type"],
) -> Certificate:
    """The certificate of a strategy profile, with the prices and books claimed for it.

    Args:
        game: the community's numbers.
        strategy: average plan of each type.
        prices: claimed, €/kWh.
        settlement: claimed.
        best_cost: lower bound on each type's best cost at the claimed prices, €.
    """
    types, benchmark = game.types, game.benchmark_cost
    induced = game.market.prices(types.flows(strategy))
    cost = types.cost(strategy, prices)
    days = horizon_days(types)
    regret = (cost - best_cost) / days
    exploitability = types.weights @ regret
    returned = types.weights @ settlement.rebates
    income = jnp.sum((settlement.income + returned) * types.discount)
    gain = (types.weights @ (benchmark - cost) + income) / days
    floor = jnp.maximum(NOMINAL_SHARE * types.weights @ jnp.abs(benchmark) / days, NOMINAL_GAIN)
    scale = jnp.maximum(gain, floor)
    return Certificate(
        exploitability_by_type=regret,
        exploitability=exploitability,
        relative=exploitability / scale,
        scale=scale,
        nominal=gain < floor,
        gain=gain,
        residuals=Residuals(
            price=jnp.maximum(
                jnp.max(jnp.abs(induced.sell - prices.sell)),
                jnp.max(jnp.abs(induced.buy - prices.buy)),
            ),
            energy=jnp.maximum(
                types.step_hours * jnp.max(jnp.abs(types.imbalance(strategy))),
                jnp.max(jnp.abs(settlement.energy_residual)),
            ),
            money=jnp.max(jnp.abs(settlement.money_residual)),
            feasibility=types.worst_violation(strategy),
        ),
    )


def horizon_days(types: HouseholdTypes) -> Float[Array, ""]:
    """Length of the horizon in days."""
    return types.generation.shape[-1] * types.step_hours / 24
