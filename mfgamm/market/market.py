"""Markets: prices from flows, and the settlement that goes with them."""

import dataclasses
from abc import abstractmethod

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from mfgamm.amm import AbstractBondingCurve, clear, fee_income, matched_power
from mfgamm.core import Flows, InvalidInput, Membership, Prices, Tariff, concrete
from mfgamm.market.settlement import Settlement, payments_at


def _share(given) -> Float[Array, ""]:
    return jnp.asarray(given) * 1.0


class AbstractMarket(eqx.Module):
    """A pure function from aggregate flows to prices, with its settlement."""

    tariff: eqx.AbstractVar[Tariff]

    @abstractmethod
    def prices(self, flows: Flows) -> Prices:
        """Prices that the flows lead to, €/kWh."""

    @abstractmethod
    def settle(
        self,
        sell: Float[Array, "type time"],
        buy: Float[Array, "type time"],
        members: Membership,
        step_hours: Float[Array, ""],
    ) -> Settlement:
        """Settle trades.

        Args:
            sell, buy: of each type, kW.
            members: weights of the types, which sum to one, and their clusters.
            step_hours: length of a step, h.
        """

    def blurred(self, blur: Float[Array, ""]) -> "AbstractMarket":
        """The same market with prices smooth at balance, if they are not anyway."""
        return self


class CommunityMarket(AbstractMarket):
    """A community cleared by an automated market maker (AMM paper, "AMM Workflow").

    Where there are clusters, each of them is cleared by itself.

    Attributes:
        curve: the bonding curve.
        tariff: the grid's prices, €/kWh.
        fee: the operator keeps this share, in [0, 1], of matched energy × spread: on given plans,
            of what the community gains over the grid.
        blur: share κ of `matched_power`, in [0, 1): 0 clears averages exactly, a little makes
            prices smooth where supply meets demand, so that they have derivatives there.

    Raises:
        InvalidInput: if fee or blur is out of range, or the curve cannot serve the tariff.
    """

    curve: AbstractBondingCurve
    tariff: Tariff
    fee: Float[Array, ""] = eqx.field(converter=_share, default=0.0)
    blur: Float[Array, ""] = eqx.field(converter=_share, default=0.0)

    def __check_init__(self):
        blur = concrete(self.blur)
        if blur is not None and not 0 <= blur < 1:
            raise InvalidInput("market.blur", float(blur), "must be a share in [0, 1)")
        fee = concrete(self.fee)
        if fee is not None and not 0 <= fee <= 1:
            raise InvalidInput("market.fee", float(fee), "must be a share in [0, 1]")
        if concrete(self.tariff.feed_in) is not None:
            nothing = jnp.zeros_like(self.tariff.feed_in)
            self.prices(Flows(supply=nothing, demand=nothing))

    def prices(self, flows: Flows) -> Prices:
        return clear(self.curve, flows.supply, flows.demand, self.tariff, self.fee, self.blur)

    def blurred(self, blur) -> "CommunityMarket":
        return dataclasses.replace(self, blur=jnp.maximum(self.blur, blur))

    def settle(self, sell, buy, members, step_hours) -> Settlement:
        supply, demand = members.total(sell), members.total(buy)
        prices = self.prices(Flows(supply, demand))
        inside = matched_power(supply, demand, self.blur)
        imported, exported = step_hours * (demand - inside), step_hours * (supply - inside)
        earned = fee_income(supply, demand, self.tariff, self.fee, self.blur)
        return Settlement(
            payments=payments_at(prices, sell, buy, members, step_hours),
            members=members,
            supply=step_hours * supply,
            demand=step_hours * demand,
            traded_inside=step_hours * inside,
            grid_import=imported,
            grid_export=exported,
            grid_charges=self.tariff.retail * imported,
            grid_credits=self.tariff.feed_in * exported,
            # Not what the payments leave over: computed apart, so that the residual checks both.
            operator_income=step_hours * earned,
            rebates=jnp.zeros_like(buy),
        )


class GridMarket(AbstractMarket):
    """No community: everybody trades with the grid alone.

    Attributes:
        tariff: the grid's prices, €/kWh.
    """

    tariff: Tariff

    def prices(self, flows: Flows) -> Prices:
        return Prices(
            sell=jnp.broadcast_to(self.tariff.feed_in, flows.supply.shape),
            buy=jnp.broadcast_to(self.tariff.retail, flows.demand.shape),
        )

    def settle(self, sell, buy, members, step_hours) -> Settlement:
        supply, demand = step_hours * members.total(sell), step_hours * members.total(buy)
        feed_in, retail = self.tariff.feed_in, self.tariff.retail
        nothing = jnp.zeros_like(supply)
        return Settlement(
            payments=payments_at(Prices(sell=feed_in, buy=retail), sell, buy, members, step_hours),
            members=members,
            supply=supply,
            demand=demand,
            traded_inside=nothing,
            grid_import=demand,
            grid_export=supply,
            grid_charges=retail * demand,
            grid_credits=feed_in * supply,
            operator_income=nothing,
            rebates=jnp.zeros_like(buy),
        )
