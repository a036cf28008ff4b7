"""What may be tuned: numbers of a market within bounds, and the market that they make.

A design is a dictionary of knobs by name; its parameters are a dictionary of arrays, a pytree that
optimisers take as it is. Every parameter within its bounds makes a market that keeps the axioms.
"""

import dataclasses
from abc import abstractmethod
from collections.abc import Mapping

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from mfgamm.amm import AbstractBondingCurve, Blended, Learned, Linear, curve_by_name
from mfgamm.core import InvalidInput, Number, Tariff
from mfgamm.market import CommunityMarket

Parameters = dict[str, Float[Array, "..."]]


class AbstractKnob(eqx.Module):
    """A part of a community's market that can be turned."""

    @abstractmethod
    def initial(self, market: CommunityMarket) -> Float[Array, "..."]:
        """Where to begin: as close to the market as the knob allows."""

    @property
    @abstractmethod
    def bounds(self) -> tuple[Number, Number]:
        """Least and greatest value of every entry."""

    @abstractmethod
    def turned(self, market: CommunityMarket, value: Float[Array, "..."]) -> CommunityMarket:
        """The market with the knob at a value."""


Design = Mapping[str, AbstractKnob]


class LearnedCurve(AbstractKnob):
    """The logits of a `Learned` curve: every nondecreasing schedule that its grid allows.

    Attributes:
        cells: of the grid (static).
        reach: bound on a logit's size: e^(−2·reach) is the least increment beside the greatest.
    """

    cells: int = eqx.field(static=True, default=16)
    reach: float = eqx.field(static=True, default=6.0)

    def initial(self, market: CommunityMarket) -> Float[Array, " increment"]:
        logits = Learned.like(market.curve, market.tariff, self.cells, floor=1e-3).logits
        return jnp.clip(logits - jnp.mean(logits), -self.reach, self.reach)

    @property
    def bounds(self) -> tuple[Number, Number]:
        return -self.reach, self.reach

    def turned(self, market: CommunityMarket, value: Float[Array, "..."]) -> CommunityMarket:
        return _with_curve(market, Learned(value))


class Anchor(AbstractKnob):
    """The one price of a linear curve, as a position between feed-in (0) and retail (1)."""

    def initial(self, market: CommunityMarket) -> Float[Array, ""]:
        return jnp.asarray(0.5)

    @property
    def bounds(self) -> tuple[Number, Number]:
        return 0.0, 1.0

    def turned(self, market: CommunityMarket, value: Float[Array, "..."]) -> CommunityMarket:
        tariff = market.tariff
        # Not beyond retail by rounding.
        price = jnp.minimum(tariff.feed_in + value * tariff.spread, tariff.retail)
        return _with_curve(market, Linear.at(price))


class Blend(AbstractKnob):
    """Weights of a blend of fixed curves; only their proportions matter.

    Attributes:
        curves: their names (static).
    """

    curves: tuple[str, ...] = eqx.field(static=True, default=("mid-market", "hyperbolic"))

    def initial(self, market: CommunityMarket) -> Float[Array, " curve"]:
        return jnp.full(len(self.curves), 1 / len(self.curves))

    @property
    def bounds(self) -> tuple[Number, Number]:
        # Not zero: all of them at once would be no blend.
        return 1e-3, 1.0

    def turned(self, market: CommunityMarket, value: Float[Array, "..."]) -> CommunityMarket:
        return _with_curve(market, Blended([curve_by_name(name) for name in self.curves], value))


class Fee(AbstractKnob):
    """The share of the gain that the operator keeps.

    Attributes:
        most: that it may keep (static).
    """

    most: float = eqx.field(static=True, default=0.5)

    def initial(self, market: CommunityMarket) -> Float[Array, ""]:
        return jnp.clip(market.fee, 0.0, self.most)

    @property
    def bounds(self) -> tuple[Number, Number]:
        return 0.0, self.most

    def turned(self, market: CommunityMarket, value: Float[Array, "..."]) -> CommunityMarket:
        return dataclasses.replace(market, fee=value)


class TwoRates(AbstractKnob):
    """How much dearer the grid is in some hours than in the others, at equal revenue.

    The retail price rises by (1 − σ)·x in the dear hours and falls by σ·x in the others, with σ
    the dear hours' share of what is bought from the grid at first: on the purchases of then, the
    grid earns what it earned. It never falls below the feed-in price.

    Attributes:
        dear: the hours.
        bought: from the grid at first, in any unit.
        most: greatest difference x, €/kWh (static).
    """

    dear: Bool[Array, " time"]
    bought: Float[Array, " time"]
    most: float = eqx.field(static=True, default=0.2)

    def initial(self, market: CommunityMarket) -> Float[Array, ""]:
        return jnp.asarray(0.0)

    @property
    def bounds(self) -> tuple[Number, Number]:
        return 0.0, self.most

    def turned(self, market: CommunityMarket, value: Float[Array, "..."]) -> CommunityMarket:
        share = jnp.sum(self.bought * self.dear) / jnp.sum(self.bought)
        tariff = market.tariff
        retail = tariff.retail + value * (self.dear - share)
        moved = Tariff(tariff.feed_in, jnp.maximum(retail, tariff.feed_in))
        return dataclasses.replace(market, tariff=moved)


def initial_parameters(design: Design, market: CommunityMarket) -> Parameters:
    """Where tuning begins.

    Raises:
        InvalidInput: if there is nothing to tune.
    """
    if not design:
        raise InvalidInput("design", "empty", "name at least one parameter to tune")
    return {name: knob.initial(market) for name, knob in design.items()}


def tuned_market(
    design: Design, market: CommunityMarket, parameters: Parameters
) -> CommunityMarket:
    """The market with every knob at its value."""
    for name, knob in design.items():
        market = knob.turned(market, parameters[name])
    return market


def _with_curve(market: CommunityMarket, curve: AbstractBondingCurve) -> CommunityMarket:
    return dataclasses.replace(market, curve=curve)
