"""Fixed points x = F(x) of any map of arrays or pytrees: one contract, one file a method."""

from mfgamm.fixed_point.anderson import Anderson as Anderson
from mfgamm.fixed_point.krylov import solve_linear as solve_linear
from mfgamm.fixed_point.method import AbstractMethod as AbstractMethod
from mfgamm.fixed_point.newton_krylov import NewtonKrylov as NewtonKrylov
from mfgamm.fixed_point.picard import Picard as Picard
from mfgamm.fixed_point.pursue import pursue_fixed_point as pursue_fixed_point
from mfgamm.fixed_point.solution import FixedPoint as FixedPoint
from mfgamm.fixed_point.solve import solve_fixed_point as solve_fixed_point
