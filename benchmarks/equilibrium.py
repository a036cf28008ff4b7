"""Equilibria of communities: how fast and how exactly each solver finds them.

Run `python -m benchmarks.equilibrium --help`, or `python benchmarks/equilibrium.py --help`.
"""

import argparse
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
# Run as a file; and the oracles that check the claims live with the tests.
for folder in (HERE.parent, HERE.parent / "tests"):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))

SOLVERS = ("column-generation", "path-following", "fictitious-play")
RESULTS = HERE / "results"


def main(arguments: list[str] | None = None) -> int:
    options = _parse(arguments)

    import jax

    jax.config.update("jax_enable_x64", True)

    from benchmarks.equilibrium_runs import measure_random, measure_scenario, print_runs
    from benchmarks.measurement import machine_facts
    from benchmarks.table import write_json

    # Before anything runs: the load is the others'.
    machine = machine_facts()
    if options.costs:
        return _costs(options, machine)
    if options.random:
        name, rows = "equilibrium-random", measure_random(options)
    else:
        name, rows = "equilibrium", measure_scenario(options)
    print_runs(rows)
    path = options.json or RESULTS / f"{name}{'-quick' if options.quick else ''}.json"
    write_json(path, {"machine": machine, "rows": rows})
    print(f"Written to {path}.")
    return 0 if all(row["confirmed"] for row in rows) else 1


def _costs(options, machine) -> int:
    from benchmarks.equilibrium_costs import measure_costs
    from benchmarks.table import write_json

    size = (options.sizes or [64 if options.quick else 1000])[0]
    rows = [measure_costs(size, curve) for curve in options.curves]
    path = options.json or RESULTS / "equilibrium-costs.json"
    write_json(path, {"machine": machine, "rows": rows})
    print(f"Written to {path}.")
    return 0


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.equilibrium",
        description="Equilibria of the built-in summer's day near Paris, by every solver, warm, "
        "each household's claim on a sample checked by HiGHS.",
    )
    parser.add_argument("--random", type=int, metavar="N", help="N random communities instead")
    parser.add_argument(
        "--costs", action="store_true", help="of a gradient; of the paper's pipeline"
    )
    parser.add_argument("--quick", action="store_true", help="small communities, about a minute")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write the result")
    parser.add_argument("--solvers", nargs="+", choices=SOLVERS, default=SOLVERS)
    parser.add_argument("--curves", nargs="+", default=["mid-market", "hyperbolic"])
    parser.add_argument("--sizes", type=int, nargs="+", metavar="N", help="numbers of types")
    parser.add_argument("--tolerance", type=float, default=1e-6, help="relative exploitability")
    parser.add_argument("--limit", type=float, default=120.0, help="seconds that a search may take")
    parser.add_argument("--seed", type=int, default=0, help="of the random communities")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
