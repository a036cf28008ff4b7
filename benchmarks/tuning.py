"""Is a tuned curve better than the fixed ones, on days and households that it was not tuned on?

A learned curve (any nondecreasing schedule on its grid) is tuned on a few days, each with
households of its own, and judged on others, beside every fixed curve, the anchors at the ends of
the tariff, and the best linear anchor, tuned alike. The objective is what the community pays the
grid ("cost", the planner's objective) unless another is asked for. Curves split on given plans
what is gained; that costs differ is because households plan differently.

All figures are of exact equilibria, each with its exploitability. Where the game has several, it
is the one that the central path leads to.

Run `python -m benchmarks.tuning --help`.
"""

import argparse
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
if str(HERE.parent) not in sys.path:  # run as a file
    sys.path.insert(0, str(HERE.parent))

RESULTS = HERE / "results"
# Seed of the households, and day.
TRAINING = ((1, "2023-07-12"), (2, "2023-06-20"), (3, "2023-05-15"))
UNSEEN = (
    (11, "2023-07-25"),
    (12, "2023-06-05"),
    (13, "2023-08-15"),
    (14, "2023-04-20"),
    (15, "2023-09-10"),
    (16, "2023-05-28"),
)
HEADINGS = ("curve", "axioms", "tuned on", "unseen", "days won", "worst exploitability")


def main(arguments: list[str] | None = None) -> int:
    options = _parse(arguments)

    import jax

    jax.config.update("jax_enable_x64", True)

    from benchmarks.measurement import machine_facts
    from benchmarks.table import write_json

    machine = machine_facts()
    training, unseen = (_communities(days, options) for days in (TRAINING, UNSEEN))
    curves = _fixed(training[0].market.tariff)
    began = time.perf_counter()
    curves |= _tuned(training, options)
    seconds = time.perf_counter() - began
    rows = [_judged(name, curve, training, unseen, options) for name, curve in curves.items()]
    _count_wins(rows)
    print(markdown(rows))
    print(f"\nObjective: {options.objective}, small is good; tuning took {seconds:.0f} s.")
    chosen = {name: getattr(options, name) for name in ("size", "minutes", "objective", "steps")}
    path = options.json or RESULTS / "tuning.json"
    write_json(path, {"machine": machine, **chosen, "tuning_s": seconds, "rows": rows})
    print(f"Written to {path}.")
    return 0


def markdown(rows: list[dict]) -> str:
    """The rows as a table; wins are days on which no other curve does better."""
    lines = [HEADINGS, ["---"] * len(HEADINGS), *map(_cells, rows)]
    table = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    learned = next(row for row in rows if row["curve"] == "learned")
    beaten_by = [
        f"day {k + 1} to {row['curve']} by {lost:.4f}"
        for row in rows
        for k, (own, other) in enumerate(zip(learned["unseen"], row["unseen"], strict=True))
        if (lost := own - other) > 0
    ]
    losses = "; ".join(beaten_by) if beaten_by else "none"
    return f"{table}\n\nUnseen days that the learned curve loses: {losses}."


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.tuning",
        description="A tuned curve beside fixed ones, on days that it was not tuned on.",
    )
    parser.add_argument("--size", type=int, default=100, metavar="N", help="households")
    parser.add_argument("--minutes", type=int, default=15, help="length of a step")
    parser.add_argument("--objective", default="cost", help="cost, worst-category, gini …")
    parser.add_argument("--steps", type=int, default=60, help="of the tuning, at most")
    parser.add_argument("--cells", type=int, default=8, help="of the learned curve's grid")
    parser.add_argument("--quick", action="store_true", help="a small community, few steps")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write the result")
    options = parser.parse_args(arguments)
    if options.quick:
        options.size, options.minutes, options.steps = 20, 60, 15
    return options


def _communities(days, options):
    from mfgamm.scenario import build_community, load_scenario

    common = [f"population.size={options.size}", f"time.step_minutes={options.minutes}"]
    return [
        build_community(load_scenario("paris-summer", [*common, f"seed={s}", f"time.start={day}"]))
        for s, day in days
    ]


def _fixed(tariff) -> dict:
    from mfgamm.amm import Linear, curve_by_name

    named = {name: curve_by_name(name) for name in ("mid-market", "geometric", "hyperbolic")}
    anchors = {
        "all to buyers": Linear.at(tariff.feed_in),
        "all to sellers": Linear.at(tariff.retail),
    }
    return named | anchors


def _tuned(training, options) -> dict:
    from mfgamm.tuning import Anchor, LearnedCurve, Objective, Schedule, tune

    objective = Objective((options.objective,), [1.0])
    schedule = Schedule(steps=options.steps)
    knobs = {"best anchor": Anchor(), "learned": LearnedCurve(options.cells)}
    tuned = {}
    for name, knob in knobs.items():
        result = tune(training, {"curve": knob}, objective, schedule)
        losses = result.history.loss
        print(
            f"{name}: {losses[0]:.4f} at first, {losses.min():.4f} at best of {losses.size} steps, "
            f"{int(result.history.fresh.sum())} paths followed anew; {result.value['curve']}"
        )
        tuned[name] = result.market.curve
    return tuned


def _judged(name: str, curve, training, unseen, options) -> dict:
    from mfgamm.amm import audit

    values, exploitabilities = [], []
    for community in (*training, *unseen):
        value, exploitability = _worth(curve, community, options.objective)
        values.append(value)
        exploitabilities.append(exploitability)
    return {
        "curve": name,
        "axioms": audit(curve, training[0].market.tariff).passed,
        "training": values[: len(training)],
        "unseen": values[len(training) :],
        "exploitability": max(exploitabilities),
    }


def _worth(curve, community, objective: str) -> tuple[float, float]:
    """The objective in equilibrium, and the equilibrium's relative exploitability."""
    from mfgamm import Community, CommunityMarket
    from mfgamm.tuning import Objective, judge

    market = CommunityMarket(curve, community.market.tariff)
    metrics, certificate = judge(Community(community.population, market))
    terms = Objective((objective,), [1.0]).terms(metrics, community.population.types.weights)
    return float(terms[0]), float(certificate.relative)


def _count_wins(rows: list[dict]) -> None:
    best = [min(values) for values in zip(*(row["unseen"] for row in rows), strict=True)]
    for row in rows:
        row["won"] = sum(own <= least for own, least in zip(row["unseen"], best, strict=True))


def _cells(row: dict) -> list[str]:
    means = [sum(row[key]) / len(row[key]) for key in ("training", "unseen")]
    return [
        row["curve"],
        "all hold" if row["axioms"] else "violated",
        *(f"{mean:.4f}" for mean in means),
        f"{row['won']} of {len(row['unseen'])}",
        f"{row['exploitability']:.0e}",
    ]


if __name__ == "__main__":
    raise SystemExit(main())
