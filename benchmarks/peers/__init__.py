"""The solvers under comparison, each behind the interface in `base`."""

from collections.abc import Callable

from benchmarks.peers.base import Answer as Answer, Peer as Peer
from benchmarks.peers.clarabel import Clarabel
from benchmarks.peers.diffcp import Diffcp
from benchmarks.peers.highs import HighsCold, HighsReused
from benchmarks.peers.jax_batched import JaxoptBoxOsqp, Mpax, Qpax
from benchmarks.peers.moreau import Moreau
from benchmarks.peers.osqp import Osqp
from benchmarks.peers.ours import Ours, OursOnXla
from benchmarks.peers.pdlp import Pdlp
from benchmarks.peers.piqp import Piqp
from benchmarks.peers.several_processes import SeveralProcesses

PEERS: dict[str, Callable[[], Peer]] = {
    "mfgamm": Ours,
    "mfgamm-xla": OursOnXla,
    "piqp": Piqp,
    "piqp-processes": lambda: SeveralProcesses(Piqp()),
    "highs-reused": HighsReused,
    "highs-reused-processes": lambda: SeveralProcesses(HighsReused()),
    "highs-cold": HighsCold,
    "moreau": Moreau,
    "moreau-processes": lambda: SeveralProcesses(Moreau()),
    "clarabel": Clarabel,
    "cvxpylayers": Diffcp,
    "pdlp": Pdlp,
    "mpax": Mpax,
    "osqp": Osqp,
    "jaxopt": JaxoptBoxOsqp,
    "qpax": Qpax,
}
