"""Who there is in a scenario: household types by name, category and home."""

import dataclasses

from mfgamm.core import apportioned
from mfgamm.scenario.clusters import ClusterMap
from mfgamm.scenario.schema import CategoryTable, PopulationTable, Scenario


@dataclasses.dataclass(frozen=True)
class Member:
    """A household type that is yet to be built.

    Attributes:
        category: with its devices.
        name: which owns its random streams.
        represented: how many households it stands for.
        home: number of its cluster; 0 in a single community.
        generation_scale: its cluster's factor on generation.
    """

    category: CategoryTable
    name: str
    represented: float = 1.0
    home: int = 0
    generation_scale: float = 1.0


def call_roll(scenario: Scenario, clusters: ClusterMap | None) -> list[Member]:
    """Everybody, cluster after cluster and category after category."""
    if clusters is None:
        return _community(scenario.population)
    return [
        member
        for home in range(clusters.count)
        for member in _cluster(scenario.population, clusters, home)
    ]


def _community(population: PopulationTable) -> list[Member]:
    counts = apportioned(population.size, [each.share for each in population.categories])
    return [
        Member(category, f"{category.name}-{rank + 1}")
        for category, count in zip(population.categories, counts, strict=True)
        for rank in range(count)
    ]


def _cluster(population: PopulationTable, clusters: ClusterMap, home: int) -> list[Member]:
    """A cluster's types, no more than it has households; each stands for as many as the next."""
    households = int(clusters.households[home])
    types = min(households, clusters.table.types_per_cluster or households)
    counts = apportioned(types, clusters.shares[home])
    return [
        Member(
            category=category,
            name=f"{clusters.names[home]}/{category.name}-{rank + 1}",
            represented=households / types,
            home=home,
            generation_scale=float(clusters.generation_scale[home]),
        )
        for category, count in zip(population.categories, counts, strict=True)
        for rank in range(count)
    ]
