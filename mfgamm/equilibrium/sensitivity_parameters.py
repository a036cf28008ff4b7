"""What a designer can turn: tariffs, fee, curve, devices, profiles, the mix of households."""

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from mfgamm.amm import Blended, Learned, Linear
from mfgamm.amm.linear import GivenPrice
from mfgamm.core import Number
from mfgamm.equilibrium.community import Community, Game
from mfgamm.equilibrium.sensitivity_metrics import membership
from mfgamm.market import (
    AbstractClusteredMarket,
    AbstractMarket,
    CommunityMarket,
    MonotoneMarket,
    NestedMarket,
)

Amount = Float[Array, ""] | Number
Move = Callable[[Game, Amount], Game]
# Which leaves of a game: a market's own fields are beyond what `Game` promises of its market.
Where = Callable[[Any], Any]

FLEXIBLE, DECAY = "flexible load", "decay of the coupling"


@dataclasses.dataclass(frozen=True)
class Parameter:
    """One number of the game, and how the game changes with it.

    Attributes:
        name: what it is called.
        unit: of an amount: "€/kWh", or "1" for shares and for scales.
        step: a change worth talking about, in the unit: a cent, a per cent.
        width: half the distance of a central difference, in the unit.
        move: the game with the parameter changed by an amount; a pure function.
    """

    name: str
    unit: str
    step: float
    width: float
    move: Move


def parameters_of(community: Community) -> tuple[Parameter, ...]:
    """The parameters that a community has, each once.

    Only what is there is a parameter: no storage without a store, no fee where none can be kept.
    """
    return (
        *_of_tariff(),
        *_of_market(community.market),
        *_of_households(community),
        *_of_mix(community),
    )


def _of_tariff() -> Iterator[Parameter]:
    yield _price("retail tariff", lambda game: game.market.tariff.retail)
    yield _price("feed-in tariff", lambda game: game.market.tariff.feed_in)


def _of_market(market: AbstractMarket) -> Iterator[Parameter]:
    if isinstance(market, MonotoneMarket):
        yield _scale("curvature", lambda game: game.market.potential.curvature)
    if isinstance(market, AbstractClusteredMarket) and hasattr(market.coupling, "weights"):
        decay = _moved(lambda game: game.market.coupling.weights, _decay)
        yield Parameter(DECAY, "1", 0.01, 1e-5, decay)
    if not isinstance(market, CommunityMarket | NestedMarket):
        return
    yield Parameter("fee", "1", 0.01, 1e-5, _moved(lambda game: game.market.fee, _add))
    curve = market.curve
    if isinstance(curve, Linear) and isinstance(curve.anchor, GivenPrice):
        yield _price("anchor price", lambda game: game.market.curve.anchor.value)
    if isinstance(curve, Blended):
        for k in range(len(curve.curves)):
            move = _moved(lambda game: game.market.curve.weights, _add_to_entry(k))
            yield Parameter(f"weight of curve {k + 1}", "1", 0.01, 1e-5, move)
    if isinstance(curve, Learned):
        for k in range(curve.logits.size):
            move = _moved(lambda game: game.market.curve.logits, _add_to_entry(k))
            yield Parameter(f"logit {k + 1}", "1", 0.1, 1e-5, move)


def _of_households(community: Community) -> Iterator[Parameter]:
    types, storage = community.population.types, community.population.types.storage
    if np.any(np.asarray(types.generation) > 0):
        # What may be turned down grows with what there is.
        yield _scale(
            "generation", lambda game: (game.types.generation, game.types.curtailment_limit)
        )
    yield _scale("base load", lambda game: game.types.base_load)
    for slot, device in enumerate(community.population.devices):
        if not np.any(np.asarray(storage.charge_limit[:, slot]) > 0):
            continue
        task = "energy" if device.startswith(FLEXIBLE) else "capacity"
        yield Parameter(f"{device}, {task}", "1", 0.01, 1e-6, _capacity(slot, task == "energy"))
        yield Parameter(f"{device}, power", "1", 0.01, 1e-5, _power(slot))


def _of_mix(community: Community) -> Iterator[Parameter]:
    categories = community.population.categories
    names = list(dict.fromkeys(categories))
    if len(names) == 1:
        return
    for name, members in zip(names, membership(categories), strict=True):
        yield Parameter(f"share of {name}", "1", 0.01, 1e-6, _share(members))


def _price(name: str, where: Where) -> Parameter:
    return Parameter(name, "€/kWh", 0.01, 2e-7, _moved(where, _add))


def _scale(name: str, where: Where) -> Parameter:
    return Parameter(name, "1", 0.01, 1e-6, _moved(where, _multiply))


def _moved(where: Where, change: Callable[[Array, Amount], Array]) -> Move:
    def move(game: Game, amount: Amount) -> Game:
        return eqx.tree_at(where, game, replace_fn=lambda value: change(value, amount))

    return move


def _add(value: Array, amount: Amount) -> Array:
    return value + amount


def _decay(weights: Array, amount: Amount) -> Array:
    """exp(−α·e) with α greater by a share; a weight of zero or one stays."""
    seen = weights > 0
    return jnp.where(seen, jnp.where(seen, weights, 1.0) ** (1 + amount), 0.0)


def _multiply(value: Array, amount: Amount) -> Array:
    return value * (1 + amount)


def _add_to_entry(k: int) -> Callable[[Array, Amount], Array]:
    return lambda value, amount: value.at[k].add(amount)


def _capacity(slot: int, with_use: bool) -> Move:
    """The room of a store, or the task that a flexible load has to fulfil."""

    def move(game: Game, amount: Amount) -> Game:
        storage = game.types.storage
        # A range that is closed stays closed: opening it has no derivative.
        open_ = storage.state_upper[:, slot] > storage.state_lower[:, slot]
        upper = storage.state_upper.at[:, slot].multiply(jnp.where(open_, 1 + amount, 1.0))
        game = eqx.tree_at(lambda g: g.types.storage.state_upper, game, upper)
        if not with_use:
            return game
        use = storage.use.at[:, slot].multiply(1 + amount)
        return eqx.tree_at(lambda g: g.types.storage.use, game, use)

    return move


def _power(slot: int) -> Move:
    def where(game: Any) -> Any:
        return game.types.storage.charge_limit, game.types.storage.discharge_limit

    def change(limit: Array, amount: Amount) -> Array:
        return limit.at[:, slot].multiply(1 + amount)

    return _moved(where, change)


def _share(members: Float[Array, " type"]) -> Move:
    """More households of a category, at the expense of all others alike."""

    def move(game: Game, amount: Amount) -> Game:
        weights = game.types.weights
        share = members @ weights
        grown, shrunk = (share + amount) / share, (1 - share - amount) / (1 - share)
        moved = weights * jnp.where(members > 0, grown, shrunk)
        return eqx.tree_at(lambda g: g.types.weights, game, moved)

    return move
