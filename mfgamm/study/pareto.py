"""The front between two objectives of a scenario's market: as a table, a file and a figure."""

import dataclasses
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from mfgamm.core import InvalidInput, Status
from mfgamm.equilibrium import Metrics
from mfgamm.market import CommunityMarket
from mfgamm.scenario import Scenario, build_community, make_calendar
from mfgamm.study.figures.pareto import FrontEnds, FrontPoints, plot_front
from mfgamm.study.files import write_json_and_figure
from mfgamm.study.one_community import require_one_community
from mfgamm.study.tuning import design_of, plain_metrics, plain_parameters
from mfgamm.study.wording import MISSING, count, number, percent
from mfgamm.tuning import (
    Objective,
    ParetoFront,
    Schedule,
    Tuning,
    judge,
    objective_label,
    pareto_front,
)

NAME = "pareto"


@dataclasses.dataclass(frozen=True)
class ScenarioFront:
    """What a scenario's market can be tuned to, between two objectives; all in exact equilibrium.

    Attributes:
        title: of the scenario.
        objective: the two, each with the weight that makes their numbers compare.
        categories: names of the categories.
        market: the scenario's own.
        front: the tuned ones.
        before: metrics of the scenario's own market.
        exploitability: of its equilibrium, relative to the gain.
        found: both objectives there, as they are named.
    """

    title: str
    objective: Objective
    categories: tuple[str, ...]
    market: CommunityMarket
    front: ParetoFront
    before: Metrics
    exploitability: float
    found: Float[np.ndarray, " objective"]

    @property
    def status(self) -> Status:
        """Converged if every search is."""
        return max(Status(int(each.status)) for each in self.front.tunings)

    @property
    def reached(self) -> Float[np.ndarray, "point objective"]:
        """Both objectives at each point, as they are named: large is good where it is."""
        return self.front.terms * self.objective.signs


def scenario_front(
    scenario: Scenario,
    objective: Objective,
    parameters: Sequence[str],
    schedule: Schedule,
    points: int,
    on_point: Callable[[int, Tuning], None] | None = None,
) -> ScenarioFront:
    """Tune the market of a scenario for two objectives, from all weight on one to all on the other.

    Args:
        scenario, parameters: as in `tune_scenario`.
        objective: two objectives; their weights multiply them before they are weighed.
        schedule: of each search.
        points: of the front, evenly weighed.
        on_point: as in `pareto_front`.

    Raises:
        InvalidInput: as in `tune_scenario`, or if there are not two different objectives with
            positive weights, or less than two points.
        InfeasibleHousehold: naming the households that have no plan.
        NotConverged: if there is no equilibrium to begin with.
    """
    names, scales = _two(objective)
    if points < 2:
        raise InvalidInput("points", points, "a front has at least two")
    require_one_community(scenario, "tuning")
    community = build_community(scenario)
    design = design_of(parameters, community, make_calendar(scenario.time))
    # Judged first: what cannot be solved should not cost a front's searches before it is told.
    before, certificate = judge(community)
    front = pareto_front(
        community,
        design,
        names,
        np.linspace(0, 1, points).tolist(),
        scales=scales,
        schedule=schedule,
        on_point=on_point,
    )
    market = community.market
    assert isinstance(market, CommunityMarket)  # all others are refused above
    terms = objective.terms(before, community.population.types.weights)
    return ScenarioFront(
        title=scenario.title,
        objective=objective,
        categories=tuple(dict.fromkeys(community.population.categories)),
        market=market,
        front=front,
        before=before,
        exploitability=float(certificate.relative),
        found=np.asarray(terms) * objective.signs,
    )


def front_json(scenario: ScenarioFront) -> str:
    """One JSON object: every point with its parameters and metrics, and the market as it was."""
    names, front = scenario.objective.names, scenario.front
    points = [
        {
            "weight": float(front.weights[k]),
            "efficient": bool(front.efficient[k]),
            "status": Status(int(tuning.status)).label,
            "objectives": dict(zip(names, scenario.reached[k].tolist(), strict=True)),
            "parameters": plain_parameters(tuning.value),
            "residual": float(tuning.residuals),
            "steps": tuning.history.loss.size - 1,
            **plain_metrics(
                tuning.metrics[0], scenario.categories, float(tuning.certificate[0].relative)
            ),
        }
        for k, tuning in enumerate(front.tunings)
    ]
    plain = {
        "title": scenario.title,
        "status": scenario.status.label,
        "objectives": dict(zip(names, scenario.objective.weights.tolist(), strict=True)),
        "before": {
            "objectives": dict(zip(names, scenario.found.tolist(), strict=True)),
            **plain_metrics(scenario.before, scenario.categories, scenario.exploitability),
        },
        "points": points,
    }
    return json.dumps(plain, indent=2, ensure_ascii=False, allow_nan=False)


def show_front(console: Console, scenario: ScenarioFront) -> None:
    """Print the market as it was and every point of the front."""
    table = Table(title="Per household and day", title_justify="left", box=SIMPLE_HEAD)
    names = scenario.objective.names
    headings = (f"weight of {names[1]}", *map(objective_label, names), "efficient", "search")
    for index, heading in enumerate(headings):
        table.add_column(heading, justify="right" if index < 3 else "left")
    table.add_row("as it is", *(number(x, 4) for x in scenario.found), MISSING, MISSING)
    for k, tuning in enumerate(scenario.front.tunings):
        table.add_row(
            number(scenario.front.weights[k], 2),
            *(number(x, 4) for x in scenario.reached[k]),
            "yes" if scenario.front.efficient[k] else "no",
            Status(int(tuning.status)).label,
        )
    console.print(table)
    worst = max(float(each.certificate[0].relative) for each in scenario.front.tunings)
    console.print(
        f"Searched along smoothed equilibria, {_steps(scenario.front)} in all; the table is of "
        f"exact ones, to {percent(max(worst, scenario.exploitability))} of the gain. Weighted sums "
        "find the convex part of a front only.",
        style="dim",
    )


def write_front(scenario: ScenarioFront, folder: Path) -> None:
    """Write `pareto.json` and `pareto.svg`, each whole or not at all.

    Raises:
        InvalidInput: naming the file that cannot be written.
    """
    write_json_and_figure(folder, NAME, front_json(scenario), _figure(scenario))


def _figure(scenario: ScenarioFront) -> Figure:
    front = scenario.front
    first, *_, last = front.tunings
    ends = FrontEnds(scenario.market, first.market, last.market)
    points = FrontPoints(scenario.reached, front.efficient, front.weights, scenario.found)
    return plot_front(front.names, points, ends)


def _two(objective: Objective) -> tuple[tuple[str, str], tuple[float, float]]:
    """Names and scales of two objectives."""
    names, weights = objective.names, objective.weights.tolist()
    if len(set(names)) != 2 or len(names) != 2 or min(weights) <= 0:
        raise InvalidInput(
            "objective", list(names), "a front needs two different ones, with positive weights"
        )
    return (names[0], names[1]), (1 / weights[0], 1 / weights[1])


def _steps(front: ParetoFront) -> str:
    return count(sum(each.history.loss.size - 1 for each in front.tunings), "step")
