"""The planner's program: every household's polytope, coupled by the cost of exchange alone.

Devices are decided before it is known which scenario comes true; trade and curtailment are not:

    minimise   Σ_n w_n [Σ_ω cost·trade_nω + worth·stores_n] + Σ_ωt ‖y_ωt‖,    y = Σ_n w_n P·trade_n
    subject to sell_ωt − buy_ωt + curtailed_ωt + intake_t = net production_ωt     (household, ω, t)
               storage equations of the devices, bounds on everything

with intake = Σ_devices (charge − discharge), and probabilities inside costs and P. With one
scenario this is the problem under certainty.
"""

import dataclasses
from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from mfgamm.core import Prices, safe_divide
from mfgamm.lp import StorageProgram
from mfgamm.lp.storage_program import Multipliers
from mfgamm.planner.exchange_cost import ExchangeCost
from mfgamm.prosumer import HouseholdTypes, Plan

SELL, BUY, CURTAIL = 0, 1, 2
# Signs of sell, buy and curtail in the balance.
SIGNS = (1.0, -1.0, 1.0)


class Group(NamedTuple):
    """Something for every variable: of trade in each scenario, and of the devices."""

    trade: Float[Array, "exchange scenario time lane"]
    stores: Float[Array, "store_variable time lane"]


class CommunityMultipliers(NamedTuple):
    """Multipliers of the balances and of the storage equations."""

    balance: Float[Array, "scenario time lane"]
    storage: Float[Array, "store time lane"]


class CommunityProgram(eqx.Module):
    """The program in displacements from the lower bounds, types along the last axis.

    Attributes:
        cost: of every variable at dual zero, €.
        span: upper minus lower bound; zero for what is fixed.
        net_production: right-hand side of the balances, kW.
        devices: the storage equations, with intake as their only exchange.
        pull: P, of a kW sold and a kW bought, €.
        mass: w.
        constant: cost of the lower bounds, €.
    """

    cost: Group
    span: Group
    net_production: Float[Array, "scenario time lane"]
    devices: StorageProgram
    pull: Float[Array, "trade scenario time coordinate"]
    mass: Float[Array, " lane"]
    constant: Float[Array, ""]

    def intake(self, stores: Float[Array, "store_variable time lane"]):
        """Power that the devices take, kW."""
        count = self.devices.stores
        return jnp.sum(stores[:count] - stores[count : 2 * count], axis=0)

    def residual(self, point: Group) -> CommunityMultipliers:
        """Right-hand sides minus left-hand sides of all equations, kW and kWh."""
        intake = self.intake(point.stores)
        traded = jnp.tensordot(jnp.asarray(SIGNS), point.trade, 1)
        left = self.devices.residual(jnp.concatenate([intake[None], point.stores]))
        return CommunityMultipliers(self.net_production - traded - intake, left.storage)

    def transpose(self, multipliers: CommunityMultipliers) -> Group:
        """The equations' adjoint."""
        signs = jnp.asarray(SIGNS)[:, None, None, None]
        total = Multipliers(jnp.sum(multipliers.balance, axis=0), multipliers.storage)
        return Group(signs * multipliers.balance, self.devices.transpose(total)[1:])

    def aggregate(self, point: Group) -> Float[Array, "scenario time coordinate"]:
        """y, €."""
        return jnp.einsum("xst,xstc->stc", point.trade[:CURTAIL] @ self.mass, self.pull)

    def charged(self, dual: Float[Array, "scenario time coordinate"]) -> Group:
        """Pᵀu: what a dual point adds to the cost of every variable, €."""
        trade = jnp.einsum("xstc,stc->xst", self.pull, dual)
        nothing = jnp.zeros_like(self.cost.trade)
        return Group(nothing.at[:CURTAIL].add(trade[..., None]), jnp.zeros_like(self.cost.stores))

    def value(self, point: Group) -> Float[Array, ""]:
        """The objective, €."""
        norms = jnp.linalg.norm(self.aggregate(point), axis=-1)
        own = jnp.sum(self.cost.trade * point.trade, axis=(0, 1, 2))
        own = own + jnp.sum(self.cost.stores * point.stores, axis=(0, 1))
        return self.constant + self.mass @ own + jnp.sum(norms)

    def bound(
        self, multipliers: CommunityMultipliers, dual: Float[Array, "scenario time coordinate"]
    ) -> Float[Array, ""]:
        """A lower bound on the objective, €, for *any* multipliers and any dual in its ball.

        The Lagrangian is minimised over the bounds alone, variable by variable.
        """
        adjoint, charged = self.transpose(multipliers), self.charged(dual)
        best = 0.0
        for cost, extra, pulled, span in zip(self.cost, charged, adjoint, self.span, strict=True):
            reduced = jnp.minimum(cost + extra - pulled, 0.0)
            best = best + jnp.sum(reduced * span, axis=tuple(range(span.ndim - 1)))
        best = best + jnp.sum(self.net_production * multipliers.balance, axis=(0, 1))
        best = best + jnp.sum(self.devices.inflow * multipliers.storage, axis=(0, 1))
        return self.constant + self.mass @ best


