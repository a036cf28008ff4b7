"""A comparison's rows as a table: one line per solver, for the terminal or for the docs."""

import json
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

HEADINGS = (
    "solver",
    "batching",
    "N",
    "LP/s",
    "compile s",
    "iterations",
    "worst gap",
    "worst violation",
    "unsolved",
    "peak MB",
    "cores",
    "status",
)


def print_rows(rows: list[dict], console: Console | None = None) -> None:
    """Print the rows, the fastest per batch size first as given."""
    table = Table(box=box.SIMPLE, pad_edge=False)
    for heading in HEADINGS:
        text = heading in ("solver", "batching", "status")
        table.add_column(heading, justify="left" if text else "right", overflow="fold")
    for row in rows:
        table.add_row(*cells(row))
    (console or Console(width=170)).print(table)


def markdown(rows: list[dict]) -> str:
    """The same table in Markdown."""
    lines = [HEADINGS, ["---"] * len(HEADINGS), *(cells(row) for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def cells(row: dict) -> list[str]:
    """A row in words, in the order of `HEADINGS`; "–" for what was not measured."""
    name = " ".join(str(row[key]) for key in ("solver", "version") if row.get(key))
    mean, most = row.get("iterations_mean"), row.get("iterations_max")
    return [
        name if row.get("dtype", "float64") in (None, "float64") else f"{name}, {row['dtype']}",
        row.get("batching", ""),
        f"{row['n']:,}",
        _number(row.get("households_per_second"), ",.0f", small=",.2g"),
        _number(row.get("compile_s"), ".1f"),
        "–" if mean is None else f"{mean:,.1f} (max {most:,})",
        _number(row.get("relative_gap_max"), ".0e"),
        _number(row.get("violation_max"), ".0e"),
        _number(row.get("unsolved"), "d"),
        _number(row.get("peak_rss_mb"), ",.0f"),
        _number(row.get("cores_busy"), ".1f"),
        row["status"],
    ]


def _number(value, form: str, small: str | None = None) -> str:
    if value is None:
        return "–"
    return format(value, small if small and value < 10 else form)


def write_json(path: Path, content: dict) -> None:
    """Write a result with its machine facts, readable by people too."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", "utf-8")
