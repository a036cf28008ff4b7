"""A stochastic household: its devices, its net load, and what it pays at a community's prices."""

import itertools
from collections.abc import Sequence

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Float

from mfgamm.core import Flows, InvalidInput, Prices, concrete
from mfgamm.meanfield.axis import Grid
from mfgamm.meanfield.control import Levels
from mfgamm.meanfield.device import AbstractDevice
from mfgamm.meanfield.forward import Probability
from mfgamm.meanfield.model import ControlledDiffusion, Moment, Motion


class NetLoad(eqx.Module):
    """What the household draws from the community, kW; negative where it feeds in.

    Attributes:
        base: expected load less expected generation, kW, `[time]`.
        devices: in the order of the grid's axes.
    """

    base: Float[Array, " time"]
    devices: tuple[AbstractDevice, ...]

    def __call__(self, now: Moment, state, controls) -> Float[Array, "..."]:
        drawn = [power for _, _, _, power in self.each(now, state, controls)]
        return sum(drawn, self.base[now.step])

    def each(self, now: Moment, state, controls):
        """Each device with its own state, its level, and what it draws, kW."""
        options, drawn = iter(controls), self.base[now.step]
        for device, x in zip(self.devices, state, strict=True):
            option = jnp.zeros((), x.dtype) if device.levels is None else next(options)
            level = device.level(option, drawn)
            power = device.power(now, x, level)
            yield device, x, level, power
            drawn = drawn + power


class Incentives(eqx.Module):
    """What an aggregator adds to a bill (GMFG paper, eq. 13: α_C and β_C).

    Attributes:
        penalty: on each kWh drawn beyond the contracted power, €/kWh, `[time]`.
        contracted: that power, kW.
        reward: for each kWh that is drawn less than the base load, €/kWh, `[time]`.

    Raises:
        InvalidInput: if a number is negative or not finite, or the series differ in length.
    """

    penalty: Float[Array, " time"] = eqx.field(converter=jnp.asarray)
    contracted: Float[Array, ""] = eqx.field(converter=jnp.asarray)
    reward: Float[Array, " time"] = eqx.field(converter=jnp.asarray)

    def __check_init__(self):
        for name in ("penalty", "contracted", "reward"):
            known = concrete(getattr(self, name))
            if known is not None and not (np.all(known >= 0) and np.all(np.isfinite(known))):
                raise InvalidInput(f"incentives.{name}", known.tolist(), "must be at least 0")
        if self.penalty.shape != self.reward.shape:
            raise InvalidInput(
                "incentives.reward", self.reward.shape, f"must be as long: {self.penalty.shape}"
            )

    def cost(self, now: Moment, base, net) -> Float[Array, "..."]:
        """€ per hour."""
        excess = jnp.maximum(net - self.contracted, 0)
        reduction = jnp.maximum(base - net, 0)
        return self.penalty[now.step] * excess - self.reward[now.step] * reduction


class EnergyBill(eqx.Module):
    """Running cost at prices, € per hour (GMFG paper, eq. 13): buy dearly, sell cheaply.

    Attributes:
        net_load: of the household.
        incentives: of its aggregator; None for none.
    """

    net_load: NetLoad
    incentives: Incentives | None = None

    def __call__(self, now: Moment, state, controls, prices: Prices) -> Float[Array, "..."]:
        each, base = list(self.net_load.each(now, state, controls)), self.net_load.base[now.step]
        net = sum((power for _, _, _, power in each), base)
        bill = prices.buy * jnp.maximum(net, 0) - prices.sell * jnp.maximum(-net, 0)
        if self.incentives is not None:
            bill = bill + self.incentives.cost(now, base, net)
        return sum((device.cost(now, x, level) for device, x, level, _ in each), bill)

    def terminal(self, state, prices: Prices) -> Float[Array, "..."]:
        """Cost of the energy left in stores, €."""
        del prices
        parts = [d.terminal_cost(x) for d, x in zip(self.net_load.devices, state, strict=True)]
        return sum(parts[1:], parts[0])


class _Drift(eqx.Module):
    """A device's own drift, as a function of its state and its level."""

    device: AbstractDevice
    number: int = eqx.field(static=True)
    control: int | None = eqx.field(static=True)

    def __call__(self, now, state, controls=()):
        x = state[self.number]
        level = jnp.zeros((), x.dtype) if self.control is None else controls[self.control]
        return self.device.drift(now, x, level)


class _DriftAfterOthers(eqx.Module):
    """The drift of a device that looks at what those before it draw."""

    net_load: NetLoad
    number: int = eqx.field(static=True)

    def __call__(self, now, state, controls):
        device, x, level, _ = list(self.net_load.each(now, state, controls))[self.number]
        return device.drift(now, x, level)


