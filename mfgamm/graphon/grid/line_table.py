"""A network from a table of its lines."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Complex, Float, Int
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from mfgamm.core import InvalidInput
from mfgamm.graphon.grid.electrical_network import ElectricalNetwork, assemble_network
from mfgamm.graphon.grid.power_flow import solve_power_flow

BASE_MVA = 1.0
# NAYY 4×150, the common low-voltage cable, Ω/km.
CABLE_R, CABLE_X = 0.208, 0.080


def network_from_lines(
    table: str | Path | pd.DataFrame,
    *,
    head: str | None = None,
    nominal_kv: float = 0.4,
    resolution: float = 1.0,
    seed: int = 0,
    source: str | None = None,
) -> ElectricalNetwork:
    """A network, radial or meshed, from a table with one line a row.

    Columns:
        from_bus, to_bus: names of the line's ends.
        r_ohm, x_ohm: series resistance and reactance, Ω; or else
        length_km: with r_ohm_per_km, x_ohm_per_km if the table has them, otherwise those of a
            NAYY 4×150 cable.
        p_kw, q_kvar: what is consumed at `to_bus`, summed over rows; optional, zero if absent.
    Other columns are not read. Charging currents of the lines are neglected.

    Args:
        table: a CSV file, or a data frame.
        head: the bus where the grid holds the voltage; the first row's `from_bus` if None.
        nominal_kv: nominal voltage, line to line, kV.
        resolution, seed: of the clusters, see `communities`.
        source: name of the network in its provenance; the file's if None.

    Raises:
        InvalidInput: if columns are missing, a number is missing, negative or not finite, a line
            has no impedance or two equal ends, buses are not connected to the head (they are
            named), or the lines cannot carry the loads.
    """
    frame = table if isinstance(table, pd.DataFrame) else _read(Path(table))
    lines = _Lines.of(frame)
    names = lines.names
    if not (np.isfinite(nominal_kv) and nominal_kv > 0):
        raise InvalidInput("nominal_kv", nominal_kv, "must be positive")
    first = names[lines.ends[0, 0]] if head is None else head
    if first not in names:
        raise InvalidInput("head", first, "no line ends there")
    at = names.index(first)
    _require_connected(lines, at)
    admittance = _admittance(lines, nominal_kv)
    load = np.zeros(len(names), complex)
    np.add.at(load, lines.ends[:, 1], lines.load_kva / (1000 * BASE_MVA))
    point = solve_power_flow(admittance, -load, at, names)
    named = source or (str(table) if isinstance(table, str | Path) else "data frame")
    return assemble_network(
        point,
        names,
        np.arange(len(names)),
        lines.ends,
        None,
        named,
        "Newton, series impedances",
        resolution,
        seed,
    )


def baran_wu_feeder(resolution: float = 1.0, seed: int = 0) -> ElectricalNetwork:
    """The 33-bus feeder, 12.66 kV, 3.7 MW (Baran and Wu, "Network reconfiguration in distribution
    systems for loss reduction and load balancing", 1989), its tie lines open."""
    return network_from_lines(
        Path(__file__).parent / "feeders" / "baran_wu_33.csv",
        nominal_kv=12.66,
        resolution=resolution,
        seed=seed,
        source="33-bus feeder of Baran and Wu (1989)",
    )


@dataclass(frozen=True)
class _Lines:
    names: list[str]
    ends: Int[np.ndarray, "line 2"]
    impedance: Complex[np.ndarray, " line"]
    load_kva: Complex[np.ndarray, " line"]

    @classmethod
    def of(cls, frame: pd.DataFrame) -> "_Lines":
        missing = {"from_bus", "to_bus"} - set(frame.columns)
        impedances = {"r_ohm", "x_ohm"} <= set(frame.columns)
        if missing or not (impedances or "length_km" in frame.columns):
            raise InvalidInput(
                "lines",
                f"columns {list(map(str, frame.columns))}",
                "needs from_bus and to_bus, and either r_ohm and x_ohm or length_km",
            )
        if not len(frame):
            raise InvalidInput("lines", "no row", "give at least one line")
        ends = frame[["from_bus", "to_bus"]].astype(str).to_numpy(dtype=object)
        names = list(dict.fromkeys(ends.ravel().tolist()))
        number = {name: index for index, name in enumerate(names)}
        pairs = np.array([[number[start], number[end]] for start, end in ends])
        if np.any(pairs[:, 0] == pairs[:, 1]):
            row = int(np.argmax(pairs[:, 0] == pairs[:, 1]))
            raise InvalidInput("lines.to_bus", ends[row, 1], f"row {row + 1} ends where it starts")
        if impedances:
            resistance, reactance = _column(frame, "r_ohm"), _column(frame, "x_ohm")
        else:
            length = _column(frame, "length_km")
            resistance = length * _column(frame, "r_ohm_per_km", CABLE_R)
            reactance = length * _column(frame, "x_ohm_per_km", CABLE_X)
        impedance = resistance + 1j * reactance
        if np.any(impedance == 0):
            row = int(np.argmax(impedance == 0))
            raise InvalidInput(
                "lines.r_ohm", 0.0, f"row {row + 1} has no impedance: give its ends one name"
            )
        load = _column(frame, "p_kw", 0.0, signed=True)
        load = load + 1j * _column(frame, "q_kvar", 0.0, signed=True)
        return cls(names, pairs, impedance, load)


def _read(path: Path) -> pd.DataFrame:
    if not path.is_file():
        raise InvalidInput("lines", str(path), "there is no such file")
    # Names such as 007 stay what they are.
    return pd.read_csv(path, comment="#", dtype={"from_bus": str, "to_bus": str})


def _column(
    frame: pd.DataFrame, name: str, default: float | None = None, signed: bool = False
) -> Float[np.ndarray, " line"]:
    if name not in frame.columns and default is not None:
        return np.full(len(frame), default)
    values = np.asarray(pd.to_numeric(frame[name], errors="coerce"), float)
    wrong = ~np.isfinite(values) | (values < 0 if not signed else False)
    if wrong.any():
        row = int(np.argmax(wrong))
        allowed = "a finite number" if signed else "a finite number, not negative"
        raise InvalidInput(
            f"lines.{name}", str(frame[name].iloc[row]), f"row {row + 1} must be {allowed}"
        )
    return values


def _require_connected(lines: _Lines, head: int) -> None:
    buses = len(lines.names)
    graph = coo_array((np.ones(len(lines.ends)), lines.ends.T), shape=(buses, buses))
    _, island = connected_components(graph, directed=False)
    lost = [lines.names[bus] for bus in np.flatnonzero(island != island[head])]
    if lost:
        more = f" and {len(lost) - 5} more" if len(lost) > 5 else ""
        raise InvalidInput(
            "lines",
            f"{', '.join(lost[:5])}{more}",
            f"not connected to the head {lines.names[head]}: add the missing line, or drop them",
        )


def _admittance(lines: _Lines, nominal_kv: float) -> Complex[np.ndarray, "bus bus"]:
    series = nominal_kv**2 / BASE_MVA / lines.impedance
    buses = len(lines.names)
    matrix = np.zeros((buses, buses), complex)
    start, end = lines.ends.T
    np.add.at(matrix, (start, end), -series)
    np.add.at(matrix, (end, start), -series)
    np.add.at(matrix, (start, start), series)
    np.add.at(matrix, (end, end), series)
    return matrix
