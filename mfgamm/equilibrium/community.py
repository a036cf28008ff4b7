"""A community: a population and the market it trades in."""

import equinox as eqx
import jax
from jaxtyping import Array, Float

from mfgamm.core import InvalidInput
from mfgamm.market import AbstractClusteredMarket, AbstractMarket
from mfgamm.prosumer import HouseholdTypes, Population


class Community(eqx.Module):
    """The game: a population maps prices to flows, a market maps flows to prices.

    Attributes:
        population: household types.
        market: where they trade.

    Raises:
        InvalidInput: if market and population differ in their number of steps or of clusters.
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
        self._require_clusters()

    def _require_clusters(self) -> None:
        """Tariffs and couplings of clusters are of the population's clusters."""
        count = self.population.types.members.count
        shape = self.market.tariff.retail.shape
        if len(shape) > 1 and shape[0] != count:
            raise InvalidInput(
                "market.tariff",
                f"{shape[0]} clusters",
                f"the population has {count}; give one row for each, or one tariff for all",
            )
        market = self.market
        if not isinstance(market, AbstractClusteredMarket):
            return
        if self.population.types.clusters is None:
            raise InvalidInput(
                "population",
                "no clusters",
                "a market of clusters needs to know who lives where; pass `homes`",
            )
        try:
            jax.eval_shape(lambda: market.sight(count))
        except (TypeError, ValueError) as error:
            raise InvalidInput(
                "market.coupling",
                type(market.coupling).__name__,
                f"does not fit the population's {count} clusters",
            ) from error


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
