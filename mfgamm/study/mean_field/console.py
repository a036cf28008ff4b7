"""A mean field study on the terminal."""

import contextlib
from collections.abc import Iterator

from rich.console import Console
from rich.table import Table

from mfgamm.scenario import MeanFieldScenario, make_calendar
from mfgamm.study.mean_field.run import OnStage, StageProgress
from mfgamm.study.mean_field.summary import CONVERGED, MeanFieldSummary, WaySummary
from mfgamm.study.wording import (
    MISSING,
    change,
    count,
    horizon,
    number,
    percent,
    power_of_ten,
    seconds,
)


def announce_mean_field(console: Console, scenario: MeanFieldScenario) -> None:
    """Say what is about to be solved.

    Raises:
        InvalidInput: if the horizon is no whole number of steps.
    """
    calendar, clusters = make_calendar(scenario.time), scenario.clusters
    length = horizon(calendar.steps * calendar.step_hours / 24)
    console.print(f"[bold]{scenario.title}[/bold]")
    console.print(
        f"{clusters.count} clusters of {count(clusters.households, 'household')}, {length} of "
        f"{scenario.time.step_minutes}-minute steps, {scenario.market.pricing} prices, "
        f"α = {clusters.alpha:g}",
        style="dim",
    )


@contextlib.contextmanager
def track_stages(console: Console) -> Iterator[tuple[OnStage, OnStage]]:
    """What says after each temperature how far prices are, and what shows it in between."""
    with console.status("compiling") as status:

        def on_stage(progress: StageProgress) -> None:
            console.print(_words(progress), style="dim")

        def on_pause(progress: StageProgress) -> None:
            status.update(_words(progress))

        yield on_stage, on_pause


def _words(progress: StageProgress) -> str:
    grid = "coarse grid" if progress.coarse else "grid"
    return (
        f"{progress.mode}, {grid}, temperature {progress.temperature:g} €: prices agree to "
        f"{power_of_ten(progress.residual, '€/kWh')} after "
        f"{count(progress.iterations, 'iteration')}"
    )


def show_mean_field(console: Console, summary: MeanFieldSummary) -> None:
    """Print what a household pays in each way to trade."""
    table = Table(title="The generic household, € per day", title_justify="left")
    table.add_column("")
    for heading in ("cost", "change", "published", "change", "operators' income", "exploitability"):
        table.add_column(heading, justify="right")
    alone = summary.ways[0]
    for way in summary.ways:
        table.add_row(*_row(way, alone))
    console.print(table)
    for way in summary.ways[1:]:
        if way.status != CONVERGED:
            residual = power_of_ten(way.price_residual, "€/kWh")
            console.print(f"[yellow]{way.name}: {way.status}[/yellow], prices agree to {residual}")
    for name in summary.unreached:
        console.print(f"[yellow]{name}: not reached[/yellow]")
    console.print(
        f"{seconds(summary.wall_s)}, of which {seconds(summary.compile_s)} compiling", style="dim"
    )


def _row(way: WaySummary, alone: WaySummary) -> list[str]:
    published = changed = MISSING
    if way.published is not None and alone.published is not None:
        published = number(way.published, 2)
        changed = MISSING if way is alone else change(alone.published, way.published)
    exploitability = MISSING
    if way is not alone:
        exploitability = f"{number(way.exploitability, 4)} ({percent(way.share_of_cost)})"
    return [
        way.name,
        number(way.cost, 3),
        MISSING if way is alone else change(alone.cost, way.cost),
        published,
        changed,
        number(way.operators_income, 3),
        exploitability,
    ]
