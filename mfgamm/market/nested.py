"""Nested market makers: a cluster trades inside between prices that its neighbourhood offers it.

A cluster's own market maker matches what it can. What is left goes to a pool, where each cluster
sees the others through the graphon's weights, and which clears between the grid's prices. The
pool's prices are then what the cluster's market maker quotes between. At every level the price for
selling is at most that for buying, and both lie between the grid's.
"""

import dataclasses
import functools

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from mfgamm.amm import (
    AbstractBondingCurve,
    InsideTrade,
    clear,
    clear_inside,
    fee_income,
    matched_power,
)
from mfgamm.core import Flows, InvalidInput, Prices, Tariff, concrete, safe_divide
from mfgamm.market.clustered import (
    AbstractClusteredMarket,
    ClusterTrade,
    Coupling,
    network_tariff,
    require_share,
)
from mfgamm.market.settlement import Settlement, payments_at


def _number(given) -> Float[Array, ""]:
    return jnp.asarray(given) * 1.0


class NestedMarket(AbstractClusteredMarket):
    """Clusters cleared by a market maker each, between the prices of a pool that couples them.

    With x_p = s_p − matched, y_p = d_p − matched what a cluster has left, it meets in the pool

        as a seller: supply Σ_q W_pq·x_q against demand Σ_{q≠p} W_pq·y_q,
        as a buyer: demand Σ_q W_pq·y_q against supply Σ_{q≠p} W_pq·x_q:

    a cluster does not trade with itself there. Where weights differ, what clusters sell need not
    be what they buy: energy and money left over are in the settlement's `NetworkAccount`.

    A pool of exactly nothing has no ratio of supply to demand, so prices jump where all clusters
    balance at once. A cluster that balances on average over a step does not do so at every moment
    of it: the blur says how much of its trade goes through the pool all the same, and makes prices
    smooth. Without it there need be no equilibrium.

    Attributes:
        curve: of the clusters' market makers. It must serve any tariff, so it has no given price.
        pool_curve: of the pool's.
        tariff: the grid's prices, `[time]` or `[cluster, time]`, €/kWh.
        coupling: W, with an entry W_pp on its diagonal for each cluster.
        fee: share of the gain inside a cluster that its operator keeps, in [0, 1].
        blur: share κ of `matched_power`, in [0, 1).
        balanced: clear the pool in pairs, at one price for all, so that neither energy nor money
            is left over: the weights then say with whom clusters trade, not at what price; only
            their ratios count, so that trade does not fade with them (static).

    Raises:
        InvalidInput: if a share is out of range, a curve cannot serve the tariff, or the books are
            to balance under tariffs that differ between clusters.
    """

    curve: AbstractBondingCurve
    pool_curve: AbstractBondingCurve
    tariff: Tariff
    coupling: Coupling
    fee: Float[Array, ""] = eqx.field(converter=_number, default=0.0)
    blur: Float[Array, ""] = eqx.field(converter=_number, default=1e-2)
    balanced: bool = eqx.field(static=True, default=False)

    def __check_init__(self):
        require_share("market.fee", self.fee)
        require_share("market.blur", self.blur, below_one=True)
        if self.balanced and self.tariff.retail.ndim > 1:
            raise InvalidInput(
                "market.balanced",
                True,
                "needs one tariff for all clusters: between two of them no price suits all",
            )
        if concrete(self.tariff.retail) is None:
            return
        nothing = jnp.zeros_like(self.tariff.retail)
        clear(self.pool_curve, nothing, nothing, self.tariff)
        self._require_any_tariff()

    def _require_any_tariff(self) -> None:
        for price in (self.tariff.feed_in, self.tariff.retail):
            nothing = jnp.zeros_like(price)
            try:
                clear(self.curve, nothing, nothing, Tariff(price, price))
            except InvalidInput as error:
                raise InvalidInput(
                    "market.curve",
                    type(self.curve).__name__,
                    "must serve whatever prices the pool offers a cluster; choose one without a "
                    f"given price ({error})",
                ) from error

    def offers(self, flows: Flows) -> Flows:
        matched = matched_power(flows.supply, flows.demand, self.blur)
        return Flows(
            supply=jnp.maximum(flows.supply - matched, 0.0),
            demand=jnp.maximum(flows.demand - matched, 0.0),
        )

    def prices(self, flows: Flows) -> Prices:
        if not self.balanced:
            return super().prices(flows)
        return self._inside_prices(flows, *self._pairwise(self.offers(flows)))

    def quote(self, flows: Flows, seen: Flows) -> Prices:
        return self._inside_prices(flows, *self._pool_trades(flows, seen))

    def _inside_prices(self, flows: Flows, selling: InsideTrade, buying: InsideTrade) -> Prices:
        pool = self._pool_prices(selling, buying)
        return clear(self.curve, flows.supply, flows.demand, pool, self.fee, self.blur)

    def blurred(self, blur) -> "NestedMarket":
        return dataclasses.replace(self, blur=jnp.maximum(self.blur, blur))

    def settle(self, sell, buy, members, step_hours) -> Settlement:
        flows = Flows(members.total(sell), members.total(buy))
        left = self.offers(flows)
        trades = self._pairwise(left) if self.balanced else self._pool_trades(flows, self.see(left))
        prices, pool = self._inside_prices(flows, *trades), self._pool_prices(*trades)
        trade = _cluster_trade(left, *trades)
        exported = step_hours * (left.supply - trade.sales)
        imported = step_hours * (left.demand - trade.purchases)
        # Not what the payments leave over: computed apart, so that the residual checks both.
        earned = fee_income(flows.supply, flows.demand, pool, self.fee, self.blur)
        return Settlement(
            payments=payments_at(prices, sell, buy, members, step_hours),
            members=members,
            supply=step_hours * flows.supply,
            demand=step_hours * flows.demand,
            traded_inside=step_hours * matched_power(flows.supply, flows.demand, self.blur),
            grid_import=imported,
            grid_export=exported,
            grid_charges=self.tariff.retail * imported,
            grid_credits=self.tariff.feed_in * exported,
            operator_income=step_hours * earned,
            rebates=jnp.zeros_like(buy),
            network=trade.account(network_tariff(self.tariff), step_hours),
        )

    def _pool_trades(self, flows: Flows, seen: Flows) -> tuple[InsideTrade, InsideTrade]:
        """What of a cluster's sales and of its purchases other clusters take, and the prices."""
        own = self.offers(flows)
        itself = jnp.diagonal(self.sight(own.supply.shape[0]))[:, None]
        others_demand = jnp.maximum(seen.demand - itself * own.demand, 0.0)
        others_supply = jnp.maximum(seen.supply - itself * own.supply, 0.0)
        clear_pool = functools.partial(
            clear_inside, self.pool_curve, tariff=self.tariff, blur=self.blur
        )
        return clear_pool(seen.supply, others_demand), clear_pool(others_supply, seen.demand)

    def _pairwise(self, own: Flows) -> tuple[InsideTrade, InsideTrade]:
        """The same from trades of pairs at one price for all, so that the books balance.

        Cluster p sells to q what both can agree on, T_pq = x_p·W_pq·y_q / max(S_q, D_p), with S_q
        the supply that the buyer sees and D_p the demand that the seller sees: no one sells or
        buys more than it has, and where W is one everywhere the short side trades all it has.
        """
        weights = self.sight(own.supply.shape[0])
        weights = weights - jnp.diag(jnp.diagonal(weights))
        demand_seen = jnp.matmul(weights, own.demand, precision="highest")
        supply_seen = jnp.matmul(weights.T, own.supply, precision="highest")
        pair = clear_inside(
            self.pool_curve, supply_seen[None], demand_seen[:, None], self.tariff, self.blur
        )
        # Shares of x_p that go to q, and of y_q that come from p.
        sold = weights[..., None] * pair.sold * _share(own.demand[None], demand_seen[:, None])
        met = weights[..., None] * pair.met * _share(own.supply[:, None], supply_seen[None])
        offered, wanted = jnp.sum(own.supply, axis=0), jnp.sum(own.demand, axis=0)
        price = clear_inside(self.pool_curve, offered, wanted, self.tariff, self.blur).price
        price = jnp.broadcast_to(price, own.supply.shape)
        return (
            InsideTrade(jnp.sum(sold, axis=1), jnp.zeros_like(price), price),
            InsideTrade(jnp.zeros_like(price), jnp.sum(met, axis=0), price),
        )

    def _pool_prices(self, selling: InsideTrade, buying: InsideTrade) -> Tariff:
        """What the pool pays a cluster and charges it, €/kWh."""
        feed_in, retail = self.tariff.feed_in, self.tariff.retail
        sell = feed_in + selling.sold * (selling.price - feed_in)
        buy = retail - buying.met * (retail - buying.price)
        # In the right order but for rounding.
        return Tariff(feed_in=sell, retail=jnp.maximum(sell, buy))


def _cluster_trade(left: Flows, selling: InsideTrade, buying: InsideTrade) -> ClusterTrade:
    """Trade between clusters that have so much left."""
    sales, purchases = selling.sold * left.supply, buying.met * left.demand
    return ClusterTrade(sales, purchases, buying.price * purchases - selling.price * sales)


def _share(part: Float[Array, "..."], total: Float[Array, "..."]) -> Float[Array, "..."]:
    """A part of a total, 0 of nothing; both may be tiny."""
    # A common scale is taken out, as a constant: without it derivatives of the quotient overflow.
    scale = jax.lax.stop_gradient(jnp.where(total > 0, total, 1.0))
    return safe_divide(part / scale, total / scale, 0.0)
