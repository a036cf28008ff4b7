"""A stochastic household: its devices, its net load, and what it pays at a community's prices."""

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
from mfgamm.meanfield.model import ControlledDiffusion, Moment


class NetLoad(eqx.Module):
    """What the household draws from the community, kW; negative where it feeds in.

    Attributes:
        base: expected load less expected generation, kW, `[time]`.
        devices: in the order of the grid's axes.
    """

    base: Float[Array, " time"]
    devices: tuple[AbstractDevice, ...]

    def __call__(self, now: Moment, state, controls) -> Float[Array, "..."]:
        drawn = [device.power(now, x, level) for device, x, level in self.each(state, controls)]
        return sum(drawn, self.base[now.step])

    def each(self, state, controls):
        """Each device with its own state and level."""
        levels = iter(controls)
        for device, x in zip(self.devices, state, strict=True):
            yield device, x, jnp.zeros((), x.dtype) if device.levels is None else next(levels)


class EnergyBill(eqx.Module):
    """Running cost at prices, € per hour (GMFG paper, eq. 13): buy dearly, sell cheaply.

    Attributes:
        net_load: of the household.
    """

    net_load: NetLoad

    def __call__(self, now: Moment, state, controls, prices: Prices) -> Float[Array, "..."]:
        net = self.net_load(now, state, controls)
        bill = prices.buy * jnp.maximum(net, 0) - prices.sell * jnp.maximum(-net, 0)
        each = self.net_load.each(state, controls)
        return sum((device.cost(now, x, level) for device, x, level in each), bill)

    def terminal(self, state, prices: Prices) -> Float[Array, "..."]:
        """Cost of the energy left in stores, €."""
        del prices
        parts = [d.terminal_cost(x) for d, x in zip(self.net_load.devices, state, strict=True)]
        return sum(parts[1:], parts[0])


def household(
    devices: Sequence[AbstractDevice],
    base_load: Float[np.ndarray, " time"] | Float[Array, " time"],
    step_hours: ArrayLike = 0.25,
) -> ControlledDiffusion:
    """The decision problem of a household that trades at `Prices`, the problem's environment.

    Args:
        devices: one state variable each; list those with most points last.
        base_load: expected load less expected generation, kW, `[time]`.
        step_hours: length of a step.

    Raises:
        InvalidInput: if no device can be controlled, the base load is not finite, or a schedule has
            another number of steps.
    """
    devices = tuple(devices)
    base = jnp.asarray(base_load)
    known = concrete(base)
    if base.ndim != 1 or (known is not None and not np.all(np.isfinite(known))):
        raise InvalidInput("base_load", base.shape, "must be one finite number, kW, for each step")
    for device in devices:
        home = getattr(device, "home", base)
        if home.shape != base.shape:
            raise InvalidInput(
                f"{type(device).__name__}.home", home.shape, f"must have {base.shape[0]} steps"
            )
    controlled = [device for device in devices if device.levels is not None]
    if not controlled:
        raise InvalidInput("devices", len(devices), "at least one must be controllable")
    numbers = iter(range(len(controlled)))
    motions = tuple(
        device.motion(axis, None if device.levels is None else next(numbers))
        for axis, device in enumerate(devices)
    )
    bill = EnergyBill(NetLoad(base, devices))
    return ControlledDiffusion(
        grid=Grid(tuple(device.axis for device in devices)),
        motions=motions,
        controls=Levels(tuple(device.levels for device in controlled)),
        running_cost=bill,
        terminal_cost=bill.terminal,
        steps=base.shape[0],
        step_hours=jnp.asarray(step_hours) * 1.0,
    )


def mean_flows(model: ControlledDiffusion, now: Moment, probability: Probability, policy) -> Flows:
    """Supply and demand of a step, kW per household on average: what a market prices.

    To be observed in `forward`. A household sells or buys; the two are averaged separately.
    """
    bill = model.running_cost
    assert isinstance(bill, EnergyBill), "only households have flows"
    net = bill.net_load(now, model.grid.state, model.controls.options(model.grid, policy))
    demand, supply = jnp.maximum(net, 0), jnp.maximum(-net, 0)
    return Flows(
        supply=model.grid.mean(probability, model.average(policy, supply)),
        demand=model.grid.mean(probability, model.average(policy, demand)),
    )
