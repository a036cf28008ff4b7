"""How far from equilibrium: a bound that anybody can recompute and that trusts no solver."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from mfgamm.core import Prices
from mfgamm.market import AbstractMarket, Settlement
from mfgamm.prosumer import HouseholdTypes, Plan

# A community that gains nothing still has to end: exploitability is then measured against
# this share of what its households pay or earn.
GAIN_RESOLUTION = 1e-4


class Residuals(eqx.Module):
    """What rounding leaves of identities that hold exactly.

    Attributes:
        price: largest difference between the prices stated and those that the stated strategies
            induce, €/kWh.
        energy: largest imbalance of the settlement at a step, kWh per household.
        money: largest imbalance of the books at a step, € per household.
    """

    price: Float[Array, ""]
    energy: Float[Array, ""]
    money: Float[Array, ""]


class Certificate(eqx.Module):
    """A rigorous statement about a strategy profile.

    Attributes:
        exploitability_by_type: the most that a household of each type could save by deviating
            at the profile's own prices, € per household-day: its cost minus a dual bound on the
            best cost.
        exploitability: the same, averaged over the population.
        relative: exploitability relative to the community's gain.
        gain: what the community (operator included) saves over trading with the grid alone,
            households re-optimised there, € per household-day.
        residuals: of prices and books.
    """

    exploitability_by_type: Float[Array, " type"]
    exploitability: Float[Array, ""]
    relative: Float[Array, ""]
    gain: Float[Array, ""]
    residuals: Residuals


def certify(
    types: HouseholdTypes,
    market: AbstractMarket,
    strategy: Plan,
    prices: Prices,
    settlement: Settlement,
    best_cost: Float[Array, " type"],
    benchmark_cost: Float[Array, " type"],
) -> Certificate:
    """The certificate of a strategy profile.

    Args:
        types: the population.
        market: the market.
        strategy: average plan of each type.
        prices: prices claimed for it, €/kWh.
        settlement: books claimed for it.
        best_cost: lower bound on each type's best cost at the claimed prices, €.
        benchmark_cost: each type's best cost against the grid's tariff, €.
    """
    days = horizon_days(types)
    induced = market.prices(types.flows(strategy))
    cost = types.cost(strategy, prices)
    regret = (cost - best_cost) / days
    income = jnp.sum(settlement.operator_income * types.discount)
    gain = (types.weights @ (benchmark_cost - cost) + income) / days
    exploitability = types.weights @ regret
    return Certificate(
        exploitability_by_type=regret,
        exploitability=exploitability,
        relative=exploitability / gain_scale(types, gain, benchmark_cost),
        gain=gain,
        residuals=Residuals(
            price=jnp.maximum(
                jnp.max(jnp.abs(induced.sell - prices.sell)),
                jnp.max(jnp.abs(induced.buy - prices.buy)),
            ),
            energy=jnp.max(jnp.abs(settlement.energy_residual)),
            money=jnp.max(jnp.abs(settlement.money_residual)),
        ),
    )


def gain_scale(
    types: HouseholdTypes, gain: Float[Array, ""], benchmark_cost: Float[Array, " type"]
) -> Float[Array, ""]:
    """What exploitability is relative to, € per household-day: the gain, if there is any."""
    turnover = types.weights @ jnp.abs(benchmark_cost) / horizon_days(types)
    return jnp.maximum(gain, GAIN_RESOLUTION * turnover + 1e-12)


def horizon_days(types: HouseholdTypes) -> Float[Array, ""]:
    """Length of the horizon in days."""
    return types.generation.shape[-1] * types.step_hours / 24
