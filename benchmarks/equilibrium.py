"""Equilibria of communities: how fast and how exactly each solver finds them.

Run `python -m benchmarks.equilibrium --help`, or `python benchmarks/equilibrium.py --help`.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
# Run as a file; and the oracles that check the claims live with the tests.
for folder in (HERE.parent, HERE.parent / "tests"):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))

EXACT = ("column-generation", "path-following")
# These take their time; fictitious play does not get beyond a fraction of a per cent.
SOLVERS = (*EXACT, "fictitious-play", "extragradient")
RESULTS = HERE / "results"


def main(arguments: list[str] | None = None) -> int:
    options = _parse(arguments)
    if options.markdown:
        return _markdown(options.markdown)

    import jax

    jax.config.update("jax_enable_x64", True)

    from benchmarks.measurement import machine_facts

    # Before anything runs: the load is the others'.
    options.machine = machine_facts()
    if options.costs:
        return _costs(options)
    if options.agreement:
        return _agreement(options)
    return _searches(options)


def _searches(options) -> int:
    from benchmarks import equilibrium_runs
    from benchmarks.equilibrium_runs import cells, print_runs

    name, measure = "equilibrium", equilibrium_runs.measure_scenario
    if options.random:
        name, measure = "equilibrium-random", equilibrium_runs.measure_random
    elif options.paris:
        name, measure = "equilibrium-paris", equilibrium_runs.measure_paris
    measured = measure(options)
    rows = _kept(options, name, measured, lambda row: " · ".join(cells(row)))
    print_runs(rows)
    return 0 if all(row["confirmed"] for row in rows) else 1


def _costs(options) -> int:
    from benchmarks.equilibrium_costs import describe, measure_costs

    _kept(options, "equilibrium-costs", measure_costs(options), describe)
    return 0


def _agreement(options) -> int:
    from benchmarks.equilibrium_agreement import cells, markdown, measure_agreement

    measured = measure_agreement(options)
    rows = _kept(options, "equilibrium-agreement", measured, lambda row: " · ".join(cells(row)))
    print(markdown(rows))
    return 0 if all(row["converged"] for row in rows) else 1


def _markdown(path: Path) -> int:
    from benchmarks import equilibrium_agreement, equilibrium_runs

    rows = json.loads(path.read_text("utf-8"))["rows"]
    searches = "seconds_to" in rows[0]
    print((equilibrium_runs if searches else equilibrium_agreement).markdown(rows))
    return 0


def _kept(options, name: str, measured: Iterator[dict], describe: Callable) -> list[dict]:
    """All rows, each printed and written as it comes: a run cut short leaves what it had."""
    from benchmarks.table import write_json

    path = options.json or RESULTS / f"{name}{'-quick' if options.quick else ''}.json"
    rows = []
    for row in measured:
        rows.append(row)
        print(describe(row), flush=True)
        write_json(path, {"machine": options.machine, "rows": rows})
    print(f"Written to {path}.")
    return rows


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.equilibrium",
        description="Equilibria of the built-in summer's day near Paris, by exact solvers, warm, "
        "each household's claim on a sample checked by HiGHS.",
    )
    modes = parser.add_mutually_exclusive_group()
    modes.add_argument("--random", type=int, metavar="N", help="N random communities instead")
    modes.add_argument(
        "--paris", action="store_true", help="recorded curves, in the folder $MFGAMM_PARIS_DATA"
    )
    modes.add_argument(
        "--costs", action="store_true", help="of a gradient; of the paper's pipeline, in CVXPY too"
    )
    modes.add_argument(
        "--agreement", action="store_true", help="do two solvers find the same prices?"
    )
    modes.add_argument(
        "--markdown",
        type=Path,
        metavar="FILE",
        help="print a result of --agreement, or of searches, as Markdown",
    )
    parser.add_argument("--quick", action="store_true", help="small communities, about a minute")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write the result")
    parser.add_argument("--solvers", nargs="+", choices=SOLVERS, default=EXACT)
    parser.add_argument("--curves", nargs="+", metavar="NAME", help="bonding curves, by name")
    parser.add_argument("--sizes", type=int, nargs="+", metavar="N", help="numbers of types")
    parser.add_argument("--tolerance", type=float, default=1e-6, help="relative exploitability")
    parser.add_argument("--limit", type=float, default=100.0, help="seconds that a search may take")
    parser.add_argument("--seed", type=int, default=0, help="of the random communities")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
