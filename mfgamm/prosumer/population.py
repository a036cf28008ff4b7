"""The population: household types as stacked arrays, and their program at given prices."""

from collections.abc import Sequence
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from mfgamm.core import Clusters, Flows, InvalidInput, Membership, Number, Prices
from mfgamm.lp import StorageProgram
from mfgamm.prosumer.household import Household
from mfgamm.prosumer.plan import Plan
from mfgamm.prosumer.virtual_battery import VirtualBattery


class Storage(eqx.Module):
    """Virtual batteries of all types; a type without a device has one of capacity zero.

    Attributes: as in `VirtualBattery`, in kW, kWh and €/kWh.
    """

    charge_limit: Float[Array, "type device time"]
    discharge_limit: Float[Array, "type device time"]
    state_lower: Float[Array, "type device time"]
    state_upper: Float[Array, "type device time"]
    use: Float[Array, "type device time"]
    charge_gain: Float[Array, "type device"]
    discharge_gain: Float[Array, "type device"]
    retention: Float[Array, "type device"]
    initial: Float[Array, "type device"]
    terminal_value: Float[Array, "type device"]


class HouseholdTypes(eqx.Module):
    """The numbers of a population: a pytree of arrays, safe to pass through `jit` and `grad`.

    Attributes:
        generation, base_load: kW (paper: ω, α^base).
        curtailment_limit: how much production may be turned down, kW.
        trade_limit: of each connection, kW (paper: X).
        storage: the devices.
        weights: share of each type in the population; they sum to one (paper: w), over all
            clusters if there are any.
        discount: weight of each step in a household's objective (paper: γ per epoch).
        step_hours: length of a step, h (paper: Δ).
        clusters: where types live; None if they are one community. Prices and flows are then
            `[cluster, time]` instead of `[time]`, flows always per household of the population.
    """

    generation: Float[Array, "type time"]
    base_load: Float[Array, "type time"]
    curtailment_limit: Float[Array, "type time"]
    trade_limit: Float[Array, " type"]
    storage: Storage
    weights: Float[Array, " type"]
    discount: Float[Array, " time"]
    step_hours: Float[Array, ""]
    clusters: Clusters | None = None

    # Exchanges of the program: sell, buy, curtail, by their sign in the power balance.
    sign: ClassVar[tuple[int, ...]] = (1, -1, 1)

    @property
    def members(self) -> Membership:
        """Weights and clusters of the types."""
        return Membership(self.weights, self.clusters)

    def at_home(self, prices: Prices) -> Prices:
        """The prices that each type faces in its cluster, €/kWh."""
        members = self.members
        return Prices(sell=members.at_home(prices.sell), buy=members.at_home(prices.buy))

    def program(self, prices: Prices) -> StorageProgram:
        """Each type's linear program at `prices` (AMM paper, "Best-Response Linear Program").

        The paper's resource constraint is used with its sign mended: ω = p + k + s − d.
        """
        storage, time = self.storage, self.generation.shape
        prices = self.at_home(prices)
        hours = self.step_hours * self.discount
        zero = jnp.zeros(time, self.generation.dtype)
        limit = zero + self.trade_limit[:, None]
        nothing = jnp.zeros_like(storage.charge_limit)
        state_cost = nothing.at[..., -1].set(-storage.terminal_value * self.discount[-1])
        inflow = -storage.use
        inflow = inflow.at[..., 0].add(storage.retention * storage.initial)

        def stack(exchanges, inflows, outflows, states):
            rows = [jnp.stack(exchanges, axis=1), inflows, outflows, states]
            return jnp.moveaxis(jnp.concatenate(rows, axis=1), 0, -1)

        cost = stack(
            [zero - prices.sell * hours, zero + prices.buy * hours, zero],
            nothing,
            nothing,
            state_cost,
        )
        return StorageProgram(
            cost=cost,
            curvature=None,
            lower=stack([zero, zero, zero], nothing, nothing, storage.state_lower),
            upper=stack(
                [limit, limit, self.curtailment_limit],
                storage.charge_limit,
                storage.discharge_limit,
                storage.state_upper,
            ),
            balance=(self.generation - self.base_load).T,
            inflow=jnp.moveaxis(inflow, 0, -1),
            gain_in=storage.charge_gain.T,
            gain_out=storage.discharge_gain.T,
            retention=storage.retention.T,
            sign=self.sign,
        )

    def flows(self, plan: Plan) -> Flows:
        """Average supply and demand of a plan profile, by cluster if any, kW per household."""
        members = self.members
        return Flows(supply=members.total(plan.sell), demand=members.total(plan.buy))

    def cost(self, plan: Plan, prices: Prices) -> Float[Array, " type"]:
        """Each type's objective, €: discounted payments less the worth of what is left stored."""
        prices = self.at_home(prices)
        payments = self.step_hours * (plan.buy * prices.buy - plan.sell * prices.sell)
        left = jnp.sum(self.storage.terminal_value * plan.state_of_charge[..., -1], axis=-1)
        return payments @ self.discount - self.discount[-1] * left

    def imbalance(self, plan: Plan) -> Float[Array, "type time"]:
        """What a plan leaves of each type's power balance, kW; zero to rounding."""
        due = self.net_trade(plan.curtailed, plan.charge, plan.discharge)
        return due - (plan.sell - plan.buy)

    def net_trade(
        self,
        curtailed: Float[Array, "type time"],
        charge: Float[Array, "type device time"],
        discharge: Float[Array, "type device time"],
    ) -> Float[Array, "type time"]:
        """Power sold (negative: bought) that curtailment and device flows leave, kW."""
        left = self.generation - self.base_load - curtailed
        return left - jnp.sum(charge - discharge, axis=1)

    def netted_plan(
        self,
        curtailed: Float[Array, "type time"],
        charge: Float[Array, "type device time"],
        discharge: Float[Array, "type device time"],
    ) -> Plan:
        """The pure plan behind controls, kW: trade and states (kWh) follow from them."""
        net = self.net_trade(curtailed, charge, discharge)
        return Plan(
            sell=jnp.maximum(net, 0.0),
            buy=jnp.maximum(-net, 0.0),
            curtailed=curtailed,
            charge=charge,
            discharge=discharge,
            state_of_charge=self.follow_states(charge, discharge),
        )

    def unwashed(
        self, charge: Float[Array, "type device time"], discharge: Float[Array, "type device time"]
    ) -> tuple[Float[Array, "type device time"], Float[Array, "type device time"]]:
        """Device flows, kW, without charging a lossless store while discharging it."""
        lossless = self.storage.charge_gain == self.storage.discharge_gain
        both = jnp.where(lossless[..., None], jnp.minimum(charge, discharge), 0.0)
        return charge - both, discharge - both

    def worst_violation(self, plan: Plan) -> Float[Array, ""]:
        """The most by which a plan leaves any type's limits, kW or kWh; 0 if it keeps them all."""
        storage, limit = self.storage, self.trade_limit[:, None]
        reached = self.follow_states(plan.charge, plan.discharge)
        excesses = [
            *(-power for power in (plan.sell, plan.buy, plan.curtailed)),
            *(-power for power in (plan.charge, plan.discharge)),
            plan.sell - limit,
            plan.buy - limit,
            plan.curtailed - self.curtailment_limit,
            plan.charge - storage.charge_limit,
            plan.discharge - storage.discharge_limit,
            storage.state_lower - plan.state_of_charge,
            plan.state_of_charge - storage.state_upper,
            jnp.abs(plan.state_of_charge - reached),
        ]
        return jnp.max(jnp.stack([jnp.max(excess, initial=0.0) for excess in excesses]))

    def follow_states(
        self, charge: Float[Array, "type device time"], discharge: Float[Array, "type device time"]
    ) -> Float[Array, "type device time"]:
        """States that the device flows lead to, kWh."""
        storage = self.storage
        change = (
            storage.charge_gain[..., None] * charge
            - storage.discharge_gain[..., None] * discharge
            - storage.use
        )

        def advance(state, delta):
            state = storage.retention * state + delta
            return state, state

        _, states = jax.lax.scan(advance, storage.initial, jnp.moveaxis(change, -1, 0))
        return jnp.moveaxis(states, 0, -1)


