"""Tuning: parameters of a market, objectives, gradient steps through equilibria, Pareto fronts."""

from mfgamm.tuning.judge import judge as judge
from mfgamm.tuning.knobs import (
    AbstractKnob as AbstractKnob,
    Anchor as Anchor,
    Blend as Blend,
    Design as Design,
    Fee as Fee,
    LearnedCurve as LearnedCurve,
    Parameters as Parameters,
    TwoRates as TwoRates,
    initial_parameters as initial_parameters,
    tuned_market as tuned_market,
)
from mfgamm.tuning.objectives import (
    OBJECTIVES as OBJECTIVES,
    Objective as Objective,
    gini as gini,
    objective_label as objective_label,
)
from mfgamm.tuning.pareto import ParetoFront as ParetoFront, pareto_front as pareto_front
from mfgamm.tuning.tune import (
    Schedule as Schedule,
    Steps as Steps,
    Tuning as Tuning,
    tune as tune,
)
