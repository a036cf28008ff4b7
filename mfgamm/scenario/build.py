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
from mfgamm.scenario.devices import draw_devices, flexible_loads
from mfgamm.scenario.generation import load_consumption, solar_generation, wind_generation
from mfgamm.scenario.market import build_market
from mfgamm.scenario.random_streams import stream
from mfgamm.scenario.schema import (
    CategoryTable,
    CsvCurves,
    GeneratedLoad,
    GeneratedSolar,
    GeneratedWind,
    ParquetCurves,
    PopulationTable,
    Scenario,
)
from mfgamm.scenario.sources import read_curves

# Generated load stays below the connection by this factor, so that what is moved finds room.
LOAD_CEILING = 0.9


def build_population(scenario: Scenario) -> Population:
    """The households of a scenario.

    They are named after their category, "solar-1", "solar-2", …, and own their random streams by
    that name: the same household appears whatever the size of the community.

    Raises:
        InvalidInput: if data do not fit the calendar, or a drawn device makes no sense.
    """
    calendar = make_calendar(scenario.time)
    return Population.from_households(
        build_households(scenario, calendar),
        step_hours=calendar.step_hours,
        discount_per_day=scenario.population.discount_per_day,
        day=calendar.day,
    )


def build_community(scenario: Scenario) -> Community:
    """The population of a scenario in its market.

    Raises:
        InvalidInput: as `build_population` and `build_market` do.
    """
    return Community(population=build_population(scenario), market=build_market(scenario))


def build_solver(scenario: Scenario) -> AbstractSolver:
    """The solver that a scenario asks for; its tolerance and rounds go to the solve itself."""
    if scenario.solver.method == "fictitious-play":
        return FictitiousPlay(step=scenario.solver.step or "line-search")
    return ColumnGeneration() if scenario.solver.method == "column-generation" else PathFollowing()


def build_households(scenario: Scenario, calendar: Calendar) -> list[Household]:
    """The households one by one, category after category."""
    population = scenario.population
    members = _members(population)
    names = [name for _, name in members]
    loads = household_loads(scenario, calendar, names)
    generation = household_generation(scenario, calendar, members)
    return [
        Household(
            generation=generation[row],
            base_load=(1 - population.flexible_share) * loads[row],
            devices=(
                *draw_devices(category, calendar, name, scenario.seed),
                *flexible_loads(population, calendar, loads[row]),
            ),
            trade_limit=population.trade_limit_kw,
            curtailable=population.curtailable,
            name=name,
            category=category.name,
        )
        for row, (category, name) in enumerate(members)
    ]


def category_counts(size: int, shares: Sequence[float]) -> list[int]:
    """Whole numbers that sum to `size`, by the largest remainders."""
    exact = size * np.asarray(shares)
    counts = np.floor(exact + 1e-9).astype(int)
    largest_first = np.argsort(counts - exact, kind="stable")
    counts[largest_first[: size - counts.sum()]] += 1
    return counts.tolist()


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
    scenario: Scenario, calendar: Calendar, members: Sequence[tuple[CategoryTable, str]]
) -> Float[np.ndarray, "household time"]:
    """Generation of each household, kW, scaled; zero for those that have none."""
    kinds = np.array([category.generation for category, _ in members])
    generation = np.zeros((len(members), calendar.steps))
    for kind in ("solar", "wind"):
        rows = np.flatnonzero(kinds == kind).tolist()
        names = [members[row][1] for row in rows]
        if names:
            generation[rows] = _generation_of(kind, scenario, calendar, names)
    return scenario.population.generation_scale * generation


def _members(population: PopulationTable) -> list[tuple[CategoryTable, str]]:
    counts = category_counts(population.size, [each.share for each in population.categories])
    return [
        (category, f"{category.name}-{rank + 1}")
        for category, count in zip(population.categories, counts, strict=True)
        for rank in range(count)
    ]


def _generation_of(
    kind: str, scenario: Scenario, calendar: Calendar, names: Sequence[str]
) -> Float[np.ndarray, "household time"]:
    source = scenario.sources.solar if kind == "solar" else scenario.sources.wind
    match source:
        case GeneratedSolar():
            return solar_generation(source, calendar, names, scenario.seed)
        case GeneratedWind():
            return wind_generation(source, calendar, names, scenario.seed)
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
