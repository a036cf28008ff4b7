"""Single households that live by the mean field's policy, each with luck of its own."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key, PRNGKeyArray

from mfgamm.core import InvalidInput, Prices, concrete
from mfgamm.meanfield import (
    AbstractDevice,
    Foresight,
    Moment,
    backward,
    net_load_of,
    with_base_load,
)
from mfgamm.meanfield_game.abreast import in_every_cluster
from mfgamm.meanfield_game.game import MeanFieldGame
from mfgamm.meanfield_game.solve import MeanFieldEquilibrium

Number = Int[Array, " household"]
Luck = Float[Array, " household"]
Keys = Key[Array, " household"]


class Lives(eqx.Module):
    """How households fared.

    Attributes:
        states: each state variable at the beginning of every step, in its unit.
        net_load: drawn from the community, kW; negative where fed in.
    """

    states: tuple[Float[Array, "household time"], ...]
    net_load: Float[Array, "household time"]


def simulate(
    game: MeanFieldGame,
    equilibrium: MeanFieldEquilibrium,
    homes: Number,
    key: PRNGKeyArray,
) -> Lives:
    """Draw lives from the chain on the grid that the densities follow.

    The j-th household of a cluster has the same luck whatever the number of others.

    Args:
        game: which was solved.
        equilibrium: its solution: the prices that households expect, and the temperature.
        homes: number of each household's cluster, cluster by cluster.
        key: of all draws, from `jax.random.key`.

    Raises:
        InvalidInput: if homes are not sorted, or there is no such cluster.
    """
    _require_homes(game, homes)
    return _simulate(game, equilibrium, homes, key)


@eqx.filter_jit
def _simulate(
    game: MeanFieldGame, equilibrium: MeanFieldEquilibrium, homes: Number, key: PRNGKeyArray
) -> Lives:
    model = with_base_load(game.household, jnp.zeros(game.household.steps))
    net_load = net_load_of(model)
    luck = _keys(key, homes)

    def step(states, piece):
        number, after, seen, base_load = piece
        now = model.moment(number)
        draws = _uniform(luck, number + 1, 1 + len(states))
        chosen = _choose(game, equilibrium, now, after, seen, homes, states, draws[0])
        options = tuple(each[place] for each, place in zip(game.levels.values, chosen, strict=True))
        here = tuple(axis.points[x] for axis, x in zip(model.grid.axes, states, strict=True))
        # What a device makes of what others draw depends on the base load, too.
        home = eqx.tree_at(
            lambda load: load.base, net_load, _everywhere(net_load, base_load[homes])
        )
        each = list(home.each(now, here, options))
        net = sum((power for _, _, _, power in each), base_load[homes])
        return _move(now, states, each, chosen, draws[1:]), (here, net)

    values = _values(game, equilibrium)
    pieces = (
        jnp.arange(model.steps),
        values,
        jax.tree.map(jnp.transpose, equilibrium.value),
        game.base_load.T,
    )
    start = _start(game, homes, _uniform(luck, 0, 1)[0])
    _, (states, net) = jax.lax.scan(step, start, pieces)
    return Lives(states=tuple(map(jnp.transpose, states)), net_load=jnp.transpose(net))


def _require_homes(game: MeanFieldGame, homes: Number) -> None:
    known = concrete(homes)
    if known is None or known.size == 0:
        return
    if known.min() < 0 or known.max() >= game.clusters or np.any(np.diff(known) < 0):
        raise InvalidInput(
            "homes", known.tolist(), f"must be sorted numbers from 0 to {game.clusters - 1}"
        )


def _everywhere(net_load, base: Luck) -> Float[Array, "time household"]:
    """The base load of the moment at every step, so that any may be asked for."""
    return jnp.broadcast_to(base, (*net_load.base.shape, *base.shape))


def _values(game: MeanFieldGame, equilibrium: MeanFieldEquilibrium):
    """Values after each step, `[time, cluster, *state]`."""

    def one(home, start, seen: Prices):
        return backward(home, seen, equilibrium.temperature)[1:]

    return jnp.moveaxis(in_every_cluster(game, one, equilibrium.value), 1, 0)


def _choose(game, equilibrium, now: Moment, after, seen: Prices, homes, states, luck: Luck):
    """Number of the option that each household chooses for each device."""

    def policy(base_load, value, prices):
        foresight = Foresight(value[None], equilibrium.temperature)
        return foresight.policy(game.at_home(base_load), now, prices, value)

    grid = game.household.grid
    policies = jax.vmap(policy)(game.base_load, after, seen)
    flat = policies.reshape(game.clusters, -1, grid.size)
    place = jnp.ravel_multi_index(states, grid.shape, mode="clip")
    return jnp.unravel_index(_drawn(flat[homes, :, place], luck), game.levels.shape)


def _move(now: Moment, states: tuple[Number, ...], each, chosen, luck) -> tuple[Number, ...]:
    """The next point of each state variable."""
    moved, numbers = [], iter(chosen)
    for (device, x, level, _), at, drawn in zip(each, states, luck, strict=True):
        option = jnp.zeros_like(at) if device.levels is None else next(numbers)
        if not device.looks_at_others:
            rows = _transition(device, now)[option, at]
        else:
            rows = _transition_at(
                device, now, at, jnp.broadcast_to(device.drift(now, x, level), at.shape)
            )
        moved.append(_drawn(rows, drawn))
    return tuple(moved)


def _transition(device: AbstractDevice, now: Moment) -> Float[Array, "level point point"]:
    """Probabilities of the next point, from each level and point."""
    points = device.axis.points
    levels = jnp.zeros(1) if device.levels is None else device.levels

    def at(level):
        return _expect(
            device, now, jnp.broadcast_to(device.drift(now, points, level), points.shape)
        )

    return jax.vmap(at)(levels)


def _transition_at(device: AbstractDevice, now: Moment, at: Number, drift: Luck):
    """Probabilities of each household's next point, where its drift is its own."""

    def one(point, rate):
        return _expect(device, now, jnp.full(device.axis.count, rate))[point]

    return jax.vmap(one)(at, drift)


