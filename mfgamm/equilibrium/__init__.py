"""The community's game, its solver, and the certificate."""

from mfgamm.equilibrium.certificate import (
    Certificate as Certificate,
    Residuals as Residuals,
    certify as certify,
)
from mfgamm.equilibrium.column_generation import ColumnGeneration as ColumnGeneration
from mfgamm.equilibrium.community import Community as Community, Game as Game
from mfgamm.equilibrium.equilibrium import (
    Benchmark as Benchmark,
    Equilibrium as Equilibrium,
    Rounds as Rounds,
)
from mfgamm.equilibrium.fictitious_play import FictitiousPlay as FictitiousPlay
from mfgamm.equilibrium.solve import (
    Progress as Progress,
    solve_equilibrium as solve_equilibrium,
    without_community as without_community,
)
from mfgamm.equilibrium.solver import AbstractSolver as AbstractSolver, SolverState as SolverState
