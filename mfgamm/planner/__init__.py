"""The planner: the social optimum, what is lost without it, and the paper's own pipeline."""

from mfgamm.planner.monotone_equilibrium import (
    MonotoneEquilibrium as MonotoneEquilibrium,
    monotone_equilibrium as monotone_equilibrium,
)
from mfgamm.planner.social_optimum import social_optimum as social_optimum
from mfgamm.planner.solution import PlannerSolution as PlannerSolution
