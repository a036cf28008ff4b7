"""Run a study: from a scenario to its equilibrium and the figures that describe it."""

import dataclasses
import functools
import time
from collections.abc import Callable

import xarray as xr

from mfgamm.core import Checkpoint, Status
from mfgamm.equilibrium import Community, Equilibrium, Progress, solve_equilibrium
from mfgamm.scenario import (
    Calendar,
    ClusterMap,
    Scenario,
    build_community,
    build_solver,
    make_calendar,
    make_cluster_map,
    own_cluster_market,
)
from mfgamm.study.compilation import measure_compilation
from mfgamm.study.dataset import RunFacts, equilibrium_dataset
from mfgamm.study.summary import Summary, summarise


@dataclasses.dataclass(frozen=True)
class Study:
    """A solved scenario.

    Attributes:
        scenario: what was asked.
        calendar: its time axis.
        clusters: the map of its clusters; None for a single community.
        equilibrium: the answer, converged or not; its status tells.
        own: the equilibrium of clusters on their own, if it was asked for.
        facts: how long the answer took.
    """

    scenario: Scenario
    calendar: Calendar
    clusters: ClusterMap | None
    equilibrium: Equilibrium
    own: Equilibrium | None
    facts: RunFacts

    @property
    def status(self) -> Status:
        return self.equilibrium.outcome

    @functools.cached_property
    def dataset(self) -> xr.Dataset:
        """The answer as labelled arrays, ready to be stored."""
        return equilibrium_dataset(
            self.equilibrium, self.scenario, self.calendar, self.facts, self.clusters, self.own
        )

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
        equilibrium = _solved(scenario, build_community(scenario), on_round, checkpoint)
    return Study(
        scenario=scenario,
        calendar=make_calendar(scenario.time),
        clusters=make_cluster_map(scenario),
        equilibrium=equilibrium,
        own=None,
        facts=RunFacts(wall_s=time.perf_counter() - start, compile_s=clock.seconds),
    )


def is_comparable(study: Study) -> bool:
    """Whether there is more to compare a study with than every household on its own."""
    coupled = study.clusters is not None and study.clusters.table.market != "own"
    return coupled and study.status is not Status.INTERRUPTED


def compare_clusters(study: Study, on_round: Callable[[Progress], None] | None = None) -> Study:
    """The study with the equilibrium of the same households if each cluster trades by itself.

    Args:
        study: of clusters that are coupled; others are returned as they are.
        on_round: called with the progress after each round of the further solve.
    """
    if study.clusters is None or not is_comparable(study):
        return study
    market = own_cluster_market(study.scenario, study.clusters)
    community = Community(study.equilibrium.community.population, market)
    return dataclasses.replace(study, own=_solved(study.scenario, community, on_round))


def _solved(
    scenario: Scenario,
    community: Community,
    on_round: Callable[[Progress], None] | None,
    checkpoint: Checkpoint | None = None,
) -> Equilibrium:
    return solve_equilibrium(
        community,
        build_solver(scenario),
        tolerance=scenario.solver.tolerance,
        max_rounds=scenario.solver.max_rounds,
        throw=False,
        on_round=on_round,
        checkpoint=checkpoint,
    )
