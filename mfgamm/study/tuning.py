"""A scenario's market tuned: from names to knobs, and from the search to tables and files."""

import dataclasses
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import jax.numpy as jnp
import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from mfgamm.core import InvalidInput, Status
from mfgamm.equilibrium import Community, Metrics, without_community
from mfgamm.scenario import Calendar, Scenario, build_community, make_calendar
from mfgamm.study.figures.tuning import plot_tuning
from mfgamm.study.files import write_json_and_figure
from mfgamm.study.one_community import require_one_community
from mfgamm.study.wording import count, number, percent
from mfgamm.tuning import (
    Anchor,
    Blend,
    Design,
    Fee,
    LearnedCurve,
    Objective,
    Parameters,
    Schedule,
    Tuning,
    TwoRates,
    judge,
    tune,
)

NAME = "tuning"
# Hours of the day in which a two-rate tariff is dear.
DEAR_FROM, DEAR_TO = 17, 22
PARAMETERS = ("curve", "anchor", "blend", "fee", "two-rates")
# All of these set the curve.
CURVES = {"curve", "anchor", "blend"}


@dataclasses.dataclass(frozen=True)
class TunedScenario:
    """A scenario's market before and after tuning, both in exact equilibrium.

    Attributes:
        title: of the scenario.
        objective: what was made small.
        categories: names of the categories.
        tuning: the search.
        before, after: metrics of the scenario's market and of the tuned one.
        exploitability: of both equilibria, relative to the gain.
    """

    title: str
    objective: Objective
    categories: tuple[str, ...]
    tuning: Tuning
    before: Metrics
    after: Metrics
    exploitability: tuple[float, float]

    @property
    def status(self) -> Status:
        return Status(int(self.tuning.status))


def tune_scenario(
    scenario: Scenario,
    objective: Objective,
    parameters: Sequence[str],
    schedule: Schedule,
    on_step: Callable[[int, float], None] | None = None,
) -> TunedScenario:
    """Tune the market of a scenario for its own day and households.

    Raises:
        InvalidInput: if a parameter is unknown, two set the same thing, the market cannot be
            tuned, or there are clusters.
        InfeasibleHousehold: naming the households that have no plan.
        NotConverged: if there is no equilibrium to begin with.
    """
    require_one_community(scenario, "tuning")
    community = build_community(scenario)
    design = design_of(parameters, community, make_calendar(scenario.time))
    tuning = tune(community, design, objective, schedule, on_step=on_step)
    before, first = judge(community)
    (after,), (last,) = tuning.metrics, tuning.certificate
    return TunedScenario(
        title=scenario.title,
        objective=objective,
        categories=tuple(dict.fromkeys(community.population.categories)),
        tuning=tuning,
        before=before,
        after=after,
        exploitability=(float(first.relative), float(last.relative)),
    )


def design_of(names: Sequence[str], community: Community, calendar: Calendar) -> Design:
    """The knobs of these names.

    Raises:
        InvalidInput: if a name is unknown, or two of them set the curve.
    """
    unknown = [name for name in names if name not in PARAMETERS]
    if unknown or not names:
        raise InvalidInput("parameters", unknown, "choose among " + ", ".join(PARAMETERS))
    if len(CURVES & set(names)) > 1:
        raise InvalidInput(
            "parameters", list(names), "curve, anchor and blend exclude each other: choose one"
        )
    dear = (calendar.hour >= DEAR_FROM) & (calendar.hour < DEAR_TO)
    knobs = {
        "curve": LearnedCurve,
        "anchor": Anchor,
        "blend": Blend,
        "fee": Fee,
        "two-rates": lambda: TwoRates(
            jnp.asarray(dear), without_community(community).settlement.grid_import
        ),
    }
    return {name: knobs[name]() for name in names}


