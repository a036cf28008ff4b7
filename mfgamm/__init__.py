"""mfgamm: mean field games of energy communities cleared by automated market makers.

A **population** maps prices to flows, a **market** maps flows to prices, a **community** is the
two of them, and an **equilibrium** is their fixed point, with a certificate. Double precision is
needed: call `jax.config.update("jax_enable_x64", True)` before creating arrays.
"""

from mfgamm import amm as amm
from mfgamm.core import (
    Flows as Flows,
    InfeasibleHousehold as InfeasibleHousehold,
    InvalidInput as InvalidInput,
    MfgammError as MfgammError,
    NotConverged as NotConverged,
    Prices as Prices,
    Status as Status,
    Tariff as Tariff,
)
from mfgamm.equilibrium import (
    Certificate as Certificate,
    ColumnGeneration as ColumnGeneration,
    Community as Community,
    Equilibrium as Equilibrium,
    FictitiousPlay as FictitiousPlay,
    PathFollowing as PathFollowing,
    solve_equilibrium as solve_equilibrium,
)
from mfgamm.lp import InteriorPoint as InteriorPoint
from mfgamm.market import (
    CommunityMarket as CommunityMarket,
    GridMarket as GridMarket,
    Settlement as Settlement,
    TariffPeriod as TariffPeriod,
    flat_tariff as flat_tariff,
    series_tariff as series_tariff,
    time_of_use_tariff as time_of_use_tariff,
)
from mfgamm.prosumer import (
    Battery as Battery,
    FlexibleLoad as FlexibleLoad,
    Household as Household,
    MixedStrategy as MixedStrategy,
    Plan as Plan,
    Population as Population,
    ThermalStorage as ThermalStorage,
    Vehicle as Vehicle,
    best_response as best_response,
    project as project,
    require_feasible as require_feasible,
)
from mfgamm.scenario import Scenario as Scenario, load_scenario as load_scenario
from mfgamm.study import Study as Study, run_study as run_study
