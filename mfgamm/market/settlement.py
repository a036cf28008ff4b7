"""Who pays whom: a session's energy and money, with the residuals that prove the books."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float


class Settlement(eqx.Module):
    """Books of a community, per step; energy in kWh and money in € per household on average.

    Attributes:
        payments: what each type pays (negative: receives), €.
        traded_inside: energy that changed hands inside the community, kWh.
        grid_import, grid_export: energy exchanged with the grid, kWh.
        grid_charges, grid_credits: paid to and received from the grid, €.
        operator_income: fees kept by the operator, €.
        energy_residual: what suppliers and consumers are owed beyond inside trade and grid
            exchange, kWh; zero to rounding.
        money_residual: households' payments + credits − charges − operator income, €; zero to
            rounding.
    """

    payments: Float[Array, "type time"]
    traded_inside: Float[Array, " time"]
    grid_import: Float[Array, " time"]
    grid_export: Float[Array, " time"]
    grid_charges: Float[Array, " time"]
    grid_credits: Float[Array, " time"]
    operator_income: Float[Array, " time"]
    energy_residual: Float[Array, " time"]
    money_residual: Float[Array, " time"]


def balance_books(
    payments: Float[Array, "type time"],
    weights: Float[Array, " type"],
    supply: Float[Array, " time"],
    demand: Float[Array, " time"],
    traded_inside: Float[Array, " time"],
    grid_prices: tuple[Float[Array, " time"], Float[Array, " time"]],
    operator_income: Float[Array, " time"],
) -> Settlement:
    """Settle the imbalance with the grid and audit the result.

    Args:
        payments: of each type, €.
        weights: of the types; they sum to one.
        supply, demand: energy sold and bought by households, kWh per household.
        traded_inside: energy that stays inside, kWh per household.
        grid_prices: feed-in and retail price, €/kWh.
        operator_income: fees, €, computed apart from the payments: the residual checks both.
    """
    feed_in, retail = grid_prices
    grid_import = jnp.maximum(demand - supply, 0.0)
    grid_export = jnp.maximum(supply - demand, 0.0)
    charges, credits = retail * grid_import, feed_in * grid_export
    return Settlement(
        payments=payments,
        traded_inside=traded_inside,
        grid_import=grid_import,
        grid_export=grid_export,
        grid_charges=charges,
        grid_credits=credits,
        operator_income=operator_income,
        energy_residual=jnp.abs(supply - traded_inside - grid_export)
        + jnp.abs(demand - traded_inside - grid_import),
        money_residual=weights @ payments + credits - charges - operator_income,
    )