def objective_of(texts: Sequence[str]) -> Objective:
    """An objective from texts such as "cost" or "gini=0.5".

    Raises:
        InvalidInput: if a name is unknown or a weight is no number.
    """
    names, weights = [], []
    for text in texts:
        name, _, weight = text.partition("=")
        try:
            weights.append(float(weight or 1))
        except ValueError:
            raise InvalidInput("objective", text, "must read NAME or NAME=WEIGHT") from None
        names.append(name.strip())
    return Objective(tuple(names), jnp.asarray(weights))


def tuning_json(tuned: TunedScenario) -> str:
    """One JSON object: parameters found, metrics before and after, and how the search went."""
    tuning = tuned.tuning
    objective = zip(tuned.objective.names, tuned.objective.weights.tolist(), strict=True)
    plain = {
        "title": tuned.title,
        "status": tuned.status.label,
        "objective": dict(objective),
        "parameters": plain_parameters(tuning.value),
        "residual": float(tuning.residuals),
        "loss": tuning.history.loss.tolist(),
        "paths_followed_anew": int(tuning.history.fresh.sum()),
        "before": plain_metrics(tuned.before, tuned.categories, tuned.exploitability[0]),
        "after": plain_metrics(tuned.after, tuned.categories, tuned.exploitability[1]),
    }
    return json.dumps(plain, indent=2, ensure_ascii=False, allow_nan=False)


def show_tuning(console: Console, tuned: TunedScenario) -> None:
    """Print what the market was worth before and after, whatever the objective was."""
    table = Table(title="Per household and day", title_justify="left", box=SIMPLE_HEAD)
    for heading in ("", "before", "after", "change"):
        table.add_column(heading, justify="right" if heading else "left")
    for label, before, after in _comparison(tuned):
        table.add_row(label, *(number(x, 4) for x in (before, after, after - before)))
    console.print(table)
    for name, value in tuned.tuning.value.items():
        console.print(f"{name}: " + ", ".join(number(x, 3) for x in np.ravel(value)))
    loss = tuned.tuning.history.loss
    console.print(
        f"{tuned.status.label}: the objective fell from {number(loss[0], 4)} to "
        f"{number(loss.min(), 4)} in {count(loss.size - 1, 'step')}, along smoothed equilibria; "
        f"the table is of exact ones, to {percent(max(tuned.exploitability))} of the gain.",
        style="dim",
    )


def write_tuning(tuned: TunedScenario, folder: Path) -> None:
    """Write `tuning.json` and `tuning.svg`, each whole or not at all.

    Raises:
        InvalidInput: naming the file that cannot be written.
    """
    figure = plot_tuning(tuned.tuning.history.loss, tuned.tuning.market)
    write_json_and_figure(folder, NAME, tuning_json(tuned), figure)


def _comparison(tuned: TunedScenario) -> list[tuple[str, float, float]]:
    before, after = tuned.before, tuned.after
    rows = [
        ("gain, €", before.gain, after.gain),
        ("cost to the community, €", before.cost, after.cost),
        ("peak import, kW", before.peak_import, after.peak_import),
        ("import, kWh", before.grid_import, after.grid_import),
        ("self-sufficiency", before.self_sufficiency, after.self_sufficiency),
    ]
    for k, name in enumerate(tuned.categories):
        rows.append((f"saving of {name}, €", before.savings[k], after.savings[k]))
    return [(label, float(first), float(last)) for label, first, last in rows]


def plain_metrics(metrics: Metrics, categories: Sequence[str], exploitability: float) -> dict:
    """Metrics as JSON takes them, categories by name."""
    single = ("gain", "cost", "peak_import", "grid_import", "self_sufficiency")
    return {
        **{name: float(getattr(metrics, name)) for name in single},
        "bills": dict(zip(categories, metrics.bills.tolist(), strict=True)),
        "savings": dict(zip(categories, metrics.savings.tolist(), strict=True)),
        "relative_exploitability": exploitability,
    }


def plain_parameters(parameters: Parameters) -> dict:
    """Parameters as JSON takes them."""
    return {name: np.asarray(each).tolist() for name, each in parameters.items()}
