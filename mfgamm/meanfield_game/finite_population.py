"""N households instead of infinitely many: they play the mean field's policy, by chance and alone.

GMFG paper, theorem 3: the policy of the limit is nearly an equilibrium among N.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray

from mfgamm.core import Flows, InvalidInput, Prices
from mfgamm.meanfield import ControlledDiffusion, Foresight, Moment, backward, with_base_load
from mfgamm.meanfield_game.certificate import best_cost
from mfgamm.meanfield_game.game import MeanFieldGame
from mfgamm.meanfield_game.response import recharge
from mfgamm.meanfield_game.solve import MeanFieldEquilibrium


class FinitePlay(eqx.Module):
    """What N households made of the mean field's policy, in each draw of their fortunes.

    Attributes:
        prices: that their flows led to, €/kWh.
        price_error: root mean square over clusters and steps of the distance to the mean field's
            prices, €/kWh.
        exploitability: what a household that takes prices as given would save at most by
            foreseeing those of the draw, averaged over the population, € per household-day. It is
            no less than what any household could gain by any deviation that does not move prices.
    """

    prices: Prices
    price_error: Float[Array, " draw"]
    exploitability: Float[Array, " draw"]


def play_finite(
    game: MeanFieldGame,
    equilibrium: MeanFieldEquilibrium,
    households: int,
    key: PRNGKeyArray,
    draws: int = 8,
) -> FinitePlay:
    """Let N households play the equilibrium's policy, each with luck of its own.

    Household j of a cluster has the same luck whatever N is, so that populations of different
    sizes can be compared.

    Args:
        game: which was solved.
        equilibrium: its solution.
        households: N, spread over the clusters by their masses, at least one in each that has any.
        key: of all draws.
        draws: how often they play.

    Raises:
        InvalidInput: if there are fewer households than clusters with any, or a device looks at
            what others draw.
    """
    homes = _homes(game, households)
    _require_own_motion(game.household)

    def one(key: PRNGKeyArray) -> FinitePlay:
        prices = game.prices(_simulate(game, equilibrium, homes, key))
        charged = recharge(game, equilibrium.response, equilibrium.prices, prices)
        regret = game.masses @ (charged.cost - best_cost(game, prices)) / game.days
        pairs = ((prices.sell, equilibrium.prices.sell), (prices.buy, equilibrium.prices.buy))
        error = jnp.sqrt(jnp.mean(jnp.stack([(a - b) ** 2 for a, b in pairs])))
        return FinitePlay(prices=prices, price_error=error, exploitability=regret)

    return jax.lax.map(one, jax.random.split(key, draws))


@eqx.filter_jit
def _simulate(
    game: MeanFieldGame,
    equilibrium: MeanFieldEquilibrium,
    homes: Int[np.ndarray, " household"],
    key: PRNGKeyArray,
) -> Flows:
    """Flows of each cluster's households on average, kW, `[cluster, time]`."""
    temperature, expected = equilibrium.temperature, equilibrium.value
    model = with_base_load(game.household, jnp.zeros(game.household.steps))

    def values_at(base_load, seen):
        return backward(game.at_home(base_load), seen, temperature)[1:]

    values = jax.vmap(values_at, out_axes=1)(game.base_load, expected)
    count = jnp.zeros(game.clusters).at[homes].add(1.0)
    inverse = jnp.where(count > 0, 1 / jnp.maximum(count, 1), 0.0)
    luck = _keys(key, homes)

    def step(states, piece):
        number, after, seen, base_load = piece
        now = model.moment(number)
        draws = _uniform(luck, number, 1 + len(states))
        levels = _choose(game, equilibrium, now, after, seen, homes, states, draws[0])
        options = tuple(
            values[chosen] for values, chosen in zip(model.controls.values, levels, strict=True)
        )
        here = tuple(axis.points[x] for axis, x in zip(model.grid.axes, states, strict=True))
        net = base_load[homes] + model.running_cost.net_load(now, here, options)
        share = inverse[homes]
        flows = [
            jnp.zeros(game.clusters).at[homes].add(share * jnp.maximum(each, 0))
            for each in (-net, net)
        ]
        return _move(model, now, states, levels, draws[1:]), flows

    steps = jnp.arange(model.steps)
    pieces = (steps, values, jax.tree.map(jnp.transpose, expected), game.base_load.T)
    start = _start(game, homes, _uniform(luck, -1, 1)[0])
    _, (supply, demand) = jax.lax.scan(step, start, pieces)
    return Flows(supply=supply.T, demand=demand.T)


