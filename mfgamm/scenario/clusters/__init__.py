"""Clusters of a scenario: where they are, how they are coupled, who lives there."""

from mfgamm.scenario.clusters.cluster_map import (
    ClusterMap as ClusterMap,
    make_cluster_map as make_cluster_map,
)
