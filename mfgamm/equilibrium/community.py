"""A community: a population and the market it trades in."""

import equinox as eqx
from jaxtyping import Array, Float

from mfgamm.core import InvalidInput
from mfgamm.market import AbstractMarket
from mfgamm.prosumer import HouseholdTypes, Population


class Community(eqx.Module):
    """The game: a population maps prices to flows, a market maps flows to prices.

    Attributes:
        population: household types.
        market: where they trade.

    Raises:
        InvalidInput: if the tariff and the population differ in their number of steps.
    """

    population: Population
    market: AbstractMarket

    def __check_init__(self):
        steps = self.market.tariff.retail.shape[-1]
        if steps != self.population.steps:
            raise InvalidInput(
                "market.tariff",
                f"{steps} steps",
                f"the population has {self.population.steps}; build both on one time grid",
            )


class Game(eqx.Module):
    """The numbers of a community that a solver needs: arrays only, safe to pass through `jit`.

    Attributes:
        types: the household types.
        market: where they trade.
        benchmark_cost: each type's best cost against the grid's tariff alone, €.
    """

    types: HouseholdTypes
    market: AbstractMarket
    benchmark_cost: Float[Array, " type"]