def _expect(device: AbstractDevice, now: Moment, drift) -> Float[Array, "point point"]:
    volatility = device.volatility(now, device.axis.points)
    spread = None if volatility is None else volatility[:, None]
    unit = jnp.eye(device.axis.count)
    return device.scheme.expect(device.axis, unit, drift[:, None], spread, now.hours)


def _drawn(probabilities: Float[Array, "household _"], luck: Luck) -> Number:
    """Number of the outcome that a uniform draw stands for."""
    below = jnp.cumsum(probabilities, axis=1)[:, :-1]
    return jnp.sum(luck[:, None] >= below, axis=1, dtype=jnp.int32)


def _start(game: MeanFieldGame, homes, luck: Luck) -> tuple[Number, ...]:
    below = jnp.cumsum(game.starts.reshape(game.clusters, -1), axis=1)
    place = jax.vmap(jnp.searchsorted)(below[homes], luck)
    shape = game.household.grid.shape
    points = jnp.unravel_index(jnp.minimum(place, below.shape[1] - 1), shape)
    return tuple(each.astype(jnp.int32) for each in points)


def _keys(key: PRNGKeyArray, homes: Number) -> Keys:
    """One for each household, by its cluster and its number there."""
    within = jnp.arange(homes.size) - jnp.searchsorted(homes, homes)

    def one(cluster, number):
        return jax.random.fold_in(jax.random.fold_in(key, cluster), number)

    return jax.vmap(one)(jnp.asarray(homes), jnp.asarray(within))


def _uniform(keys: Keys, step, count: int) -> Float[Array, "number household"]:
    def one(key):
        return jax.random.uniform(jax.random.fold_in(key, step), (count,))

    return jax.vmap(one, out_axes=1)(keys)
