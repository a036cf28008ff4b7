"""Run a mean field study: clusters on their own and together, from coarse grids to fine ones."""

import dataclasses
import functools
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import xarray as xr

from mfgamm.core import Checkpoint, Prices, Status
from mfgamm.fixed_point import FixedPoint
from mfgamm.meanfield_game import (
    MeanFieldEquilibrium,
    MeanFieldGame,
    default_method,
    solve_mean_field_game,
    unfinished_equilibrium,
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


class StageProgress(NamedTuple):
    """How far the search for prices is.

    Attributes:
        mode: with whom clusters trade.
        coarse: whether on the grid with half the points.
        temperature: τ, €.
        iterations: taken there.
        residual: largest of the best prices so far, €/kWh.
    """

    mode: Mode
    coarse: bool
    temperature: float
    iterations: int
    residual: float


OnStage = Callable[[StageProgress], None]


@dataclasses.dataclass(frozen=True)
class MeanFieldStudy:
    """A solved mean field study.

    Attributes:
        scenario: what was asked.
        calendar: its time axis.
        places: of the clusters.
        games: with whom clusters trade, as far as it was asked for.
        equilibria: their answers, converged or not; of those that were reached.
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
        ended = [each.outcome for each in self.equilibria.values()]
        if len(self.equilibria) < len(self.games):
            ended.append(Status.INTERRUPTED)
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
    on_pause: OnStage | None = None,
    checkpoint: Checkpoint | None = None,
) -> MeanFieldStudy:
    """Solve the games of a study: clusters on their own, and together.

    What does not converge, or the user interrupts, still gives a study: its status says so. It
    lacks the modes that were not begun.

    Args:
        scenario: what to solve.
        modes: with whom clusters trade.
        on_stage: called after each temperature.
        on_pause: called every few iterations, and after each mode. A `KeyboardInterrupt`, here or
            anywhere in the iterations, ends the study.
        checkpoint: where to save the searches, and to take them up again from.

    Raises:
        InvalidInput: if the scenario's data or parameters make no sense together, or the
            checkpoint is another scenario's.
    """
    start = time.perf_counter()
    equilibria: dict[Mode, MeanFieldEquilibrium] = {}
    with measure_compilation() as clock:
        games = {mode: build_mean_field_game(scenario, mode) for mode in modes}
        for mode, game in games.items():
            search = _Search(scenario, mode, on_stage, on_pause, checkpoint)
            equilibria[mode] = search.result(game)
            if search.ends_with(equilibria[mode]):
                break
    return MeanFieldStudy(
        scenario=scenario,
        calendar=make_calendar(scenario.time),
        places=cluster_places(scenario),
        games=games,
        equilibria=equilibria,
        facts=RunFacts(wall_s=time.perf_counter() - start, compile_s=clock.seconds),
    )


class _Search(NamedTuple):
    """The search for one mode's prices, and who follows it."""

    scenario: MeanFieldScenario
    mode: Mode
    on_stage: OnStage | None
    on_pause: OnStage | None
    checkpoint: Checkpoint | None

    def result(self, game: MeanFieldGame) -> MeanFieldEquilibrium:
        """Prices from a coarse grid, if there is one, are the start on the fine one."""
        table, start = self.scenario.solver, None
        temperatures = table.temperatures
        if table.coarse:
            small = build_mean_field_game(self.scenario, self.mode, coarse=True)
            rough = self._solved(small, temperatures, None, "coarse")
            if rough.outcome is Status.INTERRUPTED:
                return unfinished_equilibrium(game, rough.value, rough.temperature)
            start = rough.value
            # From prices that are nearly right the last temperature is enough, unless it fails.
            found = self._solved(game, temperatures[-1:], start, "last-temperature")
            if len(temperatures) == 1 or found.outcome in (Status.CONVERGED, Status.INTERRUPTED):
                return found
        return self._solved(game, temperatures, start, "all-temperatures")

    def ends_with(self, found: MeanFieldEquilibrium) -> bool:
        """Whether the study was interrupted, in this mode or right after it."""
        if found.outcome is Status.INTERRUPTED or self.on_pause is None:
            return found.outcome is Status.INTERRUPTED
        history = found.history
        try:
            self.on_pause(
                StageProgress(
                    self.mode,
                    False,
                    float(found.temperature),
                    int(history.iterations[-1]),
                    float(history.residual[-1]),
                )
            )
        except KeyboardInterrupt:
            return True
        return False

    def _solved(
        self, game: MeanFieldGame, temperatures: Sequence[float], start: Prices | None, name: str
    ) -> MeanFieldEquilibrium:
        table = self.scenario.solver
        folder = f"{self.mode} {name}".replace(" ", "-")
        return solve_mean_field_game(
            game,
            temperatures,
            default_method(table.tolerance, table.max_iterations),
            start=start,
            throw=False,
            on_stage=self._told(self.on_stage, name == "coarse"),
            on_pause=self._told(self.on_pause, name == "coarse"),
            checkpoint=None if self.checkpoint is None else self.checkpoint.within(folder),
        )

    def _told(
        self, follow: OnStage | None, coarse: bool
    ) -> Callable[[float, FixedPoint], None] | None:
        if follow is None:
            return None

        def tell(temperature: float, found: FixedPoint) -> None:
            iterations, residual = int(found.iterations), float(found.certificate)
            follow(StageProgress(self.mode, coarse, temperature, iterations, residual))

        return tell
