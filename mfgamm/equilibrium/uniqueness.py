"""Is there one equilibrium? Search from many starts, and compare where the searches end."""

from collections.abc import Mapping

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int, PRNGKeyArray

from mfgamm.core import InvalidInput, Number, Prices, Tariff
from mfgamm.equilibrium.column_generation import ColumnGeneration
from mfgamm.equilibrium.community import Community
from mfgamm.equilibrium.equilibrium import Equilibrium
from mfgamm.equilibrium.solve import solve_equilibrium
from mfgamm.equilibrium.solver import AbstractSolver
from mfgamm.prosumer import best_response


class UniquenessProbe(eqx.Module):
    """Where searches from different starts ended.

    One cluster is evidence of a unique equilibrium, never a proof. Several are a proof of several
    approximate equilibria, as far as each certificate goes.

    Attributes:
        starts: what each search started from.
        equilibria: where it ended; only converged ones are compared.
        distance: largest difference of their prices, €/kWh; nan for a search that did not converge.
        cluster: number of the group of equal prices that each belongs to; −1 if not converged.
        least_monotonicity: of any change between two rounds of any search, in [-1, 1]; negative if
            the price map was met where it is not monotone.
    """

    starts: tuple[str, ...] = eqx.field(static=True)
    equilibria: tuple[Equilibrium, ...]
    distance: Float[np.ndarray, "start start"]
    cluster: Int[np.ndarray, " start"]
    least_monotonicity: float

    @property
    def clusters(self) -> int:
        """How many equilibria were told apart by their prices."""
        return int(self.cluster.max(initial=-1)) + 1


def probe_uniqueness(
    community: Community,
    solver: AbstractSolver | None = None,
    *,
    key: PRNGKeyArray,
    random_starts: int = 4,
    given: Mapping[str, Prices] | None = None,
    tolerance: float = 1e-6,
    same: Number = 1e-4,
    max_rounds: int = 100,
) -> UniquenessProbe:
    """Search for equilibria from everybody's best plans at many different prices.

    Args:
        community: the game.
        solver: how to search: one that forgets its start finds the same equilibrium every time.
            `ColumnGeneration` if None.
        key: of the random prices.
        random_starts: how many starts at random prices between the tariff's; others are the
            tariff itself, all at its feed-in price, and all at its retail price.
        given: further prices to start from by name, e.g. a planner's, €/kWh.
        tolerance: relative exploitability of each search.
        same: prices that differ by less count as equal, €/kWh.
        max_rounds: of each search.

    Raises:
        InvalidInput: if prices given do not fit, or `same` is not positive.
    """
    if not same > 0:
        raise InvalidInput("same", same, "must be positive, €/kWh")
    starts = starting_prices(community.market.tariff, random_starts, key) | dict(given or {})
    equilibria = tuple(
        solve_equilibrium(
            community,
            ColumnGeneration() if solver is None else solver,
            start=best_response(community.population, prices).value,
            tolerance=tolerance,
            max_rounds=max_rounds,
            throw=False,
        )
        for prices in starts.values()
    )
    distance = _distances(equilibria)
    return UniquenessProbe(
        starts=tuple(starts),
        equilibria=equilibria,
        distance=distance,
        cluster=_clusters(distance, float(same)),
        least_monotonicity=min(float(np.min(each.history.monotonicity)) for each in equilibria),
    )


def starting_prices(tariff: Tariff, random: int, key: PRNGKeyArray) -> dict[str, Prices]:
    """Prices by name, €/kWh: the tariff, its two ends, and random ones between them."""
    feed_in, retail = tariff.feed_in, tariff.retail
    starts = {
        "tariff": Prices(feed_in, retail),
        "feed-in": Prices(feed_in, feed_in),
        "retail": Prices(retail, retail),
    }
    for index, each in enumerate(jax.random.split(key, random)):
        shares = jnp.sort(jax.random.uniform(each, (2, *feed_in.shape)), axis=0)
        sell, buy = feed_in + shares * tariff.spread
        starts[f"random {index + 1}"] = Prices(sell, buy)
    return starts


def _distances(equilibria: tuple[Equilibrium, ...]) -> Float[np.ndarray, "start start"]:
    prices = np.array([[each.prices.sell, each.prices.buy] for each in equilibria])
    apart = np.abs(prices[:, None] - prices).max(axis=(2, 3))
    converged = np.array([each.converged for each in equilibria])
    return np.where(converged[:, None] & converged, apart, np.nan)


def _clusters(distance: Float[np.ndarray, "start start"], same: float) -> Int[np.ndarray, " start"]:
    """Groups linked by steps of at most `same`, numbered in order of their first member."""
    cluster = np.full(len(distance), -1)
    for first in range(len(distance)):
        if cluster[first] >= 0 or np.isnan(distance[first, first]):
            continue
        group, size = np.arange(len(distance)) == first, 0
        while group.sum() > size:
            size = group.sum()
            group = group | (distance[group] <= same).any(axis=0)
        cluster[group] = cluster.max() + 1
    return cluster
