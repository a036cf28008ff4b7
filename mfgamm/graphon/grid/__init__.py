"""Real networks: power flow, electrical distance, clusters of buses."""

from mfgamm.graphon.grid.electrical_network import (
    ElectricalNetwork as ElectricalNetwork,
    Provenance as Provenance,
)
from mfgamm.graphon.grid.line_table import (
    baran_wu_feeder as baran_wu_feeder,
    network_from_lines as network_from_lines,
)
from mfgamm.graphon.grid.pandapower_network import (
    network_from_pandapower as network_from_pandapower,
)
