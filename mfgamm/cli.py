"""The command line: solve a scenario, derive it, tune it; list, start, report."""

import contextlib
import enum
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import jax
import typer
from rich.console import Console

from mfgamm.core import InvalidInput, MfgammError, Status
from mfgamm.equilibrium import Checkpoint, Progress, sensitivities
from mfgamm.scenario import build_community, builtin_scenarios, load_scenario, scenario_template
from mfgamm.study import (
    REPORT,
    RESULTS,
    announce,
    load_dataset,
    require_writable,
    run_study,
    show_summary,
    track_rounds,
    write_report,
    write_results,
)
from mfgamm.study.interruption import stop_on_interrupt
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
from mfgamm.tuning import Schedule

DEFAULT_SCENARIO = "paris-summer"

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
    scenario: Annotated[
        str, typer.Argument(help="A scenario file, or the name of a built-in one.")
    ] = DEFAULT_SCENARIO,
    out: Annotated[
        Path | None, typer.Option(help="Folder for results.nc, summary.json and report.html.")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Override a key of the scenario, e.g. --set population.size=100. Repeatable.",
        ),
    ] = None,
    checkpoint: Annotated[
        Path | None,
        typer.Option(help="Folder to save the search in as it goes, and to take it up from."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object instead of tables.")
    ] = False,
) -> None:
    """Find the equilibrium of a community, and what it gains.

    Ctrl-C ends the search after the round and keeps the best answer so far; twice quits at once.

    Exit status: 0 converged, 3 not converged (results are written all the same), 2 bad input.
    """
    with _bad_input_explained():
        study_scenario = load_scenario(scenario, settings or [])
        if out is not None:
            require_writable(out)
        console = Console(stderr=as_json, quiet=as_json)
        announce(console, study_scenario)
        tolerance = study_scenario.solver.tolerance
        with stop_on_interrupt(console) as stop, track_rounds(console, tolerance) as on_round:

            def follow(progress: Progress) -> None:
                on_round(progress)
                stop.raise_if_asked()

            saved = None if checkpoint is None else Checkpoint(checkpoint)
            study = run_study(study_scenario, follow, saved)
        if as_json:
            print(study.summary.to_json())
        else:
            show_summary(console, study.summary)
        if out is not None:
            write_results(study, out)
            address = (out / REPORT).resolve().as_uri()
            console.print(f"Report: [link]{address}[/link]", soft_wrap=True)
    raise typer.Exit(Exit.CONVERGED if study.status is Status.CONVERGED else Exit.NOT_CONVERGED)


@app.command()
def sensitivity(
    scenario: Annotated[
        str, typer.Argument(help="A scenario file, or the name of a built-in one.")
    ] = DEFAULT_SCENARIO,
    out: Annotated[
        Path | None, typer.Option(help="Folder for sensitivities.nc, .json and .svg.")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Override a key. Repeatable."),
    ] = None,
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
        study_scenario = load_scenario(scenario, settings or [])
        if out is not None:
            require_writable(out)
        console = Console(stderr=as_json, quiet=as_json)
        announce(console, study_scenario)
        table = sensitivities(build_community(study_scenario), barrier=barrier, blur=blur)
        dataset = sensitivity_dataset(table, study_scenario.title)
        if as_json:
            print(sensitivity_json(dataset))
        else:
            show_sensitivities(console, dataset)
        if out is not None:
            write_sensitivities(dataset, out)


@app.command()
def tune(
    scenario: Annotated[
        str, typer.Argument(help="A scenario file, or the name of a built-in one.")
    ] = DEFAULT_SCENARIO,
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
    out: Annotated[Path | None, typer.Option(help="Folder for tuning.json and .svg.")] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Override a key. Repeatable."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object instead of a table.")
    ] = False,
) -> None:
    """Tune a market by gradients through its equilibria; the axioms hold at every step.

    Exit status: 0 nothing left to improve nearby, 3 steps or patience ran out before (results are
    written all the same), 2 bad input.
    """
    with _bad_input_explained():
        study_scenario = load_scenario(scenario, settings or [])
        if out is not None:
            require_writable(out)
        console = Console(stderr=as_json, quiet=as_json)
        announce(console, study_scenario)
        jitter = {} if seed is None else {"jitter": 0.1, "seed": seed}
        tuned = tune_scenario(
            study_scenario,
            objective_of(objective or ["cost"]),
            parameters or ["curve"],
            Schedule(steps=steps, **jitter),
        )
        if as_json:
            print(tuning_json(tuned))
        else:
            show_tuning(console, tuned)
        if out is not None:
            write_tuning(tuned, out)
    raise typer.Exit(Exit.CONVERGED if tuned.status is Status.CONVERGED else Exit.NOT_CONVERGED)


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
        write_report(load_dataset(folder / RESULTS), folder / REPORT)
    Console().print(f"Wrote {folder / REPORT}")


def main() -> None:
    """Entry point of the console script; the only place that turns on double precision."""
    jax.config.update("jax_enable_x64", True)
    app()


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
