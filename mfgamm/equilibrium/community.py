"""A community: a population and the market it trades in."""

import equinox as eqx

from mfgamm.core import InvalidInput
from mfgamm.market import AbstractMarket
from mfgamm.prosumer import Population


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
