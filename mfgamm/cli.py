"""The command line: solve a scenario, derive it, tune it; list, start, report."""

import contextlib
import enum
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar

import jax
import typer
from rich.console import Console

from mfgamm.core import Checkpoint, InvalidInput, MfgammError, Status
from mfgamm.equilibrium import sensitivities
from mfgamm.scenario import (
    MeanFieldScenario,
    Mode,
    Scenario,
    build_community,
    builtin_scenarios,
    load_scenario,
    load_study,
    scenario_template,
)
from mfgamm.study import (
    REPORT,
    RESULTS,
    announce,
    compare_clusters,
    is_comparable,
    load_dataset,
    require_writable,
    run_study,
    show_summary,
    track_rounds,
    write_report,
    write_results,
)
from mfgamm.study.interruption import stop_on_interrupt
from mfgamm.study.mean_field import (
    announce_mean_field,
    is_mean_field,
    run_mean_field_study,
    show_mean_field,
    track_stages,
    write_mean_field_report,
    write_mean_field_results,
)
from mfgamm.study.pareto import front_json, scenario_front, show_front, write_front
from mfgamm.study.sensitivity import (
    sensitivity_dataset,
    sensitivity_json,
    show_sensitivities,
    write_sensitivities,
)
from mfgamm.study.tuning import (
    objective_of,
    show_tuning,
    tune_scenario,
    tuning_json,
    write_tuning,
)
from mfgamm.tuning import Schedule, Tuning

DEFAULT_SCENARIO = "paris-summer"
ScenarioName = Annotated[
    str, typer.Argument(help="A scenario file, or the name of a built-in one.")
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Override a key of the scenario, e.g. --set population.size=100. Repeatable.",
    ),
]

Found = TypeVar("Found")

app = typer.Typer(
    help="Mean field games of energy communities cleared by automated market makers.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


class Exit(enum.IntEnum):
    """Exit status of the program."""

    CONVERGED = 0
    BAD_INPUT = 2
    NOT_CONVERGED = 3


@app.command()
def solve(
    scenario: ScenarioName = DEFAULT_SCENARIO,
    out: Annotated[
        Path | None, typer.Option(help="Folder for results.nc, summary.json and report.html.")
    ] = None,
    settings: Settings = None,
    checkpoint: Annotated[
        Path | None,
        typer.Option(help="Folder to save the search in as it goes, and to take it up from."),
    ] = None,
    comparison: Annotated[
        bool,
        typer.Option(
            "--comparison/--no-comparison",
            help="With clusters that are coupled: solve for clusters on their own, too.",
        ),
    ] = True,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object instead of tables.")
    ] = False,
) -> None:
    """Find the equilibrium of a community, and what it gains; of households or of densities.

    Ctrl-C ends the search after the round and keeps the best answer so far; twice quits at once.

    Exit status: 0 converged, 3 not converged (results are written all the same), 2 bad input.
    """
    with _bad_input_explained():
        study_scenario = load_study(scenario, settings or [])
        if isinstance(study_scenario, MeanFieldScenario):
            _solve_mean_field(study_scenario, out, checkpoint, comparison, as_json)
        console = _console(out, as_json)
        announce(console, study_scenario)
        tolerance = study_scenario.solver.tolerance
        saved = None if checkpoint is None else Checkpoint(checkpoint)
        with stop_on_interrupt(console) as stop:
            with track_rounds(console, tolerance) as on_round:
                study = run_study(study_scenario, stop.heeded(on_round), saved)
            if comparison and is_comparable(study):
                with track_rounds(console, tolerance, "own cluster") as on_round:
                    study = compare_clusters(study, stop.heeded(on_round))
        _finished(study, show_summary, write_results, console, out, as_json)


@app.command()
def sensitivity(
    scenario: ScenarioName = DEFAULT_SCENARIO,
    out: Annotated[
        Path | None, typer.Option(help="Folder for sensitivities.nc, .json and .svg.")
    ] = None,
    settings: Settings = None,
    barrier: Annotated[float, typer.Option(help="Smoothing of households, €.")] = 1e-5,
    blur: Annotated[float, typer.Option(help="Smoothing of the market, a share.")] = 1e-4,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object instead of a table.")
    ] = False,
) -> None:
    """What gain, grid and bills owe to each parameter: tariffs, fee, storage, loads, mix.

    Derivatives of a smoothed equilibrium, each checked by equilibria solved anew, and marked
    where a finer smoothing changes it.
    """
    with _bad_input_explained():
        study_scenario, console = _opened(scenario, settings, out, as_json)
        table = sensitivities(build_community(study_scenario), barrier=barrier, blur=blur)
        dataset = sensitivity_dataset(table, study_scenario.title)
        written = sensitivity_json, show_sensitivities, write_sensitivities
        _delivered(dataset, *written, console, out, as_json)