class Population(eqx.Module):
    """Household types with their labels.

    Attributes:
        types: the numbers.
        households: how many households the types stand for together.
        names, categories: one label for each type (static).
        devices: one label for each device slot, e.g. ("battery", "flexible load") (static).
        clusters: one label for each cluster (static); none in a single community.
    """

    types: HouseholdTypes
    households: Float[Array, ""]
    names: tuple[str, ...] = eqx.field(static=True)
    categories: tuple[str, ...] = eqx.field(static=True)
    devices: tuple[str, ...] = eqx.field(static=True)
    clusters: tuple[str, ...] = eqx.field(static=True, default=())

    @classmethod
    def from_households(
        cls,
        households: Sequence[Household],
        *,
        step_hours: Number,
        weights: Sequence[float] | np.ndarray | None = None,
        represented: Number | None = None,
        discount_per_day: Number = 1.0,
        day: Int[np.ndarray, " time"] | None = None,
        clusters: Sequence[str] = (),
        homes: Sequence[int] | Int[np.ndarray, " type"] | None = None,
    ) -> "Population":
        """Stack households on a common time grid.

        Args:
            households: the types, all with as many steps.
            step_hours: length of a step, h.
            weights: relative size of each type; equal if None. Scaled to sum to one.
            represented: number of households that the population stands for; one a type if None.
            discount_per_day: weight of a day's payments against those of the day before; constant
                within a day (the AMM paper discounts between epochs).
            day: which day each step belongs to, from 0; days of 24 hours if None.
            clusters: names of the clusters, in the order of prices and flows; a cluster may be
                empty. None: one community.
            homes: the cluster of each type, an index into `clusters`, ascending.

        Raises:
            InvalidInput: if lengths differ, weights are negative, or a device does not fit.
        """
        steps = _common_steps(households)
        if not step_hours > 0:
            raise InvalidInput("step_hours", step_hours, "must be positive")
        if not 0 < discount_per_day <= 1:
            raise InvalidInput("discount_per_day", discount_per_day, "must be in (0, 1]")
        slots = _device_slots(households)
        generation = np.stack([h.generation for h in households])
        curtailable = np.array([h.curtailable for h in households], float)
        if day is None:
            day = np.floor(np.arange(steps) * step_hours / 24 + 1e-9).astype(int)
        types = HouseholdTypes(
            generation=jnp.asarray(generation),
            base_load=jnp.asarray(np.stack([h.base_load for h in households])),
            curtailment_limit=jnp.asarray(generation * curtailable[:, None]),
            trade_limit=jnp.asarray([float(h.trade_limit) for h in households]),
            storage=_stack_devices(households, slots, steps, step_hours),
            weights=jnp.asarray(_normalised(weights, len(households))),
            discount=jnp.asarray(discount_per_day**day),
            step_hours=jnp.asarray(float(step_hours)),
            clusters=_clusters(clusters, homes, len(households)),
        )
        mass = float(len(households)) if represented is None else float(represented)
        if not mass > 0:
            raise InvalidInput("represented", represented, "must be positive")
        return cls(
            types=types,
            households=jnp.asarray(mass),
            names=tuple(h.name for h in households),
            categories=tuple(h.category for h in households),
            devices=tuple(kind if k == 0 else f"{kind} {k + 1}" for kind, k in slots),
            clusters=tuple(clusters),
        )

    @property
    def size(self) -> int:
        """Number of distinct types."""
        return len(self.names)

    @property
    def steps(self) -> int:
        return self.types.generation.shape[-1]

    @property
    def days(self) -> float:
        """Length of the horizon in days."""
        return self.steps * float(self.types.step_hours) / 24


