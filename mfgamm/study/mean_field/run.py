"""Run a mean field study: clusters on their own and together, from coarse grids to fine ones."""

import dataclasses
import functools
import time
from collections.abc import Callable

import xarray as xr

from mfgamm.core import Prices, Status
from mfgamm.fixed_point import FixedPoint
from mfgamm.meanfield_game import (
    MeanFieldEquilibrium,
    MeanFieldGame,
    default_method,
    solve_mean_field_game,
)
from mfgamm.scenario import (
    Calendar,
    MeanFieldScenario,
    Mode,
    build_mean_field_game,
    cluster_places,
    make_calendar,
)
from mfgamm.scenario.clusters.places import Places
from mfgamm.study.compilation import measure_compilation
from mfgamm.study.dataset import RunFacts
from mfgamm.study.mean_field.dataset import mean_field_dataset
from mfgamm.study.mean_field.summary import MeanFieldSummary, summarise_mean_field

# Called with the mode, whether the grid is coarse, the temperature and what was found there.
OnStage = Callable[[Mode, bool, float, FixedPoint], None]


@dataclasses.dataclass(frozen=True)
class MeanFieldStudy:
    """A solved mean field study.

    Attributes:
        scenario: what was asked.
        calendar: its time axis.
        places: of the clusters.
        games, equilibria: with whom clusters trade, each with its answer, converged or not.
        facts: how long it took.
    """

    scenario: MeanFieldScenario
    calendar: Calendar
    places: Places
    games: dict[Mode, MeanFieldGame]
    equilibria: dict[Mode, MeanFieldEquilibrium]
    facts: RunFacts

    @property
    def status(self) -> Status:
        """Converged if all are; else how the first that is not ended."""
        ended = (each.outcome for each in self.equilibria.values())
        return next((each for each in ended if each is not Status.CONVERGED), Status.CONVERGED)

    @functools.cached_property
    def dataset(self) -> xr.Dataset:
        """The answers as labelled arrays, ready to be stored."""
        return mean_field_dataset(
            self.games, self.equilibria, self.scenario, self.calendar, self.places, self.facts
        )

    @property
    def summary(self) -> MeanFieldSummary:
        """What households pay in each way to trade, and how sure that is."""
        return summarise_mean_field(self.dataset)


def run_mean_field_study(
    scenario: MeanFieldScenario,
    modes: tuple[Mode, ...] = tuple(Mode),
    on_stage: OnStage | None = None,
) -> MeanFieldStudy:
    """Solve the games of a study: clusters on their own, and together.

    What does not converge still gives a study: its status says so.

    Args:
        scenario: what to solve.
        modes: with whom clusters trade.
        on_stage: called after each temperature.

    Raises:
        InvalidInput: if the scenario's data or parameters make no sense together.
    """
    start = time.perf_counter()
    with measure_compilation() as clock:
        games = {mode: build_mean_field_game(scenario, mode) for mode in modes}
        equilibria = {mode: _solved(scenario, mode, games[mode], on_stage) for mode in modes}
    return MeanFieldStudy(
        scenario=scenario,
        calendar=make_calendar(scenario.time),
        places=cluster_places(scenario),
        games=games,
        equilibria=equilibria,
        facts=RunFacts(wall_s=time.perf_counter() - start, compile_s=clock.seconds),
    )


def _solved(
    scenario: MeanFieldScenario, mode: Mode, game: MeanFieldGame, on_stage: OnStage | None
) -> MeanFieldEquilibrium:
    table, start = scenario.solver, None
    method = default_method(table.tolerance, table.max_iterations)

    def solve(game: MeanFieldGame, coarse: bool, temperatures, start: Prices | None):
        said = None if on_stage is None else functools.partial(on_stage, mode, coarse)
        return solve_mean_field_game(
            game, temperatures, method, start=start, throw=False, on_stage=said
        )

    temperatures = table.temperatures
    if table.coarse:
        rough = build_mean_field_game(scenario, mode, coarse=True)
        start = solve(rough, True, temperatures, None).value
        # From prices that are nearly right the last temperature is enough, unless it fails.
        found = solve(game, False, temperatures[-1:], start)
        if found.converged or len(temperatures) == 1:
            return found
    return solve(game, False, temperatures, start)
