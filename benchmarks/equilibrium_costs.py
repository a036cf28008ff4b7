"""What stands beside a solve: a gradient through it, and the AMM paper's own pipeline."""

import statistics
import time

import equinox as eqx
import jax
import jax.numpy as jnp

from mfgamm import solve_equilibrium
from mfgamm.core import one_blas_thread
from mfgamm.equilibrium import (
    Game,
    Smoothing,
    certify,
    polish,
    smoothed_outcome,
    without_community,
)
from mfgamm.equilibrium.continuation import smoothed_equilibrium
from mfgamm.lp import InteriorPoint
from mfgamm.planner import run_pipeline
from mfgamm.prosumer import respond
from mfgamm.scenario import build_community, load_scenario

SMOOTHING = Smoothing(jnp.asarray(1e-5), jnp.asarray(1e-4))
TOLERANCE, REPEATS = 1e-4, 3


def measure_costs(size: int, curve: str) -> dict:
    """Warm seconds of a solve, of a gradient in every number of the game, and of the pipeline."""
    settings = [f"population.size={size}", f"market.curve={curve}"]
    community = build_community(load_scenario("paris-summer", settings))
    row = {"community": curve, "types": size, "steps": community.population.steps}
    row["solve_s"] = _warm(lambda: solve_equilibrium(community, tolerance=TOLERANCE))
    row |= _gradient(community) | _pipeline(community)
    print(
        f"{curve}, {size:,} types: solve to {TOLERANCE:.0e} {row['solve_s']:.2f} s; gradient "
        f"{row['gradient_s']:.3f} s, polish {row['polish_s']:.2f} s (finite differences: two "
        f"polishes for each of {row['numbers']:,} numbers); the paper's pipeline "
        f"{row['pipeline_s']:.1f} s to relative exploitability {row['pipeline_relative']:.1e}",
        flush=True,
    )
    return row


def _gradient(community) -> dict:
    benchmark = without_community(community)
    game = Game(community.population.types, community.market, benchmark.cost)
    point = smoothed_equilibrium(game, benchmark.plan, SMOOTHING)

    def bill(game):
        return game.types.weights @ smoothed_outcome(game, point, SMOOTHING).cost

    value, both = eqx.filter_jit(bill), eqx.filter_jit(eqx.filter_value_and_grad(bill))
    with one_blas_thread():
        plain = _warm(lambda: jax.block_until_ready(value(game)))
        whole = _warm(lambda: jax.block_until_ready(both(game)))
    numbers = sum(leaf.size for leaf in [*jax.tree.leaves(game.types), game.market.tariff.retail])
    return {
        "gradient_s": whole - plain,
        "polish_s": _warm(lambda: polish(game, point, SMOOTHING)),
        "numbers": numbers,
    }


def _pipeline(community) -> dict:
    """The paper's pipeline on the same households, judged by the same certificate."""
    population, market = community.population, community.market
    begin = time.perf_counter()
    plan = run_pipeline(population, market).plan
    seconds = time.perf_counter() - begin
    types = population.types
    game = Game(types, market, without_community(community).cost)
    prices = market.prices(types.flows(plan))
    books = market.settle(plan.sell, plan.buy, types.weights, types.step_hours)
    best = respond(types, prices, InteriorPoint()).certificate
    certificate = certify(game, plan, prices, books, best)
    return {
        "pipeline_s": seconds,
        "pipeline_relative": float(certificate.relative),
        "pipeline_exploitability_eur_per_day": float(certificate.exploitability),
        "pipeline_gain_eur_per_day": float(certificate.gain),
    }


def _warm(run) -> float:
    run()
    seconds = []
    for _ in range(REPEATS):
        begin = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - begin)
    return statistics.median(seconds)