def _choose(game, equilibrium, now: Moment, after, seen: Prices, homes, states, luck):
    """Number of the level of each device that each household chooses."""

    def policy(base_load, value, prices):
        model = game.at_home(base_load)
        foresight = Foresight(value[None], equilibrium.temperature)
        return foresight.policy(model, now, prices, value)

    controls, grid = game.household.controls, game.household.grid
    policies = jax.vmap(policy)(game.base_load, after, seen)
    flat = policies.reshape(game.clusters, -1, grid.size)
    place = jnp.ravel_multi_index(states, grid.shape, mode="clip")
    chosen = _inverse_cdf(flat[homes, :, place], luck)
    return jnp.unravel_index(chosen, controls.shape)


def _move(model: ControlledDiffusion, now: Moment, states, levels, luck):
    """The next point of each state variable, drawn from the chain on the grid."""
    moved, controls = [], iter(levels)
    devices = model.running_cost.net_load.devices
    for device, x, drawn in zip(devices, states, luck, strict=True):
        chosen = jnp.zeros_like(x) if device.levels is None else next(controls)
        moved.append(_inverse_cdf(_transition(device, now)[chosen, x], drawn))
    return tuple(moved)


def _transition(device, now: Moment) -> Float[Array, "level point point"]:
    """Probabilities of the next point of a device's state."""
    axis, points = device.axis, device.axis.points
    levels = jnp.zeros(1) if device.levels is None else device.levels
    volatility = device.volatility(now, points)
    spread = None if volatility is None else volatility[:, None]

    def at(level):
        drift = jnp.broadcast_to(device.drift(now, points, level), points.shape)[:, None]
        return device.scheme.expect(axis, jnp.eye(axis.count), drift, spread, now.hours)

    return jax.vmap(at)(levels)


def _inverse_cdf(probabilities: Float[Array, "household _"], luck: Float[Array, " household"]):
    """Number of the outcome that a uniform draw stands for."""
    below = jnp.cumsum(probabilities, axis=1)[:, :-1]
    return jnp.sum(luck[:, None] >= below, axis=1)


def _start(game: MeanFieldGame, homes, luck) -> tuple[Int[Array, " household"], ...]:
    below = jnp.cumsum(game.starts.reshape(game.clusters, -1), axis=1)
    place = jax.vmap(jnp.searchsorted)(below[homes], luck)
    shape = game.household.grid.shape
    return jnp.unravel_index(jnp.minimum(place, below.shape[1] - 1), shape)


def _keys(key: PRNGKeyArray, homes: Int[np.ndarray, " household"]) -> PRNGKeyArray:
    """One for each household, by its cluster and its number there."""
    first = np.searchsorted(homes, homes)
    within = np.arange(homes.size) - first

    def one(cluster, number):
        return jax.random.fold_in(jax.random.fold_in(key, cluster), number)

    return jax.vmap(one)(jnp.asarray(homes), jnp.asarray(within))


def _uniform(keys: PRNGKeyArray, step, count: int) -> Float[Array, "number household"]:
    def one(key):
        return jax.random.uniform(jax.random.fold_in(key, step + 1), (count,))

    return jax.vmap(one, out_axes=1)(keys)


def _homes(game: MeanFieldGame, households: int) -> Int[np.ndarray, " household"]:
    """The cluster of each household: their numbers by masses, largest remainders first."""
    masses = np.asarray(game.masses)
    least = (masses > 0).astype(int)
    if households < least.sum():
        raise InvalidInput(
            "households", households, f"must be at least one for each of {least.sum()} clusters"
        )
    exact = masses * households
    counts = np.maximum(np.floor(exact).astype(int), least)
    while (missing := households - counts.sum()) != 0:
        towards = np.sign(missing)
        movable = np.where(counts + towards >= least, towards * (exact - counts), -np.inf)
        counts[np.argmax(np.where(masses > 0, movable, -np.inf))] += towards
    return np.repeat(np.arange(masses.size), counts)


def _require_own_motion(household: ControlledDiffusion) -> None:
    for device in household.running_cost.net_load.devices:
        if device.options is not device.levels:
            raise InvalidInput(
                "game.household",
                type(device).__name__,
                "its motion depends on what other devices draw; leave surplus_first out",
            )
