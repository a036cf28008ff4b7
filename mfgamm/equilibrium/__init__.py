"""The community's game, its solver, and the certificate."""

from mfgamm.equilibrium.central_path import PathPoint as PathPoint, Smoothing as Smoothing
from mfgamm.equilibrium.certificate import (
    Certificate as Certificate,
    Residuals as Residuals,
    certify as certify,
)
from mfgamm.equilibrium.column_generation import ColumnGeneration as ColumnGeneration
from mfgamm.equilibrium.community import Community as Community, Game as Game
from mfgamm.equilibrium.continuation import (
    resmooth as resmooth,
    smoothed_equilibrium as smoothed_equilibrium,
)
from mfgamm.equilibrium.equilibrium import (
    Benchmark as Benchmark,
    Equilibrium as Equilibrium,
    Rounds as Rounds,
)
from mfgamm.equilibrium.extragradient import Extragradient as Extragradient
from mfgamm.equilibrium.fictitious_play import FictitiousPlay as FictitiousPlay
from mfgamm.equilibrium.finite_community import finite_price_error as finite_price_error
from mfgamm.equilibrium.path_following import PathFollowing as PathFollowing
from mfgamm.equilibrium.play import Progress as Progress
from mfgamm.equilibrium.sensitivity import (
    Sensitivities as Sensitivities,
    sensitivities as sensitivities,
)
from mfgamm.equilibrium.sensitivity_metrics import (
    Metrics as Metrics,
    membership as membership,
    metrics_of as metrics_of,
    peak as peak,
)
from mfgamm.equilibrium.smoothed import (
    Outcome as Outcome,
    polish as polish,
    smoothed_outcome as smoothed_outcome,
)
from mfgamm.equilibrium.solve import (
    solve_equilibrium as solve_equilibrium,
    without_community as without_community,
)
from mfgamm.equilibrium.solver import AbstractSolver as AbstractSolver, SolverState as SolverState
from mfgamm.equilibrium.uniqueness import (
    UniquenessProbe as UniquenessProbe,
    probe_uniqueness as probe_uniqueness,
)
