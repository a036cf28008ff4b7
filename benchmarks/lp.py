"""The linear programs of households: mfgamm's kernel against its peers.

Run `python -m benchmarks.lp --help`, or `python benchmarks/lp.py --help`.
"""

import argparse
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
if str(HERE.parent) not in sys.path:  # run as a file
    sys.path.insert(0, str(HERE.parent))

RESULTS = HERE / "results"
FIGURE = HERE.parent / "docs" / "figures" / "lp_scaling.svg"


def main(arguments: list[str] | None = None) -> int:
    options = _parse(arguments)
    if options.markdown:
        return _markdown(options)

    import jax

    jax.config.update("jax_enable_x64", True)

    from benchmarks.measurement import machine_facts

    # Before anything runs: the load is the others'.
    options.machine = machine_facts()
    for chosen, run in (
        ("curves", _curves),
        ("gradient", _gradient),
        ("gpu", _gpu),
        ("robustness", _robustness),
    ):
        if getattr(options, chosen):
            return run(options)
    return _compare(options)


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.lp",
        description="Linear programs of households: mfgamm against its peers. Without a mode: "
        "the same instances to every solver, warm, at equal accuracy, checked after the fact.",
    )
    modes = parser.add_mutually_exclusive_group()
    modes.add_argument("--curves", action="store_true", help="cost against T, m and N; a figure")
    modes.add_argument("--gradient", action="store_true", help="a gradient's cost against a solve")
    modes.add_argument("--gpu", action="store_true", help="large batches on a GPU")
    modes.add_argument("--robustness", type=int, metavar="N", help="N random instances")
    modes.add_argument("--markdown", type=Path, metavar="FILE", help="print a result as Markdown")
    parser.add_argument("--quick", action="store_true", help="few lanes, one or two minutes")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write the result")
    parser.add_argument("--peers", nargs="+", metavar="NAME", help="only these solvers")
    parser.add_argument("--lanes", type=int, metavar="N", help="this N for every solver")
    parser.add_argument("--steps", type=int, default=96, metavar="T")
    parser.add_argument("--devices", type=int, default=2, metavar="M")
    parser.add_argument("--own-prices", action="store_true", help="a price series per household")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--figure", type=Path, default=FIGURE, help="where the curves are drawn")
    return parser.parse_args(arguments)


def _compare(options) -> int:
    import dataclasses

    from benchmarks.comparison import FULL, QUICK, compare
    from benchmarks.instances import Recipe
    from benchmarks.peers import PEERS
    from benchmarks.table import cells, print_rows

    if unknown := set(options.peers or ()) - set(PEERS):
        print(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(PEERS)}", file=sys.stderr)
        return 2
    jobs = [j for j in (QUICK if options.quick else FULL) if j.peer in (options.peers or PEERS)]
    if options.lanes:
        jobs = {j.peer: dataclasses.replace(j, lanes=options.lanes) for j in jobs}.values()
    recipe = Recipe(1, options.steps, options.devices, options.seed, own_prices=options.own_prices)
    result = compare(
        tuple(jobs), recipe, options.repeats, lambda row: print(" · ".join(cells(row)), flush=True)
    )
    print_rows(result["rows"])
    print(
        f"The bound that every solver is held against is within {result['bound_to_highs']:.0e} of "
        f"HiGHS's optimum on {result['sample']} lanes."
    )
    _write(options, "lp-quick" if options.quick else "lp", result)
    return 0


def _curves(options) -> int:
    from benchmarks.curves import measure_curves

    _write(options, "lp-curves", measure_curves(options.quick, options.figure))
    return 0


def _gradient(options) -> int:
    from benchmarks.gradient import measure_gradient

    _write(options, "lp-gradient", measure_gradient(options.quick, options.repeats))
    return 0


def _gpu(options) -> int:
    from benchmarks.gpu import measure_gpu

    result = measure_gpu(options.quick, options.repeats)
    if result is None:
        print("No GPU: jax sees only", _devices(), "– install mfgamm[cuda] on a machine with one.")
        return 1
    _write(options, "lp-gpu", result)
    return 0


def _robustness(options) -> int:
    from benchmarks.robustness import measure_robustness

    result = measure_robustness(options.robustness, options.seed)
    _write(options, "lp-robustness", result)
    return 0 if result["sound"] else 1


def _markdown(options) -> int:
    import json

    from benchmarks.table import markdown

    print(markdown(json.loads(options.markdown.read_text("utf-8"))["rows"]))
    return 0


def _devices() -> str:
    import jax

    return ", ".join(str(device) for device in jax.devices())


def _write(options, name: str, result: dict) -> None:
    from benchmarks.table import write_json

    path = options.json or RESULTS / f"{name}.json"
    write_json(path, {"machine": options.machine, **result})
    print(f"Written to {path}.")


if __name__ == "__main__":
    sys.exit(main())
