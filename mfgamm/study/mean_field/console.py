"""A mean field study on the terminal."""

import contextlib
from collections.abc import Iterator

from rich.console import Console
from rich.table import Table

from mfgamm.fixed_point import FixedPoint
from mfgamm.scenario import MeanFieldScenario, Mode, make_calendar
from mfgamm.study.mean_field.run import OnStage
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
def track_stages(console: Console) -> Iterator[OnStage]:
    """Say after each temperature how far prices are."""
    with console.status("compiling"):

        def on_stage(mode: Mode, coarse: bool, temperature: float, found: FixedPoint) -> None:
            grid = "coarse grid" if coarse else "grid"
            console.print(
                f"{mode}, {grid}, temperature {temperature:g} €: prices agree to "
                f"{power_of_ten(float(found.certificate), '€/kWh')} after "
                f"{count(int(found.iterations), 'iteration')}",
                style="dim",
            )

        yield on_stage


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
