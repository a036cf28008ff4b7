"""Clusters on the terminal: three ways to trade, the network's books, who gains most and least."""

from rich.console import Console
from rich.table import Table

from mfgamm.study.cluster_summary import ClustersSummary, ClusterSummary
from mfgamm.study.wording import number, percent


def show_clusters(console: Console, summary: ClustersSummary) -> None:
    """Print what clusters gain, on their own and together, and what is left in between."""
    console.print(_modes(summary))
    if summary.own_status not in (None, "converged"):
        gap = percent(summary.own_exploitability_relative)
        console.print(f"[yellow]own cluster: {summary.own_status}[/yellow], exploitability {gap}")
    if summary.market != "own":
        console.print(_network(summary))
    console.print(_gains(summary))


def _modes(summary: ClustersSummary) -> Table:
    table = Table(title="The same households, re-optimised", title_justify="left")
    table.add_column("")
    for heading in ("bill, €", "gain per household-day", "operators' income, €", "network's, €"):
        table.add_column(heading, justify="right")
    for mode in summary.modes:
        table.add_row(
            mode.name,
            number(mode.bill_eur, 2),
            number(mode.gain_per_household_day_eur, 4),
            number(mode.operators_income_eur, 2),
            number(mode.network_income_eur, 2),
        )
    return table


def _network(summary: ClustersSummary) -> Table:
    table = Table(title="The network between clusters", title_justify="left", show_header=False)
    table.add_column("")
    table.add_column("", justify="right")
    for label, value in (
        ("clusters' sales to others, kWh", summary.sales_kwh),
        ("clusters' purchases from others, kWh", summary.purchases_kwh),
        ("made up by import from the grid, kWh", summary.network_grid_import_kwh),
        ("made up by export to the grid, kWh", summary.network_grid_export_kwh),
        ("left in money, €", summary.network_income_eur),
    ):
        table.add_row(label, number(value, 1))
    return table


def _gains(summary: ClustersSummary) -> Table:
    table = Table(title="Clusters, € per household-day", title_justify="left")
    table.add_column("")
    for heading in ("cluster", "households", "gain", "own cluster", "mean sell price", "buy price"):
        table.add_column(heading, justify="left" if heading == "cluster" else "right")
    ranked = summary.inhabited
    places = {"best": 0, "median": len(ranked) // 2, "worst": len(ranked) - 1}
    for label, place in places.items():
        table.add_row(label, *_row(ranked[place]))
    return table


def _row(cluster: ClusterSummary) -> list[str]:
    return [
        cluster.name,
        number(cluster.households),
        number(cluster.gain_eur, 4),
        number(cluster.own_gain_eur, 4),
        number(cluster.mean_sell_price, 4),
        number(cluster.mean_buy_price, 4),
    ]
