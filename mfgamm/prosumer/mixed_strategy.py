"""Mixed strategies: each type spreads its households over a few pure plans."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from mfgamm.core import Number
from mfgamm.prosumer.plan import Plan
from mfgamm.prosumer.population import HouseholdTypes


class MixedStrategy(eqx.Module):
    """Pure plans of every type, and the share of the type's households that follows each.

    A plan is kept as what a household decides; its trade and its states follow, so that no plan
    kept here ever sells while it buys. Sales and purchases of a mixture are averaged apart: a
    type may do both in one step, by different households (AMM paper, "Mixed strategies").

    Attributes:
        curtailed: production turned down, kW.
        charge, discharge: flows into and out of each device, kW.
        weights: share of the type that follows each plan; they sum to one over `plan`.
        held: which places hold a plan; the weights of the others are zero.
    """

    curtailed: Float[Array, "plan type time"]
    charge: Float[Array, "plan type device time"]
    discharge: Float[Array, "plan type device time"]
    weights: Float[Array, "plan type"]
    held: Bool[Array, "plan type"]

    @classmethod
    def pure(cls, plan: Plan) -> "MixedStrategy":
        """Everybody follows `plan`, netted where it is an average."""
        weights = jnp.ones_like(plan.sell[None, :, 0])
        return cls(
            curtailed=plan.curtailed[None],
            charge=plan.charge[None],
            discharge=plan.discharge[None],
            weights=weights,
            held=weights > 0,
        )

    @property
    def capacity(self) -> int:
        """How many plans a type can hold."""
        return self.weights.shape[0]

    def net_trade(self, types: HouseholdTypes) -> Float[Array, "plan type time"]:
        """What each plan sells (negative: buys), kW."""
        return jax.vmap(types.net_trade)(self.curtailed, self.charge, self.discharge)

    def left_stored(self, types: HouseholdTypes) -> Float[Array, "plan type device"]:
        """Energy that each plan leaves in each device at the end, kWh."""
        return jax.vmap(types.follow_states)(self.charge, self.discharge)[..., -1]

    def average(self, types: HouseholdTypes) -> Plan:
        """Each type's average plan."""
        net = self.net_trade(types)
        charge, discharge = (self._mean(flows) for flows in (self.charge, self.discharge))
        return Plan(
            sell=self._mean(jnp.maximum(net, 0.0)),
            buy=self._mean(jnp.maximum(-net, 0.0)),
            curtailed=self._mean(self.curtailed),
            charge=charge,
            discharge=discharge,
            state_of_charge=types.follow_states(charge, discharge),
        )

    def with_capacity(self, capacity: int) -> "MixedStrategy":
        """The same mixture with this many places, if need be of the heaviest plans alone."""
        order = jnp.argsort(-self.weights, axis=0)[:capacity]
        missing = capacity - order.shape[0]

        def place(rows):
            kept = rows[order, jnp.arange(order.shape[1])]
            return jnp.pad(kept, [(0, missing), *[(0, 0)] * (rows.ndim - 1)])

        placed = jax.tree.map(place, self)
        total = jnp.sum(placed.weights, axis=0)
        return dataclasses.replace(placed, weights=placed.weights / total)

    def with_plan(self, plan: Plan, weight: Float[Array, ""] | Number = 0.0) -> "MixedStrategy":
        """The same mixture with one plan more, which `weight` of every type's households follow.

        Where every place is taken the lightest plan gives way, and the others share its weight.
        """
        place = jnp.argmin(jnp.where(self.held, self.weights, -1.0), axis=0)
        each = jnp.arange(place.size)
        others = self.weights.at[place, each].set(0.0)
        others = others / jnp.sum(others, axis=0)
        return MixedStrategy(
            curtailed=self.curtailed.at[place, each].set(plan.curtailed),
            charge=self.charge.at[place, each].set(plan.charge),
            discharge=self.discharge.at[place, each].set(plan.discharge),
            weights=((1 - weight) * others).at[place, each].set(weight),
            held=self.held.at[place, each].set(True),
        )

    def _mean(self, controls: Float[Array, "plan type *rest"]) -> Float[Array, "type *rest"]:
        return jnp.einsum("kn,kn...->n...", self.weights, controls, precision="highest")


def draw_indices(
    mixture: MixedStrategy, types: HouseholdTypes, households: int, key: PRNGKeyArray
) -> tuple[Int[Array, " household"], Int[Array, " household"]]:
    """Type and plan of each of so many households, drawn independently by their weights."""
    of_type, of_plan = jax.random.split(key)
    kind = jax.random.categorical(of_type, jnp.log(types.weights), shape=(households,))
    place = jax.random.categorical(of_plan, jnp.log(mixture.weights)[:, kind], axis=0)
    return kind, place


def draw_community(
    mixture: MixedStrategy, types: HouseholdTypes, households: int, key: PRNGKeyArray
) -> tuple[HouseholdTypes, Plan]:
    """A finite community that plays a mixture: households of equal weight, a pure plan for each.

    Args:
        mixture: what each type plays.
        types: of households, drawn by their weights.
        households: how many to draw.
        key: of the draws.

    Returns:
        The households drawn, and their plans, each feasible for its household.
    """
    kind, place = draw_indices(mixture, types, households, key)
    own = ("generation", "base_load", "curtailment_limit", "trade_limit", "storage")
    rows = {name: jax.tree.map(lambda row: row[kind], getattr(types, name)) for name in own}
    equal = jnp.full(households, 1 / households)
    drawn = dataclasses.replace(types, weights=equal, **rows)
    charge, discharge = mixture.charge[place, kind], mixture.discharge[place, kind]
    return drawn, drawn.netted_plan(mixture.curtailed[place, kind], charge, discharge)