def community_program(
    types: HouseholdTypes,
    exchange: ExchangeCost,
    generation: Float[Array, "scenario type time"],
) -> CommunityProgram:
    """The program of a population.

    Args:
        types: whose generation is replaced.
        exchange: what aggregate flows cost; probabilities are part of its hours.
        generation: in each scenario, kW. What may be curtailed scales with it.
    """
    base = types.program(_nothing(types))
    stores = base.lower[3:]
    devices = dataclasses.replace(
        base,
        cost=jnp.concatenate([jnp.zeros_like(base.cost[:1]), base.cost[3:]]),
        lower=jnp.concatenate([jnp.zeros_like(base.lower[:1]), stores]),
        upper=jnp.concatenate([jnp.zeros_like(base.upper[:1]), base.upper[3:]]),
        balance=jnp.zeros_like(base.balance),
        sign=(-1,),
    )
    constant = types.weights @ devices.value(devices.lower)
    devices = devices.shifted(devices.lower)
    production = jnp.moveaxis(generation, 1, -1)
    curtailable = jnp.moveaxis(curtailment_limits(types, generation), 1, -1)
    limit = jnp.broadcast_to(types.trade_limit, production.shape)
    money = jnp.broadcast_to((exchange.hours * exchange.middle)[..., None], production.shape)
    one, none = jnp.ones_like(exchange.hours), jnp.zeros_like(exchange.hours)
    return CommunityProgram(
        cost=Group(jnp.stack([-money, money, jnp.zeros_like(money)]), devices.cost[1:]),
        span=Group(jnp.stack([limit, limit, curtailable]), devices.upper[1:]),
        net_production=production - types.base_load.T,
        devices=devices,
        pull=jnp.stack([exchange.pull(none, one), exchange.pull(one, none)]),
        mass=types.weights,
        constant=constant,
    )


def read_plans(
    types: HouseholdTypes,
    generation: Float[Array, "scenario type time"],
    program: CommunityProgram,
    point: Group,
) -> Plan:
    """The plan of every type in every scenario, `[scenario, …]`, balanced to rounding.

    Trade is netted: where prices agree, selling while buying costs nothing and says nothing.
    """
    count = program.devices.stores
    flows = jnp.moveaxis(point.stores[: 2 * count], -1, 0)
    charge, discharge = types.unwashed(flows[:, :count], flows[:, count:])

    def plan_of(produced, curtailed):
        here = eqx.tree_at(lambda t: t.generation, types, produced)
        return here.netted_plan(curtailed, charge, discharge)

    return eqx.filter_vmap(plan_of)(generation, jnp.moveaxis(point.trade[CURTAIL], -1, 1))


def curtailment_limits(
    types: HouseholdTypes, generation: Float[Array, "*scenario type time"]
) -> Float[Array, "*scenario type time"]:
    """What may be curtailed of another generation, kW: the same share of it.

    Production at steps that know none is curtailable where the household's other is.
    """
    anywhere = 1.0 * jnp.any(types.curtailment_limit > 0, axis=-1, keepdims=True)
    return generation * safe_divide(types.curtailment_limit, types.generation, anywhere)


def _nothing(types: HouseholdTypes) -> Prices:
    return Prices(sell=jnp.zeros_like(types.discount), buy=jnp.zeros_like(types.discount))
