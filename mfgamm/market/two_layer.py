"""Two layers of prices and the grid's, blended (GMFG paper, eqs. 13, 19, 20).

A household trades a share w₁ of its flows in its cluster, w₂ in the cluster of clusters and w₃
with the grid, whatever their direction.
"""

import dataclasses
from abc import abstractmethod
from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from mfgamm.amm import AbstractBondingCurve, InsideTrade, clear_inside
from mfgamm.core import Flows, InvalidInput, Prices, Tariff, concrete, safe_divide
from mfgamm.market.clustered import (
    AbstractClusteredMarket,
    ClusterTrade,
    Coupling,
    network_tariff,
    require_share,
)
from mfgamm.market.settlement import Settlement, payments_at


class AbstractLayerPricing(eqx.Module):
    """How a layer turns its flows into prices."""

    @abstractmethod
    def trade(self, flows: Flows, tariff: Tariff, blur: Float[Array, ""]) -> InsideTrade:
        """What of supply and demand, kW per household, the layer takes, and at what price."""


class CurvePricing(AbstractLayerPricing):
    """A market maker's: the layer matches supply and demand, the grid takes the rest.

    Attributes:
        curve: the bonding curve.
    """

    curve: AbstractBondingCurve

    def trade(self, flows: Flows, tariff: Tariff, blur: Float[Array, ""]) -> InsideTrade:
        return clear_inside(self.curve, flows.supply, flows.demand, tariff, blur)


class NetLoadPricing(AbstractLayerPricing):
    """One price for selling and buying, a Lipschitz function of the net load (eqs. 19, 20).

    The layer takes all flows at that price, whatever the grid charges its operator for them.

    Attributes:
        price: €/kWh from the net load m, kW per household of the layer, elementwise.
        within_tariff: whether it is clipped to the grid's prices; if not, households may do worse
            than with the grid, or its operator pay for what they gain (static).
    """

    price: Callable[[Array], Array]
    within_tariff: bool = eqx.field(static=True, default=True)

    def trade(self, flows: Flows, tariff: Tariff, blur: Float[Array, ""]) -> InsideTrade:
        quoted = self.price(flows.demand - flows.supply)
        everything = jnp.ones_like(quoted)
        price = quoted
        if self.within_tariff:
            price = jnp.clip(quoted, tariff.feed_in, tariff.retail)
        return InsideTrade(sold=everything, met=everything, price=price)


class Sigmoid(eqx.Module):
    """A price that rises from `low` to `high` with the net load.

        low + (high − low)/(1 + exp(−m/width))

    Attributes:
        low, high: €/kWh.
        width: kW per household.

    Raises:
        InvalidInput: if low exceeds high, or the width is not positive.
    """

    low: Float[Array, ""] = eqx.field(converter=jnp.asarray)
    high: Float[Array, ""] = eqx.field(converter=jnp.asarray)
    width: Float[Array, ""] = eqx.field(converter=jnp.asarray)

    def __check_init__(self):
        low, high, width = (concrete(each) for each in (self.low, self.high, self.width))
        if low is not None and high is not None and not low <= high:
            raise InvalidInput("sigmoid.low", float(low), f"must not exceed high, {float(high):g}")
        if width is not None and not width > 0:
            raise InvalidInput("sigmoid.width", float(width), "must be positive, kW")

    def __call__(self, net_load: Float[Array, "..."]) -> Float[Array, "..."]:
        return self.low + (self.high - self.low) * jax.nn.sigmoid(net_load / self.width)


