"""Who pays whom: energy and money of every step, with the residuals that prove the books."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from mfgamm.core import Membership, Prices


def payments_at(
    prices: Prices,
    sell: Float[Array, "type time"],
    buy: Float[Array, "type time"],
    members: Membership,
    step_hours: Float[Array, ""],
) -> Float[Array, "type time"]:
    """What a household of each type pays for its trades, kW, at its cluster's prices, €."""
    home = members.at_home
    return step_hours * (home(prices.buy) * buy - home(prices.sell) * sell)


class NetworkAccount(eqx.Module):
    """Books of the network between clusters, per household of the population.

    What clusters sell to each other and what they buy from each other need not agree where each
    sees the others through its own weights. The network's operator makes up for it: it trades the
    difference with the grid, and keeps, or pays, what money is left.

    Attributes:
        sales, purchases: of each cluster, to and from other clusters, kWh.
        payments: what each cluster pays for its purchases less what it receives for its sales, €.
        grid_import, grid_export: the operator's own trade with the grid, kWh.
        grid_charges, grid_credits: paid to and received from the grid for it, €.
        income: what the operator keeps; negative where it pays, €.
    """

    sales: Float[Array, "cluster time"]
    purchases: Float[Array, "cluster time"]
    payments: Float[Array, "cluster time"]
    grid_import: Float[Array, " time"]
    grid_export: Float[Array, " time"]
    grid_charges: Float[Array, " time"]
    grid_credits: Float[Array, " time"]
    income: Float[Array, " time"]

    @property
    def energy_residual(self) -> Float[Array, " time"]:
        """Sales of all clusters less purchases and trade with the grid, kWh; ≈ 0."""
        traded = jnp.sum(self.sales - self.purchases, axis=0)
        return jnp.abs(traded + self.grid_import - self.grid_export)

    @property
    def money_residual(self) -> Float[Array, " time"]:
        """Clusters' payments and the grid's credits less its charges and the income, €; ≈ 0."""
        paid = jnp.sum(self.payments, axis=0)
        return paid + self.grid_credits - self.grid_charges - self.income


class Settlement(eqx.Module):
    """Books of a community, per step; energy in kWh and money in € per household on average.

    Where there are clusters the books are kept for each of them, still per household of the whole
    population, so that clusters add up.

    Attributes:
        payments: what each type pays (negative: receives), its rebate deducted, €.
        members: share of each type in the population, and its cluster.
        supply, demand: sold and bought by households, kWh.
        traded_inside: energy that changed hands inside the community, kWh.
        grid_import, grid_export: energy settled with the grid, kWh.
        grid_charges, grid_credits: paid to and received from the grid, €.
        operator_income: fees kept by the operator, €.
        rebates: lump sums that each type gets back from what the market collected beyond the
            grid's bill, €; zero in a market that collects no more than that.
        network: what clusters trade with each other; None where they do not.
    """

    payments: Float[Array, "type time"]
    members: Membership
    supply: Float[Array, "*cluster time"]
    demand: Float[Array, "*cluster time"]
    traded_inside: Float[Array, "*cluster time"]
    grid_import: Float[Array, "*cluster time"]
    grid_export: Float[Array, "*cluster time"]
    grid_charges: Float[Array, "*cluster time"]
    grid_credits: Float[Array, "*cluster time"]
    operator_income: Float[Array, "*cluster time"]
    rebates: Float[Array, "type time"]
    network: NetworkAccount | None = None

    @property
    def energy_residual(self) -> Float[Array, "*cluster time"]:
        """What suppliers and consumers are owed beyond their trade, kWh; ≈ 0."""
        unsold = self.supply - self.traded_inside - self.grid_export
        unmet = self.demand - self.traded_inside - self.grid_import
        if self.network is None:
            return jnp.abs(unsold) + jnp.abs(unmet)
        own = jnp.abs(unsold - self.network.sales) + jnp.abs(unmet - self.network.purchases)
        return own + self.network.energy_residual

    @property
    def money_residual(self) -> Float[Array, "*cluster time"]:
        """Payments and credits less charges and the operators' income, €; ≈ 0.

        Payments are net of the rebates, so what is given back is checked too.
        """
        paid = self.members.total(self.payments)
        left = paid + self.grid_credits - self.grid_charges - self.operator_income
        if self.network is None:
            return left
        return jnp.abs(left - self.network.payments) + jnp.abs(self.network.money_residual)

    @property
    def imported(self) -> Float[Array, " time"]:
        """What all households together take from the grid, kWh; clusters' flows are netted."""
        return self.grid_import if self.grid_import.ndim == 1 else jnp.maximum(self._lacking, 0.0)

    @property
    def exported(self) -> Float[Array, " time"]:
        """What all households together feed into the grid, kWh; clusters' flows are netted."""
        return self.grid_export if self.grid_export.ndim == 1 else jnp.maximum(-self._lacking, 0.0)

    @property
    def _lacking(self) -> Float[Array, " time"]:
        return jnp.sum(self.demand - self.supply, axis=0)

    @property
    def income(self) -> Float[Array, " time"]:
        """What operators earn together, those of clusters and of the network, €."""
        own = jnp.atleast_2d(self.operator_income).sum(axis=0)
        return own if self.network is None else own + self.network.income