def _common_steps(households: Sequence[Household]) -> int:
    if not households:
        raise InvalidInput("households", "none", "a population needs at least one")
    steps = households[0].generation.size
    for household in households:
        if household.generation.size != steps:
            raise InvalidInput(
                f"{household.name}.generation",
                f"{household.generation.size} steps",
                f"all households need as many steps as {households[0].name}, {steps}",
            )
    return steps


def _normalised(weights, count: int) -> np.ndarray:
    if weights is None:
        return np.full(count, 1 / count)
    array = np.asarray(weights, float)
    valid = array.shape == (count,) and np.all(np.isfinite(array)) and np.all(array >= 0)
    if not (valid and array.sum() > 0):
        raise InvalidInput("weights", weights, f"must be {count} numbers ≥ 0, not all zero")
    return array / array.sum()


def _clusters(names: Sequence[str], homes, count: int) -> Clusters | None:
    if (homes is None) != (len(names) == 0):
        raise InvalidInput("homes", homes, "pass names of clusters and everybody's homes together")
    if homes is None:
        return None
    if len(homes) != count:
        raise InvalidInput("homes", f"{len(homes)} entries", f"there are {count} household types")
    return Clusters(np.asarray(homes, np.int32), len(names))


def _device_slots(households: Sequence[Household]) -> list[tuple[str, int]]:
    """Slots (kind, how many before of that kind) that hold every household's devices."""
    most: dict[str, int] = {}
    for household in households:
        kinds = [device.kind for device in household.devices]
        for kind in dict.fromkeys(kinds):
            most[kind] = max(most.get(kind, 0), kinds.count(kind))
    return [(kind, k) for kind, count in most.items() for k in range(count)]


def _stack_devices(households, slots, steps: int, step_hours: float) -> Storage:
    series = ("charge_limit", "discharge_limit", "state_lower", "state_upper", "use")
    numbers = ("charge_gain", "discharge_gain", "retention", "initial", "terminal_value")
    shape = (len(households), len(slots))
    absent = {"charge_gain": step_hours, "discharge_gain": step_hours, "retention": 1.0}
    arrays = {name: np.zeros((*shape, steps)) for name in series}
    arrays |= {name: np.full(shape, absent.get(name, 0.0)) for name in numbers}
    for row, household in enumerate(households):
        seen: dict[str, int] = {}
        for device in household.devices:
            slot = slots.index((device.kind, seen.get(device.kind, 0)))
            seen[device.kind] = seen.get(device.kind, 0) + 1
            virtual: VirtualBattery = device.virtual_battery(steps, step_hours)
            for name in (*series, *numbers):
                arrays[name][row, slot] = getattr(virtual, name)
    return Storage(**{name: jnp.asarray(array) for name, array in arrays.items()})
