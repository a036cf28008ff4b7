"""From a scenario to its population, its community, and the solver it asks for."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from mfgamm.core import InvalidInput
from mfgamm.equilibrium import (
    AbstractSolver,
    ColumnGeneration,
    Community,
    FictitiousPlay,
    PathFollowing,
)
from mfgamm.prosumer import Household, Population
from mfgamm.scenario.calendar import Calendar, make_calendar
from mfgamm.scenario.clusters import ClusterMap, make_cluster_map
from mfgamm.scenario.devices import draw_devices, flexible_loads
from mfgamm.scenario.generation import load_consumption, solar_generation, wind_generation
from mfgamm.scenario.market import build_market, clustered_market
from mfgamm.scenario.random_streams import stream
from mfgamm.scenario.roll import Member, call_roll
from mfgamm.scenario.schema import (
    CsvCurves,
    GeneratedLoad,
    GeneratedSolar,
    GeneratedWind,
    ParquetCurves,
    Scenario,
)
from mfgamm.scenario.sources import read_curves

# Generated load stays below the connection by this factor, so that what is moved finds room.
LOAD_CEILING = 0.9


def build_population(scenario: Scenario) -> Population:
    """The households of a scenario, in their clusters if there are any.

    They are named after their category, "solar-1", "solar-2", …, and their cluster, and own their
    random streams by that name: the same household appears whatever the size of the community.

    Raises:
        InvalidInput: if data do not fit the calendar, or a drawn device makes no sense.
    """
    return _population(scenario, make_cluster_map(scenario))


def build_community(scenario: Scenario) -> Community:
    """The population of a scenario in its market.

    Raises:
        InvalidInput: as `build_population` and `build_market` do.
    """
    clusters = make_cluster_map(scenario)
    market = clustered_market(scenario, clusters) if clusters else build_market(scenario)
    return Community(population=_population(scenario, clusters), market=market)


def build_solver(scenario: Scenario) -> AbstractSolver:
    """The solver that a scenario asks for; its tolerance and rounds go to the solve itself."""
    if scenario.solver.method == "fictitious-play":
        return FictitiousPlay(step=scenario.solver.step or "line-search")
    return ColumnGeneration() if scenario.solver.method == "column-generation" else PathFollowing()


def build_households(scenario: Scenario, calendar: Calendar) -> list[Household]:
    """The households one by one, cluster after cluster and category after category."""
    clusters = make_cluster_map(scenario)
    return _households(scenario, calendar, clusters, call_roll(scenario, clusters))


def _population(scenario: Scenario, clusters: ClusterMap | None) -> Population:
    calendar = make_calendar(scenario.time)
    members = call_roll(scenario, clusters)
    homes = [member.home for member in members]
    return Population.from_households(
        _households(scenario, calendar, clusters, members),
        step_hours=calendar.step_hours,
        weights=[each.represented for each in members],
        represented=scenario.population.size,
        discount_per_day=scenario.population.discount_per_day,
        day=calendar.day,
        clusters=clusters.names if clusters else (),
        homes=homes if clusters else None,
    )


def _households(
    scenario: Scenario, calendar: Calendar, clusters: ClusterMap | None, members: Sequence[Member]
) -> list[Household]:
    population = scenario.population
    loads = household_loads(scenario, calendar, [member.name for member in members])
    generation = household_generation(scenario, calendar, clusters, members)
    return [
        Household(
            generation=generation[row],
            base_load=(1 - population.flexible_share) * loads[row],
            devices=(
                *draw_devices(member.category, calendar, member.name, scenario.seed),
                *flexible_loads(population, calendar, loads[row]),
            ),
            trade_limit=population.trade_limit_kw,
            curtailable=population.curtailable,
            name=member.name,
            category=member.category.name,
        )
        for row, member in enumerate(members)
    ]


def household_loads(
    scenario: Scenario, calendar: Calendar, names: Sequence[str]
) -> Float[np.ndarray, "household time"]:
    """Consumption of each household, kW."""
    source = scenario.sources.load
    if isinstance(source, GeneratedLoad):
        ceiling = LOAD_CEILING * scenario.population.trade_limit_kw
        return load_consumption(source, calendar, names, scenario.seed, ceiling)
    return _recorded("sources.load", source, scenario, calendar, names)


def household_generation(
    scenario: Scenario,
    calendar: Calendar,
    clusters: ClusterMap | None,
    members: Sequence[Member],
) -> Float[np.ndarray, "household time"]:
    """Generation of each household, kW, scaled; zero for those that have none."""
    kinds = np.array([member.category.generation for member in members])
    generation = np.zeros((len(members), calendar.steps))
    for kind in ("solar", "wind"):
        rows = np.flatnonzero(kinds == kind).tolist()
        if rows:
            some = [members[row] for row in rows]
            generation[rows] = _generation_of(kind, scenario, calendar, clusters, some)
    factors = np.array([member.generation_scale for member in members])
    return scenario.population.generation_scale * factors[:, None] * generation


def _generation_of(
    kind: str,
    scenario: Scenario,
    calendar: Calendar,
    clusters: ClusterMap | None,
    members: Sequence[Member],
) -> Float[np.ndarray, "household time"]:
    source = scenario.sources.solar if kind == "solar" else scenario.sources.wind
    names = [member.name for member in members]
    places = None
    if clusters is not None:
        homes = [member.home for member in members]
        places = clusters.places.positions[homes] / clusters.table.weather_reach
    match source:
        case GeneratedSolar():
            return solar_generation(source, calendar, names, scenario.seed, places)
        case GeneratedWind():
            return wind_generation(source, calendar, names, scenario.seed, places)
    return _recorded(f"sources.{kind}", source, scenario, calendar, names)


def _recorded(
    key: str,
    source: CsvCurves | ParquetCurves,
    scenario: Scenario,
    calendar: Calendar,
    names: Sequence[str],
) -> Float[np.ndarray, "household time"]:
    """One recorded curve for each household, drawn at random or dealt out in order."""
    curves = read_curves(key, source, calendar, scenario.time)
    if source.draw == "random":
        rows = [stream(scenario.seed, key, name).integers(len(curves)) for name in names]
        return curves[rows]
    if len(curves) < len(names):
        raise InvalidInput(
            f"{key}.draw",
            source.draw,
            f"{len(names)} households need a curve and the file holds {len(curves)}; "
            "set draw = 'random', or make population.size smaller",
        )
    return curves[: len(names)]
