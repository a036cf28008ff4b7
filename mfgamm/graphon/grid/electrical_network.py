"""An electrical network as graphon games need it: buses, their distances, their clusters."""

import dataclasses
from collections.abc import Sequence

import networkx
import numpy as np
from jaxtyping import Float, Int

from mfgamm.core import InvalidInput, Number
from mfgamm.graphon.exponential_of_distance import ClusterDistance
from mfgamm.graphon.grid.communities import communities, mean_distance, seriation
from mfgamm.graphon.grid.distance import electrical_distance, voltage_sensitivities
from mfgamm.graphon.grid.power_flow import OperatingPoint


@dataclasses.dataclass(frozen=True)
class Provenance:
    """Where a network's numbers come from.

    Attributes:
        source: file or name of the network.
        power_flow: what solved it.
        coordinates: "geodata" of the source, or "layout" if drawn by us.
        clusters: how communities were found.
    """

    source: str
    power_flow: str
    coordinates: str
    clusters: str


@dataclasses.dataclass(frozen=True)
class ElectricalNetwork:
    """Buses whose voltage moves with what they inject, at electrical distances, in clusters.

    Clusters are numbered along the network from its head, so that neighbouring numbers are
    electrically close; laid out in that order they are the cells of [0, 1].

    Attributes:
        names: of the buses.
        coordinates: of the buses, for drawing; units are the source's.
        lines: pairs of buses that a line, a transformer or a closed switch ties.
        heads: names of the buses of constant voltage that the network hangs on.
        head_coordinates: of the heads.
        head_lines: pairs (head, bus).
        distance: e in [0, 1], dimensionless, the farthest pair at one.
        farthest: −ln(a_ij·a_ji) of that pair (mean of active and reactive power).
        cluster: the label of each bus.
        modularity: of the clusters.
        provenance: where all this comes from.
    """

    names: tuple[str, ...]
    coordinates: Float[np.ndarray, "bus 2"]
    lines: Int[np.ndarray, "line 2"]
    heads: tuple[str, ...]
    head_coordinates: Float[np.ndarray, "head 2"]
    head_lines: Int[np.ndarray, "feeder 2"]
    distance: Float[np.ndarray, "bus bus"]
    farthest: float
    cluster: Int[np.ndarray, " bus"]
    modularity: float
    provenance: Provenance

    @property
    def clusters(self) -> int:
        """How many clusters there are."""
        return int(self.cluster.max()) + 1

    @property
    def order(self) -> Int[np.ndarray, " bus"]:
        """Buses cluster by cluster, close ones side by side: for the picture of a matrix."""
        ordered = []
        for label in range(self.clusters):
            buses = np.flatnonzero(self.cluster == label)
            first = np.argmin(self.distance[self._nearest_to_head(), buses])
            ordered.append(buses[seriation(self.distance[np.ix_(buses, buses)], int(first))])
        return np.concatenate(ordered)

    def masses(
        self, households: Sequence[Number] | np.ndarray | None = None
    ) -> Float[np.ndarray, " cluster"]:
        """Share of the households in each cluster.

        Args:
            households: how many live at each bus (any unit); as many at every bus if None.

        Raises:
            InvalidInput: if there is not one number for each bus, or they are negative or all
                zero.
        """
        count = np.ones(len(self.names)) if households is None else np.asarray(households, float)
        if count.shape != self.cluster.shape:
            raise InvalidInput(
                "households",
                f"shape {count.shape}",
                f"give one for each of {len(self.names)} buses",
            )
        if not np.all(np.isfinite(count)) or np.any(count < 0) or count.sum() == 0:
            raise InvalidInput("households", "negative, nan or none", "must be ≥ 0, some positive")
        return np.bincount(self.cluster, weights=count) / count.sum()

    def cluster_distance(
        self, households: Sequence[Number] | np.ndarray | None = None
    ) -> ClusterDistance:
        """Distances between clusters, the mean over their pairs of buses, with their masses.

        `StepGraphon.of_clusters` makes a graphon of them. Arguments and errors as in `masses`.
        """
        return ClusterDistance(mean_distance(self.distance, self.cluster), self.masses(households))

    def reclustered(self, resolution: float = 1.0, seed: int = 0) -> "ElectricalNetwork":
        """The same network with other clusters; see `communities` for the arguments."""
        labels, modularity = communities(self.distance, self.lines, resolution, seed)
        start = int(labels[self._nearest_to_head()])
        order = seriation(mean_distance(self.distance, labels), start)
        how = f"Louvain on lines weighted exp(-e), resolution {resolution:g}, seed {seed}"
        return dataclasses.replace(
            self,
            cluster=np.argsort(order)[labels],
            modularity=modularity,
            provenance=dataclasses.replace(self.provenance, clusters=how),
        )

    def _nearest_to_head(self) -> int:
        return int(self.head_lines[0, 1]) if len(self.head_lines) else 0


