"""Markets of coupled clusters: what each brings to the others, what it sees of them, its prices."""

from abc import abstractmethod
from typing import Protocol, runtime_checkable

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from mfgamm.core import Flows, InvalidInput, Prices, Tariff, concrete
from mfgamm.market.market import AbstractMarket
from mfgamm.market.settlement import NetworkAccount


@runtime_checkable
class Coupling(Protocol):
    """How much of each other clusters see: a linear operator on the leading axis."""

    def apply(self, carried: Float[Array, "cluster *rest"]) -> Float[Array, "cluster *rest"]:
        """Σ_q W_pq·x_q with x_q = `carried`, of cluster q by its size (GMFG paper, eq. 17)."""
        ...


class AbstractClusteredMarket(AbstractMarket):
    """Clusters whose prices depend on their own flows, and on what they see of the others.

    Everything but the coupling happens in each cluster and step by itself, so that the derivative
    of prices by flows is known in factors: local, coupling, local.
    """

    coupling: eqx.AbstractVar[Coupling]

    @abstractmethod
    def offers(self, flows: Flows) -> Flows:
        """What each cluster brings to the others, kW: `[cluster, time]`, cluster by cluster."""

    @abstractmethod
    def quote(self, flows: Flows, seen: Flows) -> Prices:
        """Prices, €/kWh, from a cluster's own flows and what it sees of all offers, kW."""

    def prices(self, flows: Flows) -> Prices:
        return self.quote(flows, self.see(self.offers(flows)))

    def see(self, offers: Flows) -> Flows:
        """Offers as each cluster sees them (GMFG paper, eq. 17), kW."""
        apply = self.coupling.apply
        return Flows(supply=apply(offers.supply), demand=apply(offers.demand))

    def sight(self, clusters: int) -> Float[Array, "cluster cluster"]:
        """`see` as a matrix: how much of each other's offers so many clusters see."""
        return self.see(Flows(supply=jnp.eye(clusters), demand=jnp.eye(clusters))).supply


class ClusterTrade(eqx.Module):
    """Trade between clusters, per household of the population.

    Attributes:
        sales, purchases: of each cluster, kW.
        payments: what it pays for its purchases less what it receives for its sales, €/h.
    """

    sales: Float[Array, "cluster time"]
    purchases: Float[Array, "cluster time"]
    payments: Float[Array, "cluster time"]

    @property
    def unsold(self) -> Float[Array, " time"]:
        """What all clusters sell to others beyond what they buy from them, kW."""
        return jnp.maximum(jnp.sum(self.sales - self.purchases, axis=0), 0.0)

    @property
    def unmet(self) -> Float[Array, " time"]:
        """What all clusters buy from others beyond what they sell to them, kW."""
        return jnp.maximum(jnp.sum(self.purchases - self.sales, axis=0), 0.0)

    def income(self, tariff: Tariff) -> Float[Array, " time"]:
        """What is left to whoever runs the network and trades the rest at `tariff`, €/h."""
        paid = jnp.sum(self.payments, axis=0)
        return paid + tariff.feed_in * self.unsold - tariff.retail * self.unmet

    def account(self, tariff: Tariff, step_hours: Float[Array, ""]) -> NetworkAccount:
        """The books of whoever runs the network."""
        return NetworkAccount(
            sales=step_hours * self.sales,
            purchases=step_hours * self.purchases,
            payments=step_hours * self.payments,
            grid_import=step_hours * self.unmet,
            grid_export=step_hours * self.unsold,
            grid_charges=step_hours * tariff.retail * self.unmet,
            grid_credits=step_hours * tariff.feed_in * self.unsold,
            income=step_hours * self.income(tariff),
        )


def network_tariff(tariff: Tariff) -> Tariff:
    """At which the network trades with the grid: the worst of the clusters' tariffs, €/kWh."""
    if tariff.retail.ndim < 2:
        return tariff
    return Tariff(feed_in=tariff.feed_in.min(axis=0), retail=tariff.retail.max(axis=0))


def require_share(field: str, share: Float[Array, "..."], *, below_one: bool = False) -> None:
    """Refuse what is known not to be a share.

    Raises:
        InvalidInput: if an entry is known to lie outside [0, 1], or [0, 1) if `below_one`.
    """
    known = concrete(share)
    if known is None:
        return
    bad = (known < 0) | (known >= 1 if below_one else known > 1) | ~np.isfinite(known)
    if np.any(bad):
        span = "[0, 1)" if below_one else "[0, 1]"
        raise InvalidInput(field, float(known[bad].ravel()[0]), f"must be a share in {span}")
