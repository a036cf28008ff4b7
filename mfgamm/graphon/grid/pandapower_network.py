"""Any pandapower network: its own power flow, our distances and clusters."""

import copy
import json
import warnings
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from mfgamm.core import InvalidInput, MfgammError, optional_package
from mfgamm.graphon.grid.electrical_network import ElectricalNetwork, assemble_network
from mfgamm.graphon.grid.power_flow import OperatingPoint

PURPOSE = "reading pandapower networks"


def network_from_pandapower(
    net: Any, *, resolution: float = 1.0, seed: int = 0, source: str | None = None
) -> ElectricalNetwork:
    """Electrical distances and clusters of a pandapower network at its present loads.

    Buses held by a grid connection or a generator are left out: nothing that a household does
    moves their voltage. Buses out of service are left out, too.

    Args:
        net: a `pandapowerNet`, also SimBench's; it is not changed.
        resolution, seed: of the clusters, see `communities`.
        source: name of the network in its provenance; the network's own if None.

    Raises:
        InvalidInput: if there is no grid connection, buses are not supplied (they are named), or
            the power flow does not converge or is singular.
        MissingDependency: if pandapower is not installed.
    """
    pandapower = optional_package("pandapower", "grid", PURPOSE)
    topology = optional_package("pandapower.topology", "grid", PURPOSE)
    net = copy.deepcopy(net)
    named = source or getattr(net, "name", "") or "pandapower network"
    buses = net.bus.index[net.bus.in_service.to_numpy(bool)].to_numpy()
    _require_supplied(net, topology, named)
    _run(pandapower, net, named)
    names = _names(net, buses)
    graph = topology.create_nxgraph(net, multi=False)
    position = {int(bus): index for index, bus in enumerate(buses)}
    lines = [(position[a], position[b]) for a, b in graph.edges if {a, b} <= position.keys()]
    return assemble_network(
        _operating_point(net),
        names,
        np.asarray(net._pd2ppc_lookups["bus"])[buses],
        np.array(lines, int).reshape(-1, 2),
        _geodata(net, buses),
        named,
        f"pandapower {pandapower.__version__}",
        resolution,
        seed,
    )


def _require_supplied(net: Any, topology: Any, named: str) -> None:
    if not len(net.ext_grid) or not net.ext_grid.in_service.any():
        raise InvalidInput("network", named, "has no grid connection (ext_grid) in service")
    lost = sorted(topology.unsupplied_buses(net) & set(net.bus.index[net.bus.in_service]))
    if lost:
        labels = [str(net.bus.name[bus] or bus) for bus in lost[:5]]
        more = f" and {len(lost) - 5} more" if len(lost) > 5 else ""
        raise InvalidInput(
            "network",
            f"{', '.join(labels)}{more}",
            "not supplied: close a switch, add a line, or take these buses out of service",
        )


def _run(pandapower: Any, net: Any, named: str) -> None:
    with warnings.catch_warnings():
        # Of networks written by older versions of pandapower, some of which it ships.
        warnings.filterwarnings("ignore", "tap_dependency_table is missing", DeprecationWarning)
        try:
            pandapower.runpp(net, numba=False)
        except pandapower.LoadflowNotConverged as error:
            raise InvalidInput(
                "network", named, "its power flow does not converge; look at its loads and taps"
            ) from error


def _operating_point(net: Any) -> OperatingPoint:
    """What the power flow left behind in pandapower's internal case."""
    case = net._ppc["internal"]
    voltage = np.asarray(case["V"])
    seen = np.abs(voltage)[net._pd2ppc_lookups["bus"][net.bus.index[net.bus.in_service]]]
    if not np.allclose(seen, net.res_bus.vm_pu[net.bus.in_service], rtol=0, atol=1e-9):
        raise MfgammError("this version of pandapower keeps its power flow in an unknown way")
    return OperatingPoint(
        case["Ybus"].toarray(),
        voltage,
        np.asarray(case["pq"], int),
        np.asarray(case["pv"], int),
    )


def _names(net: Any, buses: Int[np.ndarray, " bus"]) -> list[str]:
    """Each bus's own name where it has one that no other bus has, otherwise its number."""
    given = [str(net.bus.name[bus]) for bus in buses]
    counts = {name: given.count(name) for name in given}
    unnamed = {"None", "nan", ""}
    return [
        name if counts[name] == 1 and name not in unnamed else f"bus {bus}"
        for name, bus in zip(given, buses, strict=True)
    ]


def _geodata(net: Any, buses: Int[np.ndarray, " bus"]) -> Float[np.ndarray, "bus 2"] | None:
    """Coordinates of all buses, or None if one has none (GeoJSON points)."""
    if "geo" not in net.bus:
        return None
    points = [net.bus.geo[bus] for bus in buses]
    if not all(isinstance(point, str) and point for point in points):
        return None
    return np.array([json.loads(point)["coordinates"][:2] for point in points], float)
