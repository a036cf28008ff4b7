"""What stands beside a solve: a gradient through it, and the AMM paper's own pipeline."""

import statistics
import time
from collections.abc import Iterator

import equinox as eqx
import jax
import jax.numpy as jnp

from benchmarks.equilibrium_judge import judged
from benchmarks.equilibrium_paper import measure_paper
from mfgamm import Community, solve_equilibrium
from mfgamm.core import NotConverged, one_blas_thread
from mfgamm.equilibrium import (
    Game,
    Smoothing,
    polish,
    smoothed_outcome,
    without_community,
)
from mfgamm.equilibrium.continuation import smoothed_equilibrium
from mfgamm.planner import run_pipeline
from mfgamm.scenario import build_community, load_scenario

TOLERANCE, REPEATS = 1e-4, 3
SIZES, QUICK_SIZES = (200, 1000), (64,)
CURVES = ("mid-market", "hyperbolic")


def measure_costs(options) -> Iterator[dict]:
    """Warm seconds of a solve, of a gradient in every number of the game, and of the pipelines."""
    for size in options.sizes or (QUICK_SIZES if options.quick else SIZES):
        for curve in options.curves or CURVES:
            settings = [f"population.size={size}", f"market.curve={curve}"]
            community = build_community(load_scenario("paris-summer", settings))
            yield {"community": curve, "types": size, **_costs(community)}


def _costs(community: Community) -> dict:
    found = solve_equilibrium(community, tolerance=TOLERANCE)
    return {
        "steps": community.population.steps,
        "tolerance": TOLERANCE,
        "solve_s": _warm(lambda: solve_equilibrium(community, tolerance=TOLERANCE)),
        "gain_eur_per_day": float(found.certificate.gain),
        **_gradient(community),
        **_pipelines(community),
        **measure_paper(community),
    }


def describe(row: dict) -> str:
    """A row in words."""
    lines = [
        f"{row['community']}, {row['types']:,} types",
        f"solve to a relative exploitability of {row['tolerance']:.0e}: {row['solve_s']:.2f} s",
        f"a bill at a smoothed equilibrium: {row['value_s']:.3f} s, with its gradient in "
        f"{row['numbers']:,} numbers {row['value_and_gradient_s']:.3f} s; a finite difference in "
        f"one of them takes two polishes of {row['polish_s']:.3f} s",
        *(_pipeline_described(row, name) for name in ("pipeline", "individual")),
    ]
    paper = f"three types and the paper's program, in {row['paper_status']}"
    if "paper_s" in row:
        paper += (
            f": {row['paper_s']:.2f} s, of which the program {row['paper_program_s']:.2f} s"
            f"{_judgement(row, 'paper')}; the program's optimum is "
            f"{row['paper_program_difference_eur']:.0e} € from mfgamm's"
        )
    return "\n  ".join([*lines, paper])


def _pipeline_described(row: dict, name: str) -> str:
    if f"{name}_s" not in row:
        return f"the paper's pipeline, in mfgamm ({name}): {row[f'{name}_status']}"
    return (
        f"the paper's pipeline, in mfgamm, {row[f'{name}_bins']:,} bins: "
        f"{row[f'{name}_s']:.2f} s{_judgement(row, name)}"
    )


def _judgement(row: dict, name: str) -> str:
    gain, exploitability = (row[f"{name}_{key}_eur_per_day"] for key in ("gain", "exploitability"))
    return (
        f", gain {gain:.3f} € a household-day (in equilibrium {row['gain_eur_per_day']:.3f} €), "
        f"exploitability {exploitability:.3f} €"
    )


def _gradient(community: Community) -> dict:
    benchmark = without_community(community)
    game = Game(community.population.types, community.market, benchmark.cost)
    smoothing = Smoothing(jnp.asarray(1e-5), jnp.asarray(1e-4))
    point = smoothed_equilibrium(game, benchmark.plan, smoothing)

    def bill(game):
        return game.types.weights @ smoothed_outcome(game, point, smoothing).cost

    value, both = eqx.filter_jit(bill), eqx.filter_jit(eqx.filter_value_and_grad(bill))
    with one_blas_thread():
        plain = _warm(lambda: jax.block_until_ready(value(game)))
        whole = _warm(lambda: jax.block_until_ready(both(game)))
    numbers = sum(leaf.size for leaf in [*jax.tree.leaves(game.types), game.market.tariff.retail])
    return {
        "value_s": plain,
        "value_and_gradient_s": whole,
        "polish_s": _warm(lambda: polish(game, point, smoothing)),
        "numbers": numbers,
    }


def _pipelines(community: Community) -> dict:
    """The paper's pipeline in mfgamm's words: with its bins, and with a bin for every household."""
    individual = {"bank_size": 24, "depth_levels": community.population.size}
    return _pipeline(community, "pipeline") | _pipeline(community, "individual", **individual)


def _pipeline(community: Community, name: str, **settings: int) -> dict:
    try:
        run_pipeline(community.population, community.market, **settings)
    except NotConverged as error:
        return {f"{name}_status": str(error)}
    begin = time.perf_counter()
    result = run_pipeline(community.population, community.market, **settings)
    seconds = time.perf_counter() - begin
    found = judged(community, result.plan) | {"s": seconds, "bins": result.bins.mass.size}
    return {f"{name}_status": "done", **{f"{name}_{key}": each for key, each in found.items()}}


def _warm(run) -> float:
    run()
    seconds = []
    for _ in range(REPEATS):
        begin = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - begin)
    return statistics.median(seconds)
