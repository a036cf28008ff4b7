"""Studies in a file: the schema, recorded and generated curves, and the communities they make."""

from mfgamm.scenario.build import (
    build_community as build_community,
    build_households as build_households,
    build_population as build_population,
    build_solver as build_solver,
)
from mfgamm.scenario.calendar import Calendar as Calendar, make_calendar as make_calendar
from mfgamm.scenario.clusters import (
    ClusterMap as ClusterMap,
    make_cluster_map as make_cluster_map,
)
from mfgamm.scenario.errors import InvalidScenario as InvalidScenario, Problem as Problem
from mfgamm.scenario.keys import dotted_keys as dotted_keys
from mfgamm.scenario.load import (
    BuiltinScenario as BuiltinScenario,
    builtin_scenarios as builtin_scenarios,
    load_scenario as load_scenario,
    load_study as load_study,
)
from mfgamm.scenario.market import (
    build_market as build_market,
    build_tariff as build_tariff,
    own_cluster_market as own_cluster_market,
)
from mfgamm.scenario.mean_field import (
    Mode as Mode,
    base_loads as base_loads,
    build_mean_field_game as build_mean_field_game,
    cluster_places as cluster_places,
    generic_household as generic_household,
)
from mfgamm.scenario.schema import Scenario as Scenario
from mfgamm.scenario.schema.mean_field import MeanFieldScenario as MeanFieldScenario
from mfgamm.scenario.template import scenario_template as scenario_template
