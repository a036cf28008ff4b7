"""The clusters of a scenario: places with the composition and the tariff of each."""

import dataclasses
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from mfgamm.core import apportioned
from mfgamm.graphon import ClusterDistance, StepGraphon
from mfgamm.scenario.clusters.cluster_file import read_clusters
from mfgamm.scenario.clusters.places import Places, drawn_places, listed_places, network_places
from mfgamm.scenario.random_streams import stream
from mfgamm.scenario.schema import (
    ClusterRow,
    ClustersTable,
    GeneratedClusters,
    NetworkClusters,
    Scenario,
    TabledClusters,
)


@dataclasses.dataclass(frozen=True)
class ClusterMap:
    """Clusters: where they are, who lives there, what their grid charges.

    Attributes:
        table: of the scenario, that says how they trade.
        places: names, positions, distances.
        households: how many live in each.
        shares: of the categories in each cluster.
        generation_scale: factor of each on all its generation.
        feed_in_offset, retail_offset: of its tariff from the common one, €/kWh.
    """

    table: ClustersTable
    places: Places
    households: Int[np.ndarray, " cluster"]
    shares: Float[np.ndarray, "cluster category"]
    generation_scale: Float[np.ndarray, " cluster"]
    feed_in_offset: Float[np.ndarray, " cluster"]
    retail_offset: Float[np.ndarray, " cluster"]

    @property
    def names(self) -> tuple[str, ...]:
        return self.places.names

    @property
    def count(self) -> int:
        return len(self.names)

    @property
    def masses(self) -> Float[np.ndarray, " cluster"]:
        """Share of the households in each cluster."""
        return self.households / self.households.sum()

    @property
    def coupling(self) -> StepGraphon:
        """W_pq = exp(−α·e_pq), as wide as the clusters' shares (GMFG paper, eq. 14)."""
        return StepGraphon.of_clusters(
            ClusterDistance(self.places.distance, self.masses), self.table.alpha
        )


def make_cluster_map(scenario: Scenario) -> ClusterMap | None:
    """The clusters of a scenario; None if it is one community.

    What is drawn for a cluster belongs to its name: it stays when other clusters come or go.

    Raises:
        InvalidInput: if a file or a network cannot be read, or does not fit.
        MissingDependency: if the network is pandapower's, and pandapower not installed.
    """
    table, rows = scenario.clusters, None
    match table:
        case None:
            return None
        case GeneratedClusters():
            places = drawn_places(table, scenario.seed)
        case TabledClusters():
            categories = [category.name for category in scenario.population.categories]
            rows = table.rows or read_clusters(Path(str(table.path)), categories)
            places = listed_places(rows)
        case NetworkClusters():
            places = network_places(table, scenario.seed)
    rows = rows or tuple(ClusterRow(name=name) for name in places.names)
    return ClusterMap(
        table=table,
        places=places,
        households=apportioned(scenario.population.size, places.sizes / places.sizes.sum()),
        shares=np.array([_shares(scenario, table.mix_spread, row) for row in rows]),
        generation_scale=np.array(
            [_generation_scale(scenario.seed, table.generation_spread, row) for row in rows]
        ),
        feed_in_offset=np.array([row.feed_in_offset for row in rows]),
        retail_offset=np.array([row.retail_offset for row in rows]),
    )


def _shares(scenario: Scenario, spread: float, row: ClusterRow) -> Float[np.ndarray, " category"]:
    """As the row says; else Dirichlet about the population's shares."""
    categories = scenario.population.categories
    if row.shares is not None:
        return np.array([row.shares.get(category.name, 0.0) for category in categories])
    shares = np.array([category.share for category in categories])
    if spread > 0:
        # The concentration at which a share p has the variance spread²·p(1 − p).
        concentration = spread**-2 - 1
        random = stream(scenario.seed, "cluster", row.name, "mix")
        some = shares > 0
        shares[some] = random.dirichlet(concentration * shares[some])
    return shares


def _generation_scale(seed: int, spread: float, row: ClusterRow) -> float:
    """As the row says; else log-normal of mean one."""
    if row.generation_scale is not None:
        return row.generation_scale
    random = stream(seed, "cluster", row.name, "generation")
    return float(np.exp(spread * random.standard_normal() - spread**2 / 2))