def assemble_network(
    point: OperatingPoint,
    names: Sequence[str],
    node: Int[np.ndarray, " bus"],
    lines: Int[np.ndarray, "line 2"],
    coordinates: Float[np.ndarray, "bus 2"] | None,
    source: str,
    power_flow: str,
    resolution: float,
    seed: int,
) -> ElectricalNetwork:
    """Distances and clusters of the buses of a solved power flow.

    Args:
        point: voltages of the power flow's nodes.
        names: of the network's buses.
        node: which node each bus belongs to; closed switches join buses to one.
        lines: pairs of buses.
        coordinates: of the buses; drawn here if None.
        source, power_flow: for the provenance.
        resolution, seed: of the clusters.

    Raises:
        InvalidInput: if no bus is free, or the power flow is singular.
    """
    position = np.full(point.voltage.size, -1)
    position[point.free] = np.arange(point.free.size)
    free = np.flatnonzero(position[node] >= 0)
    if not free.size:
        raise InvalidInput("network", source, "has no bus whose voltage may move")
    node_names = _names_of_nodes(names, node, point.voltage.size)
    raw = electrical_distance(
        *voltage_sensitivities(point, node_names), [node_names[int(each)] for each in point.free]
    )
    at_buses = raw[np.ix_(position[node[free]], position[node[free]])]
    farthest = float(at_buses.max())
    drawn = "geodata" if coordinates is not None else "layout"
    places = _layout(len(names), lines) if coordinates is None else coordinates
    inner, outer, heads = _split(lines, free, len(names))
    unclustered = ElectricalNetwork(
        names=tuple(names[int(bus)] for bus in free),
        coordinates=places[free],
        lines=inner,
        heads=tuple(names[int(bus)] for bus in heads),
        head_coordinates=places[heads],
        head_lines=outer,
        distance=at_buses / farthest if farthest > 0 else at_buses,
        farthest=farthest,
        cluster=np.zeros(free.size, int),
        modularity=0.0,
        provenance=Provenance(source, power_flow, drawn, "none"),
    )
    return unclustered.reclustered(resolution, seed)


def _names_of_nodes(names, node, nodes):
    joined = [[] for _ in range(nodes)]
    for name, each in zip(names, node, strict=True):
        joined[each].append(name)
    return ["/".join(each) or "auxiliary node" for each in joined]


def _split(lines, free, buses):
    """Lines among free buses, pairs (head, free bus), and the heads that lines lead to."""
    position = np.full(buses, -1)
    position[free] = np.arange(free.size)
    ends = position[lines]
    inner = ends[(ends >= 0).all(axis=1)]
    mixed = (ends >= 0).sum(axis=1) == 1
    outside = np.where(ends[mixed, 0] < 0, lines[mixed, 0], lines[mixed, 1])
    heads = np.unique(outside)
    outer = np.column_stack([np.searchsorted(heads, outside), ends[mixed].max(axis=1)])
    return inner, outer, heads


def _layout(buses: int, lines: np.ndarray) -> np.ndarray:
    graph = networkx.Graph()
    graph.add_nodes_from(range(buses))
    graph.add_edges_from(lines.tolist())
    places = networkx.kamada_kawai_layout(graph)
    return np.array([places[bus] for bus in range(buses)])