class TwoLayerMarket(AbstractClusteredMarket):
    """A blend of the cluster's price, the cluster of clusters' and the grid's (eqs. 13, 19, 20).

        price_p = w₁·P_loc(m_p) + w₂·P_glob(M_g) + w₃·price of the grid,      w₁ + w₂ + w₃ = 1,

    with m_p of a cluster by itself (eq. 16) and M_g = Σ_p mass_p·Σ_q W_pq·m_q of all (eq. 18). The
    share w₃ of all trade is settled with the grid, and so is what a layer does not take of its
    own share; what the layers' operators gain or lose is in the `NetworkAccount`.

    Attributes:
        local_pricing, global_pricing: P_loc and P_glob.
        shares: w₁, w₂, w₃, constant or for each step.
        tariff: the grid's prices, `[time]` or `[cluster, time]`, €/kWh.
        coupling: W.
        masses: share of the households in each cluster.
        blur: share κ of `matched_power`, in [0, 1).

    Raises:
        InvalidInput: if shares are negative or do not sum to one, or masses are not shares.
    """

    local_pricing: AbstractLayerPricing
    global_pricing: AbstractLayerPricing
    shares: Float[Array, "layer *time"]
    tariff: Tariff
    coupling: Coupling
    masses: Float[Array, " cluster"]
    blur: Float[Array, ""] = eqx.field(
        converter=lambda given: jnp.asarray(given) * 1.0, default=0.0
    )

    def __check_init__(self):
        require_share("market.blur", self.blur, below_one=True)
        require_share("market.masses", self.masses)
        require_share("market.shares", self.shares)
        shares = concrete(self.shares)
        if self.shares.shape[0] != 3:
            raise InvalidInput(
                "market.shares", f"{self.shares.shape[0]} rows", "must be three: w₁, w₂, w₃"
            )
        if shares is not None and not np.allclose(shares.sum(axis=0), 1, atol=1e-9):
            raise InvalidInput(
                "market.shares", shares.sum(axis=0).tolist(), "w₁ + w₂ + w₃ must be one"
            )

    def offers(self, flows: Flows) -> Flows:
        return flows

    def see(self, offers: Flows) -> Flows:
        """M_g for supply and demand, kW per household: the same for every cluster."""
        seen = super().see(offers)

        def scalar(power):
            total = jnp.tensordot(self.masses, power, axes=1, precision="highest")
            return jnp.broadcast_to(total, power.shape)

        return Flows(supply=scalar(seen.supply), demand=scalar(seen.demand))

    def quote(self, flows: Flows, seen: Flows) -> Prices:
        local, across = self.layers(flows, seen)
        return self._blend(local, across)

    def blurred(self, blur) -> "TwoLayerMarket":
        return dataclasses.replace(self, blur=jnp.maximum(self.blur, blur))

    def settle(self, sell, buy, members, step_hours) -> Settlement:
        flows = Flows(members.total(sell), members.total(buy))
        local, across = self.layers(flows, self.see(flows))
        prices, inside = self._blend(local, across), self._inside(flows, local)
        trade = self._cluster_trade(flows, local, across, inside)
        exported = step_hours * (flows.supply - inside - trade.sales)
        imported = step_hours * (flows.demand - inside - trade.purchases)
        return Settlement(
            payments=payments_at(prices, sell, buy, members, step_hours),
            members=members,
            supply=step_hours * flows.supply,
            demand=step_hours * flows.demand,
            traded_inside=step_hours * inside,
            grid_import=imported,
            grid_export=exported,
            grid_charges=self.tariff.retail * imported,
            grid_credits=self.tariff.feed_in * exported,
            operator_income=jnp.zeros_like(flows.supply),
            rebates=jnp.zeros_like(buy),
            network=trade.account(network_tariff(self.tariff), step_hours),
        )

    def layers(self, flows: Flows, seen: Flows) -> tuple[InsideTrade, InsideTrade]:
        """What each layer takes of what is brought to it, and at what price.

        Args:
            flows: of the clusters, with their masses, kW per household of the community.
            seen: what each cluster sees of all, `see(flows)`.

        Returns:
            Of the clusters' own layers, and of the one between them.
        """
        # A function of net load wants kW per household of the cluster itself.
        masses = self.masses[:, None]
        own = Flows(
            supply=safe_divide(flows.supply, masses, 0.0),
            demand=safe_divide(flows.demand, masses, 0.0),
        )
        local = self.local_pricing.trade(own, self.tariff, self.blur)
        return local, self.global_pricing.trade(seen, self.tariff, self.blur)

    def _blend(self, local: InsideTrade, across: InsideTrade) -> Prices:
        feed_in, retail = self.tariff.feed_in, self.tariff.retail
        sell, buy = feed_in, retail
        for share, layer in zip(self.shares, (local, across), strict=False):
            sell = sell + share * layer.sold * (layer.price - feed_in)
            buy = buy - share * layer.met * (retail - layer.price)
        # In the right order but for rounding.
        return Prices(sell=sell, buy=jnp.maximum(sell, buy))

    def _inside(self, flows: Flows, local: InsideTrade) -> Float[Array, "cluster time"]:
        """Traded inside each cluster, kW."""
        return self.shares[0] * jnp.minimum(local.sold * flows.supply, local.met * flows.demand)

    def _cluster_trade(self, flows: Flows, local, across, inside) -> ClusterTrade:
        """What layers take but a cluster does not match; its own inside trade cancels in money."""
        sold = self.shares[0] * local.sold, self.shares[1] * across.sold
        met = self.shares[0] * local.met, self.shares[1] * across.met
        revenue = (sold[0] * local.price + sold[1] * across.price) * flows.supply
        expense = (met[0] * local.price + met[1] * across.price) * flows.demand
        return ClusterTrade(
            sales=(sold[0] + sold[1]) * flows.supply - inside,
            purchases=(met[0] + met[1]) * flows.demand - inside,
            payments=expense - revenue,
        )
