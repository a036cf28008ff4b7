"""A study on the terminal: what is being solved, how it goes, what came out."""

import contextlib
import math
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import BarColumn, Progress as ProgressBar, TextColumn, TimeElapsedColumn
from rich.table import Table

from mfgamm.equilibrium import Progress
from mfgamm.scenario import Scenario, make_calendar
from mfgamm.scenario.schema import GeneratedClusters, NetworkClusters
from mfgamm.study.cluster_console import show_clusters
from mfgamm.study.summary import Summary
from mfgamm.study.wording import (
    bound,
    count,
    horizon,
    number,
    of_which_gain,
    percent,
    seconds,
)


def announce(console: Console, scenario: Scenario) -> None:
    """Say what is about to be solved.

    Raises:
        InvalidInput: if the horizon is no whole number of steps.
    """
    population, calendar = scenario.population, make_calendar(scenario.time)
    length = horizon(calendar.steps * calendar.step_hours / 24)
    console.print(f"[bold]{scenario.title}[/bold]")
    console.print(
        f"{count(population.size, 'household')}{_where(scenario)}, {length} of "
        f"{scenario.time.step_minutes}-minute steps, {scenario.market.curve} curve, "
        f"generation × {population.generation_scale:g}",
        style="dim",
    )


def _where(scenario: Scenario) -> str:
    match scenario.clusters:
        case None:
            return ""
        case GeneratedClusters(count=number_of):
            home = f"{number_of} clusters"
        case NetworkClusters():
            home = "clusters of a network"
        case _:
            home = "clusters of a table"
    return f" in {home} ({scenario.clusters.market}, α = {scenario.clusters.alpha:g})"


@contextlib.contextmanager
def track_rounds(
    console: Console, tolerance: float, what: str = "exploitability"
) -> Iterator[Callable[[Progress], None]]:
    """A progress bar that fills as the exploitability falls towards the tolerance."""
    columns = (
        TextColumn(f"{what}, {{task.description}}:"),
        BarColumn(bar_width=16),
        TextColumn("{task.fields[gap]}"),
        TimeElapsedColumn(),
    )
    with ProgressBar(*columns, console=console, transient=False) as bar:
        task = bar.add_task("compiling", total=1.0, gap="")
        first: list[float] = []

        def on_round(progress: Progress) -> None:
            first.append(progress.relative)
            bar.update(
                task,
                description=f"round {progress.round}",
                completed=fall(first[0], progress.best_relative, tolerance),
                gap=f"{percent(progress.relative)} (goal {percent(tolerance)})",
            )

        yield on_round


def fall(first: float, best: float, tolerance: float) -> float:
    """How much of the way from `first` to `tolerance` lies behind, on a logarithmic scale."""
    if best <= tolerance:
        return 1.0
    if not first > tolerance:
        return 0.0
    return max(0.0, math.log(first / best) / math.log(first / tolerance))


def show_summary(console: Console, summary: Summary) -> None:
    """Print who gains what, what the grid sees, and how sure we are."""
    console.print(_bills(summary))
    console.print(_grid(summary))
    if summary.clusters is not None:
        show_clusters(console, summary.clusters)
    prices = _prices(summary)
    if prices:
        console.print(prices)
    console.print(_verdict(summary))


def _bills(summary: Summary) -> Table:
    table = Table(title=f"Bills over {horizon(summary.days)}, €", title_justify="left")
    table.add_column("")
    for heading in ("households", "without community", "within", "gain", "gain per household-day"):
        table.add_column(heading, justify="right")
    for category in summary.categories:
        table.add_row(
            category.name,
            number(category.households),
            number(category.benchmark_bill_eur, 2),
            number(category.amm_bill_eur, 2),
            number(category.gain_eur, 2),
            number(category.gain_per_household_day_eur, 4),
        )
    table.add_section()
    table.add_row(
        "all",
        number(summary.households),
        number(summary.benchmark_bill_eur, 2),
        number(summary.amm_bill_eur, 2),
        number(summary.gain_eur, 2),
        number(summary.gain_eur / summary.households / summary.days, 4),
        style="bold",
    )
    if summary.operator_income_eur > 0:
        table.add_row("operator's fees", "", "", "", number(summary.operator_income_eur, 2), "")
    return table


def _grid(summary: Summary) -> Table:
    table = Table(title="Energy", title_justify="left")
    table.add_column("")
    table.add_column("without community", justify="right")
    table.add_column("within", justify="right")
    rows = (
        ("net import from the grid, kWh", "grid_import_kwh"),
        ("net export to the grid, kWh", "grid_export_kwh"),
        ("peak net import, kW", "peak_import_kw"),
    )
    for label, name in rows:
        table.add_row(
            label,
            number(getattr(summary, f"benchmark_{name}"), 1),
            number(getattr(summary, name), 1),
        )
    table.add_row("traded inside, kWh", "–", number(summary.traded_inside_kwh, 1))
    return table


def _prices(summary: Summary) -> str:
    if math.isnan(summary.mean_sell_price) or math.isnan(summary.mean_buy_price):
        return ""
    return (
        f"Mean prices: selling {number(summary.mean_sell_price, 4)} €/kWh, "
        f"buying {number(summary.mean_buy_price, 4)} €/kWh."
    )


def _verdict(summary: Summary) -> str:
    colour = "green" if summary.status == "converged" else "yellow"
    return (
        f"[{colour}]{summary.status}[/{colour}] after {count(summary.rounds, 'round')} and "
        f"{seconds(summary.wall_s)} (of which {seconds(summary.compile_s)} compiling): by "
        f"deviating, a household could save at most {bound(summary.exploitability_eur)} a day on "
        f"average, {percent(summary.exploitability_relative)} {of_which_gain(summary)}."
    )
