"""How long the equilibrium of coupled clusters takes, by their number and by the types in each.

    python -m benchmarks.clusters [--quick] [--json PATH]

The built-in scenario `clusters-100` with fewer clusters, or with fewer types that stand for as many
households, each in a process of its own: seconds from the scenario to the certificate, compilation
included, rounds, exploitability relative to the gain, and peak memory.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
if str(HERE.parent) not in sys.path:  # run as a file
    sys.path.insert(0, str(HERE.parent))

RESULTS = HERE / "results"
HOUSEHOLDS = 200  # in each cluster
# Clusters, and types in each.
SIZES = ((10, 20), (30, 20), (100, 5), (100, 20))
QUICK = ((4, 5),)


def main() -> int:
    options = _parse()
    if options.one:
        print(json.dumps(solve(*options.one)))
        return 0

    from benchmarks.measurement import machine_facts
    from benchmarks.table import write_json

    print("| clusters | types | seconds | rounds | relative exploitability | status | peak, GB |")
    print("|---|---|---|---|---|---|---|")
    rows = []
    for size in QUICK if options.quick else SIZES:
        command = [sys.executable, "-m", "benchmarks.clusters", "--one", *map(str, size)]
        answer = subprocess.run(
            command, check=True, capture_output=True, text=True, cwd=HERE.parent
        )
        rows.append(json.loads(answer.stdout.splitlines()[-1]))
        print(_line(rows[-1]), flush=True)
    path = options.json or RESULTS / "clusters.json"
    write_json(path, {"machine": machine_facts(), "rows": rows})
    print(f"\nWritten to {path}.")
    return 0


def solve(clusters: int, types: int) -> dict:
    """One line of the table."""
    import jax

    jax.config.update("jax_enable_x64", True)

    from benchmarks.measurement import peak_memory_mb
    from mfgamm import solve_equilibrium
    from mfgamm.scenario import build_community, build_solver, load_scenario

    began = time.perf_counter()
    scenario = load_scenario(
        "clusters-100",
        {
            "clusters.count": clusters,
            "clusters.types_per_cluster": types,
            "population.size": HOUSEHOLDS * clusters,
        },
    )
    community = build_community(scenario)
    found = solve_equilibrium(
        community,
        build_solver(scenario),
        tolerance=scenario.solver.tolerance,
        max_rounds=scenario.solver.max_rounds,
        throw=False,
    )
    return {
        "clusters": clusters,
        "types": clusters * types,
        "seconds": time.perf_counter() - began,
        "rounds": int(found.history.exploitability.size),
        "relative": float(found.certificate.relative),
        "status": found.outcome.label,
        "peak_gb": peak_memory_mb() / 1e3,
    }


def _line(row: dict) -> str:
    return (
        f"| {row['clusters']} | {row['types']:,} | {row['seconds']:.0f} | {row['rounds']} "
        f"| {row['relative']:.1e} | {row['status']} | {row['peak_gb']:.1f} |"
    )


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few clusters, to see that it runs")
    parser.add_argument("--json", type=Path, help="file for the figures measured")
    parser.add_argument("--one", type=int, nargs=2, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