@app.command()
def tune(
    scenario: ScenarioName = DEFAULT_SCENARIO,
    objective: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME[=WEIGHT]",
            help="What to make good: cost (if none is given), gain, peak-import, "
            "self-sufficiency, worst-category, gini. Repeatable: a weighted sum.",
        ),
    ] = None,
    parameters: Annotated[
        list[str] | None,
        typer.Option(
            help="What to turn: curve (if none is given), anchor, blend, fee, two-rates. "
            "Repeatable.",
        ),
    ] = None,
    steps: Annotated[int, typer.Option(min=1, help="At most.")] = 60,
    seed: Annotated[int | None, typer.Option(help="Start at random, from this seed.")] = None,
    pareto: Annotated[
        int | None,
        typer.Option(
            min=2,
            metavar="POINTS",
            help="So many markets between two objectives, instead of one for their sum.",
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for tuning.json and .svg, or pareto.json and .svg.")
    ] = None,
    settings: Settings = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object instead of a table.")
    ] = False,
) -> None:
    """Tune a market by gradients through its equilibria; the axioms hold at every step.

    Exit status: 0 nothing left to improve nearby, 3 steps or patience ran out before (results are
    written all the same), 2 bad input.
    """
    with _bad_input_explained():
        study_scenario, console = _opened(scenario, settings, out, as_json)
        jitter = {} if seed is None else {"jitter": 0.1, "seed": seed}
        schedule = Schedule(steps=steps, **jitter)
        sought = (objective_of(objective or ["cost"]), parameters or ["curve"], schedule)
        if pareto is None:
            tuned = tune_scenario(study_scenario, *sought)
            written = tuning_json, show_tuning, write_tuning
            _delivered(tuned, *written, console, out, as_json)
            status = tuned.status
        else:
            front = scenario_front(study_scenario, *sought, pareto, _counted(console, pareto))
            written = front_json, show_front, write_front
            _delivered(front, *written, console, out, as_json)
            status = front.status
    _leave(status)


@app.command()
def scenarios() -> None:
    """List the built-in scenarios."""
    console = Console()
    for scenario in builtin_scenarios():
        console.print(f"[bold]{scenario.name}[/bold]: {scenario.title}")
        console.print(f"  {scenario.description}", style="dim")


@app.command()
def init(
    path: Annotated[Path, typer.Argument(help="File to write.")] = Path("scenario.toml"),
    force: Annotated[bool, typer.Option("--force", help="Overwrite an existing file.")] = False,
) -> None:
    """Write a commented scenario to start from."""
    with _bad_input_explained():
        if path.exists() and not force:
            raise InvalidInput("path", str(path), "exists already; choose another, or add --force")
        path.write_text(scenario_template(), encoding="utf-8")
    Console().print(f"Wrote {path}. Edit it, then: mfgamm solve {path} --out results")


@app.command()
def report(
    folder: Annotated[Path, typer.Argument(help="Folder that `mfgamm solve --out` wrote.")],
) -> None:
    """Rebuild report.html from results.nc."""
    with _bad_input_explained():
        dataset = load_dataset(folder / RESULTS)
        write = write_mean_field_report if is_mean_field(dataset) else write_report
        write(dataset, folder / REPORT)
    Console().print(f"Wrote {folder / REPORT}")


def main() -> None:
    """Entry point of the console script; the only place that turns on double precision."""
    jax.config.update("jax_enable_x64", True)
    app()


def _solve_mean_field(
    scenario: MeanFieldScenario,
    out: Path | None,
    checkpoint: Path | None,
    comparison: bool,
    as_json: bool,
) -> NoReturn:
    """Solve a study of densities, show and write it, and leave with its status."""
    console = _console(out, as_json)
    announce_mean_field(console, scenario)
    modes = tuple(Mode) if comparison else (Mode.CLUSTER_OF_CLUSTERS,)
    saved = None if checkpoint is None else Checkpoint(checkpoint)
    with stop_on_interrupt(console) as stop, track_stages(console) as (on_stage, on_pause):
        study = run_mean_field_study(scenario, modes, on_stage, stop.heeded(on_pause), saved)
    _finished(study, show_mean_field, write_mean_field_results, console, out, as_json)


def _leave(status: Status) -> NoReturn:
    raise typer.Exit(Exit.CONVERGED if status is Status.CONVERGED else Exit.NOT_CONVERGED)


def _finished(
    study: Any,
    show: Callable[[Console, Any], None],
    write: Callable[[Any, Path], None],
    console: Console,
    out: Path | None,
    as_json: bool,
) -> NoReturn:
    """Show and write a study of either kind, and leave with its status."""
    _delivered(
        study,
        lambda found: found.summary.to_json(),
        lambda console, found: show(console, found.summary),
        write,
        console,
        out,
        as_json,
    )
    if out is not None:
        address = (out / REPORT).resolve().as_uri()
        console.print(f"Report: [link]{address}[/link]", soft_wrap=True)
    _leave(study.status)


def _opened(
    name: str, settings: list[str] | None, out: Path | None, as_json: bool
) -> tuple[Scenario, Console]:
    """The scenario asked for, announced, once it is known that results can be written."""
    scenario = load_scenario(name, settings or [])
    console = _console(out, as_json)
    announce(console, scenario)
    return scenario, console


def _console(out: Path | None, as_json: bool) -> Console:
    """Where to say how it goes, once it is known that results can be written."""
    if out is not None:
        require_writable(out)
    return Console(stderr=as_json, quiet=as_json)


def _counted(console: Console, points: int) -> Callable[[int, Tuning], None]:
    """What says how far a front is: each of its points is a search of its own."""

    def say(found: int, tuning: Tuning) -> None:
        label = Status(int(tuning.status)).label
        steps = tuning.history.loss.size - 1
        console.print(f"Market {found} of {points}: {label} after {steps} steps", style="dim")

    return say


def _delivered(
    found: Found,
    to_json: Callable[[Found], str],
    show: Callable[[Console, Found], None],
    write: Callable[[Found, Path], None],
    console: Console,
    out: Path | None,
    as_json: bool,
) -> None:
    """Print what was found, and write it to the folder if there is one."""
    if as_json:
        print(to_json(found))
    else:
        show(console, found)
    if out is not None:
        write(found, out)


@contextlib.contextmanager
def _bad_input_explained() -> Iterator[None]:
    try:
        yield
    except (MfgammError, OSError) as error:
        _fail(error)


def _fail(error: MfgammError | OSError) -> None:
    print(f"mfgamm: {error}", file=sys.stderr)
    raise typer.Exit(Exit.BAD_INPUT)


if __name__ == "__main__":
    main()
