"""Where clusters are, and how far from each other: drawn, listed, or on a network."""

import dataclasses
from pathlib import Path

import numpy as np
from jaxtyping import Float
from scipy.spatial.distance import cdist

from mfgamm.core import InvalidInput, optional_package
from mfgamm.graphon.grid import (
    ElectricalNetwork,
    baran_wu_feeder,
    network_from_lines,
    network_from_pandapower,
)
from mfgamm.scenario.random_streams import stream
from mfgamm.scenario.schema import ClusterRow, GeneratedClusters, NetworkClusters

# Nominal voltage of a file of lines that does not say it: that of the street, kV.
LOW_VOLTAGE = 0.4


@dataclasses.dataclass(frozen=True)
class Places:
    """Clusters on a map.

    Attributes:
        names: of the clusters.
        sizes: households of each, relative to the others.
        positions: of each, in widths of the map.
        distance: e between them, in [0, 1].
        network: that they are communities of, if they are; its coordinates in widths of the map.
    """

    names: tuple[str, ...]
    sizes: Float[np.ndarray, " cluster"]
    positions: Float[np.ndarray, "cluster 2"]
    distance: Float[np.ndarray, "cluster cluster"]
    network: ElectricalNetwork | None = None


def drawn_places(table: GeneratedClusters, seed: int) -> Places:
    """Uniform on the unit square or along a line; each cluster owns its draws by its name."""
    names = tuple(f"cluster-{rank + 1}" for rank in range(table.count))
    draws = [stream(seed, "cluster", name, "place") for name in names]
    positions = np.array([random.uniform(size=2) for random in draws])
    sizes = np.array([np.exp(table.size_spread * random.standard_normal()) for random in draws])
    farthest = np.sqrt(2)
    if table.layout == "line":
        positions[:, 1], farthest = 0.5, 1.0
    return Places(names, sizes, positions, cdist(positions, positions) / farthest)


def listed_places(rows: tuple[ClusterRow, ...]) -> Places:
    """As far apart as they are on the map, the farthest one apart."""
    positions, _ = _on_map(np.array([(row.x, row.y) for row in rows]))
    return Places(
        names=tuple(row.name for row in rows),
        sizes=np.array([row.households for row in rows]),
        positions=positions,
        distance=np.minimum(cdist(positions, positions), 1.0),
    )


def network_places(table: NetworkClusters, seed: int) -> Places:
    """Communities of a network's buses at their electrical distance, where their buses are.

    Raises:
        InvalidInput: if the network cannot be read or solved.
        MissingDependency: if the network is pandapower's, and pandapower not installed.
    """
    network = read_network(table, seed)
    drawn = np.concatenate([network.coordinates, network.head_coordinates])
    _, (corner, width) = _on_map(drawn)
    network = dataclasses.replace(
        network,
        coordinates=(network.coordinates - corner) / width,
        head_coordinates=(network.head_coordinates - corner) / width,
    )
    labels = range(network.clusters)
    centres = [network.coordinates[network.cluster == label].mean(axis=0) for label in labels]
    return Places(
        names=tuple(f"cluster-{label + 1}" for label in labels),
        sizes=network.masses(),
        positions=np.array(centres),
        distance=np.asarray(network.cluster_distance().matrix),
        network=network,
    )


def read_network(table: NetworkClusters, seed: int) -> ElectricalNetwork:
    """The network that a table names.

    Raises:
        InvalidInput: if there is none, or it cannot be solved.
        MissingDependency: if the network is pandapower's, and pandapower not installed.
    """
    if table.path is not None:
        return network_from_lines(
            Path(table.path),
            head=table.head,
            nominal_kv=LOW_VOLTAGE if table.nominal_kv is None else table.nominal_kv,
            resolution=table.resolution,
            seed=seed,
        )
    source = str(table.source)
    if source == "baran-wu":
        return baran_wu_feeder(table.resolution, seed)
    name = source.removeprefix("pandapower:")
    networks = optional_package("pandapower.networks", "grid", f"the network {source!r}")
    make = getattr(networks, name, None)
    if not callable(make):
        raise InvalidInput(
            "clusters.source", source, "pandapower.networks has none of that name, e.g. 'case33bw'"
        )
    return network_from_pandapower(make(), resolution=table.resolution, seed=seed, source=name)


def _on_map(
    points: Float[np.ndarray, "point 2"],
) -> tuple[Float[np.ndarray, "point 2"], tuple[Float[np.ndarray, " 2"], float]]:
    """Points from their lower left corner, the farthest two one apart; the corner, the scale."""
    corner = points.min(axis=0)
    farthest = float(cdist(points, points).max())
    width = farthest if farthest > 0 else 1.0
    return (points - corner) / width, (corner, width)
