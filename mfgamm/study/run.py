"""Run a study: from a scenario to its equilibrium and the figures that describe it."""

import dataclasses
import time
from collections.abc import Callable

import xarray as xr

from mfgamm.core import Status
from mfgamm.equilibrium import Checkpoint, Equilibrium, Progress, solve_equilibrium
from mfgamm.scenario import Calendar, Scenario, build_community, build_solver, make_calendar
from mfgamm.study.compilation import measure_compilation
from mfgamm.study.dataset import RunFacts, equilibrium_dataset
from mfgamm.study.summary import Summary, summarise


@dataclasses.dataclass(frozen=True)
class Study:
    """A solved scenario.

    Attributes:
        scenario: what was asked.
        calendar: its time axis.
        equilibrium: the answer, converged or not; its status tells.
        dataset: the answer as labelled arrays, ready to be stored.
    """

    scenario: Scenario
    calendar: Calendar
    equilibrium: Equilibrium
    dataset: xr.Dataset

    @property
    def status(self) -> Status:
        return self.equilibrium.outcome

    @property
    def summary(self) -> Summary:
        """Totals, by category and for the community."""
        return summarise(self.dataset)


def run_study(
    scenario: Scenario,
    on_round: Callable[[Progress], None] | None = None,
    checkpoint: Checkpoint | None = None,
) -> Study:
    """Build the scenario's community and solve for its equilibrium.

    A solve that does not converge, or that the user interrupts, still gives a study: its status
    says so.

    Args:
        scenario: what to solve.
        on_round: called with the progress after each round.
        checkpoint: where to save the search, and to take it up again from.

    Raises:
        InvalidInput: if the scenario's data or parameters make no sense together, or the
            checkpoint is another scenario's.
        InfeasibleHousehold: naming the households that have no plan.
    """
    start = time.perf_counter()
    with measure_compilation() as clock:
        community = build_community(scenario)
        equilibrium = solve_equilibrium(
            community,
            build_solver(scenario),
            tolerance=scenario.solver.tolerance,
            max_rounds=scenario.solver.max_rounds,
            throw=False,
            on_round=on_round,
            checkpoint=checkpoint,
        )
    facts = RunFacts(wall_s=time.perf_counter() - start, compile_s=clock.seconds)
    calendar = make_calendar(scenario.time)
    dataset = equilibrium_dataset(equilibrium, scenario, calendar, facts)
    return Study(scenario, calendar, equilibrium, dataset)
