"""The planner: the social optimum, what is lost without it, and the paper's own pipeline."""

from mfgamm.planner.monotone_equilibrium import (
    MonotoneEquilibrium as MonotoneEquilibrium,
    monotone_equilibrium as monotone_equilibrium,
)
from mfgamm.planner.pipeline import Pipeline as Pipeline, run_pipeline as run_pipeline
from mfgamm.planner.price_of_anarchy import (
    PriceOfAnarchy as PriceOfAnarchy,
    price_of_anarchy as price_of_anarchy,
)
from mfgamm.planner.representatives import (
    Bins as Bins,
    bin_households as bin_households,
    modified_band_depth as modified_band_depth,
)
from mfgamm.planner.social_optimum import social_optimum as social_optimum
from mfgamm.planner.solution import PlannerSolution as PlannerSolution
from mfgamm.planner.strategy_bank import (
    Indifference as Indifference,
    PlannedMixture as PlannedMixture,
    check_indifference as check_indifference,
    mix_bank as mix_bank,
    strategy_bank as strategy_bank,
    synthetic_prices as synthetic_prices,
)
from mfgamm.planner.uncertainty import (
    Scenarios as Scenarios,
    adapted as adapted,
    ex_ante_optimum as ex_ante_optimum,
    ex_post_optimum as ex_post_optimum,
    expected_cost as expected_cost,
)
from mfgamm.planner.vcg import VCG as VCG, vcg as vcg