class _Volatility(eqx.Module):
    device: AbstractDevice
    number: int = eqx.field(static=True)

    def __call__(self, now, state):
        return self.device.volatility(now, state[self.number])


def household(
    devices: Sequence[AbstractDevice],
    base_load: Float[np.ndarray, " time"] | Float[Array, " time"],
    step_hours: ArrayLike = 0.25,
    incentives: Incentives | None = None,
) -> ControlledDiffusion:
    """The decision problem of a household that trades at `Prices`, the problem's environment.

    Args:
        devices: one state variable each; list those with most points last, and a battery that
            charges from the surplus after all that come first.
        base_load: expected load less expected generation, kW, `[time]`.
        step_hours: length of a step.
        incentives: of the aggregator; None for none.

    Raises:
        InvalidInput: if no device can be controlled, the base load is not finite, or a schedule has
            another number of steps.
    """
    devices = tuple(devices)
    base = jnp.asarray(base_load)
    known = concrete(base)
    if base.ndim != 1 or (known is not None and not np.all(np.isfinite(known))):
        raise InvalidInput("base_load", base.shape, "must be one finite number, kW, for each step")
    _require_schedules(devices, base.shape)
    if incentives is not None and incentives.penalty.shape != base.shape:
        raise InvalidInput(
            "incentives.penalty", incentives.penalty.shape, f"must have {base.shape[0]} steps"
        )
    controlled = [device for device in devices if device.levels is not None]
    if not controlled:
        raise InvalidInput("devices", len(devices), "at least one must be controllable")
    net_load = NetLoad(base, devices)
    bill = EnergyBill(net_load, incentives)
    return ControlledDiffusion(
        grid=Grid(tuple(device.axis for device in devices)),
        motions=_motions(net_load),
        controls=Levels(tuple(device.options for device in controlled)),
        running_cost=bill,
        terminal_cost=bill.terminal,
        steps=base.shape[0],
        step_hours=jnp.asarray(step_hours) * 1.0,
    )


def net_load_of(home: ControlledDiffusion) -> NetLoad:
    """What a household draws, from its decision problem."""
    bill = home.running_cost
    assert isinstance(bill, EnergyBill), "only households have a net load"
    return bill.net_load


def with_base_load(
    home: ControlledDiffusion, base_load: Float[Array, " time"]
) -> ControlledDiffusion:
    """The same household with another base load, kW.

    Raises:
        InvalidInput: if it has another number of steps.
    """
    if base_load.shape != (home.steps,):
        raise InvalidInput("base_load", base_load.shape, f"must have {home.steps} steps")

    def where(home: ControlledDiffusion) -> list:
        drifts = [each.drift for each in home.motions if isinstance(each.drift, _DriftAfterOthers)]
        return [net_load_of(home).base, *(drift.net_load.base for drift in drifts)]

    return eqx.tree_at(where, home, replace_fn=lambda old: base_load)


def _motions(net_load: NetLoad) -> tuple[Motion, ...]:
    """Those who look at others move first, the last one listed before all: nobody has moved yet."""
    numbers = itertools.count()
    looking, others = [], []
    for axis, device in enumerate(net_load.devices):
        control = None if device.levels is None else next(numbers)
        looks = device.looks_at_others
        (looking if looks else others).append(
            Motion(
                axis=axis,
                drift=_DriftAfterOthers(net_load, axis) if looks else _Drift(device, axis, control),
                volatility=None if device.intensity is None else _Volatility(device, axis),
                scheme=device.scheme,
                controlled=control is not None,
            )
        )
    return (*reversed(looking), *others)


def _require_schedules(devices: tuple[AbstractDevice, ...], shape: tuple[int, ...]) -> None:
    for device in devices:
        for name in ("home", "allowed"):
            series = getattr(device, name, None)
            if series is not None and series.shape != shape:
                raise InvalidInput(
                    f"{type(device).__name__}.{name}", series.shape, f"must have {shape[0]} steps"
                )


def mean_flows(model: ControlledDiffusion, now: Moment, probability: Probability, policy) -> Flows:
    """Supply and demand of a step, kW per household on average: what a market prices.

    To be observed in `forward`. A household sells or buys; the two are averaged separately.
    """
    options = model.controls.options(model.grid, policy)
    net = net_load_of(model)(now, model.grid.state, options)
    demand, supply = jnp.maximum(net, 0), jnp.maximum(-net, 0)
    return Flows(
        supply=model.grid.mean(probability, model.average(policy, supply)),
        demand=model.grid.mean(probability, model.average(policy, demand)),
    )
