"""A study on the terminal: what is being solved, how it goes, what came out."""

import contextlib
import math
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import BarColumn, Progress as ProgressBar, TextColumn, TimeElapsedColumn
from rich.table import Table

from mfgamm.equilibrium import Progress
from mfgamm.scenario import Scenario
from mfgamm.study.summary import Summary


def announce(console: Console, scenario: Scenario) -> None:
    """Say what is about to be solved."""
    population = scenario.population
    console.print(f"[bold]{scenario.title}[/bold]")
    console.print(
        f"{population.size:,} households, {scenario.time.days} day(s) of "
        f"{scenario.time.step_minutes}-minute steps, {scenario.market.curve} curve, "
        f"generation × {population.generation_scale:g}",
        style="dim",
    )


@contextlib.contextmanager
def track_rounds(console: Console, tolerance: float) -> Iterator[Callable[[Progress], None]]:
    """A progress bar that fills as the exploitability falls towards the tolerance."""
    columns = (
        TextColumn("exploitability, {task.description}:"),
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
                gap=f"{100 * progress.relative:.2g} % of the gain (goal {100 * tolerance:g} %)",
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
    prices = _prices(summary)
    if prices:
        console.print(prices)
    console.print(_verdict(summary))


def _bills(summary: Summary) -> Table:
    table = Table(title=f"Bills over {summary.days:g} day(s), €", title_justify="left")
    table.add_column("")
    for heading in ("households", "without community", "within", "gain", "gain per household-day"):
        table.add_column(heading, justify="right")
    for category in summary.categories:
        table.add_row(
            category.name,
            f"{category.households:,.0f}",
            f"{category.benchmark_bill_eur:,.2f}",
            f"{category.amm_bill_eur:,.2f}",
            f"{category.gain_eur:,.2f}",
            f"{category.gain_per_household_day_eur:.4f}",
        )
    table.add_section()
    table.add_row(
        "all",
        f"{summary.households:,.0f}",
        f"{summary.benchmark_bill_eur:,.2f}",
        f"{summary.amm_bill_eur:,.2f}",
        f"{summary.gain_eur:,.2f}",
        f"{summary.gain_eur / summary.households / summary.days:.4f}",
        style="bold",
    )
    if summary.operator_income_eur > 0:
        table.add_row("operator's fees", "", "", "", f"{summary.operator_income_eur:,.2f}", "")
    return table


def _grid(summary: Summary) -> Table:
    table = Table(title="Energy", title_justify="left")
    table.add_column("")
    table.add_column("without community", justify="right")
    table.add_column("within", justify="right")
    rows = (
        ("import from the grid, kWh", "grid_import_kwh"),
        ("export to the grid, kWh", "grid_export_kwh"),
        ("peak import, kW", "peak_import_kw"),
    )
    for label, name in rows:
        table.add_row(
            label,
            f"{getattr(summary, f'benchmark_{name}'):,.1f}",
            f"{getattr(summary, name):,.1f}",
        )
    table.add_row("traded inside, kWh", "–", f"{summary.traded_inside_kwh:,.1f}")
    return table


def _prices(summary: Summary) -> str:
    if math.isnan(summary.mean_sell_price) or math.isnan(summary.mean_buy_price):
        return ""
    return (
        f"Mean prices: selling {summary.mean_sell_price:.4f} €/kWh, "
        f"buying {summary.mean_buy_price:.4f} €/kWh."
    )


def _verdict(summary: Summary) -> str:
    colour = "green" if summary.status == "converged" else "yellow"
    return (
        f"[{colour}]{summary.status}[/{colour}] after {summary.rounds} rounds and "
        f"{summary.wall_s:.1f} s (of which {summary.compile_s:.1f} s compiling): by deviating, a "
        f"household could save {summary.exploitability_eur:.2e} € a day on average, "
        f"{100 * summary.exploitability_relative:.2g} % of the gain."
    )
