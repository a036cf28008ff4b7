"""Who pays whom: energy and money of every step, with the residuals that prove the books."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float


class Settlement(eqx.Module):
    """Books of a community, per step; energy in kWh and money in € per household on average.

    Attributes:
        payments: what each type pays (negative: receives), its rebate deducted, €.
        weights: share of each type in the population; they sum to one.
        supply, demand: sold and bought by households, kWh.
        traded_inside: energy that changed hands inside the community, kWh.
        grid_import, grid_export: energy settled with the grid, kWh.
        grid_charges, grid_credits: paid to and received from the grid, €.
        operator_income: fees kept by the operator, €.
        rebates: lump sums that each type gets back from what the market collected beyond the
            grid's bill, €; zero in a market that collects no more than that.
    """

    payments: Float[Array, "type time"]
    weights: Float[Array, " type"]
    supply: Float[Array, " time"]
    demand: Float[Array, " time"]
    traded_inside: Float[Array, " time"]
    grid_import: Float[Array, " time"]
    grid_export: Float[Array, " time"]
    grid_charges: Float[Array, " time"]
    grid_credits: Float[Array, " time"]
    operator_income: Float[Array, " time"]
    rebates: Float[Array, "type time"]

    @property
    def energy_residual(self) -> Float[Array, " time"]:
        """What suppliers and consumers are owed beyond inside trade and grid, kWh; ≈ 0."""
        unsold = self.supply - self.traded_inside - self.grid_export
        unmet = self.demand - self.traded_inside - self.grid_import
        return jnp.abs(unsold) + jnp.abs(unmet)

    @property
    def money_residual(self) -> Float[Array, " time"]:
        """Payments and credits less charges and the operator's income, €; ≈ 0.

        Payments are net of the rebates, so what is given back is checked too.
        """
        paid = self.weights @ self.payments
        return paid + self.grid_credits - self.grid_charges - self.operator_income
