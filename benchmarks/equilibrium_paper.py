"""The AMM paper's own road to an equilibrium, with the tool that its authors use.

Three types (solar, wind, consumers), each spoken for by the household at the centre of its
profiles; a bank of best responses to synthetic prices for each; the planner's quadratic program
over the banks' mixtures, stated in CVXPY as the paper states it; every household then draws a plan
of its type's mixture and projects it onto its own constraints (AMM paper, "Computation Pipeline",
"Planner Problem", "Decentralization & feasibility projection"). What comes out is judged by the
certificate that our own solvers are judged by.

Banks, draws and projection are mfgamm's; the program is CVXPY's alone, and is held against
mfgamm's own solution of it.
"""

import importlib
import importlib.metadata
import time

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from benchmarks.equilibrium_judge import judged
from mfgamm import Community
from mfgamm.lp import InteriorPoint
from mfgamm.planner import (
    Bins,
    mix_bank,
    modified_band_depth,
    strategy_bank,
    synthetic_prices,
)
from mfgamm.planner.pipeline import draw_plans, take_types
from mfgamm.prosumer import HouseholdTypes, MixedStrategy, Population, project

BANK_SIZE, TIKHONOV, SEED = 12, 1e-3, 0
# Of half a squared distance, kW²: plans to about 1e-5 kW, as exact as a plan drawn can matter.
DISTANCE_TOLERANCE = 1e-10


def unavailable() -> str | None:
    """None, or why CVXPY cannot be asked."""
    try:
        importlib.import_module("cvxpy")
    except Exception as error:  # a broken build can raise anything at import
        return f"not available: {type(error).__name__}: {error}"
    return None


def measure_paper(community: Community) -> dict:
    """How exact the road's end is, how long each part of it takes, and whether programs agree."""
    if reason := unavailable():
        return {"paper_status": reason}
    population, market = community.population, community.market
    bins = bins_by_category(population)
    types = take_types(population.types, bins.representative, bins.mass)
    bank, bank_s = _timed(lambda: _bank(types, community))
    (shares, cost), program_s = _timed(lambda: planner_program(types, bank, market.tariff))
    ours = mix_bank(types, bank, market, tikhonov=TIKHONOV)
    theirs = eqx.tree_at(lambda m: m.strategy.weights, ours, jnp.asarray(shares))
    kernel = InteriorPoint(tolerance=DISTANCE_TOLERANCE)
    plan, rest_s = _timed(
        lambda: project(draw_plans(theirs, types, bins, SEED), population, kernel)
    )
    return {
        "paper_status": f"CVXPY {importlib.metadata.version('cvxpy')}",
        "paper_s": bank_s + program_s + rest_s,
        "paper_bank_s": bank_s,
        "paper_program_s": program_s,
        "paper_program_difference_eur": abs(cost - float(ours.cost)),
        **{f"paper_{name}": value for name, value in judged(community, plan).items()},
    }


def bins_by_category(population: Population) -> Bins:
    """One bin a category, spoken for by the household of median depth in it."""
    labels = np.array(population.categories)
    profiles = np.asarray(population.types.generation - population.types.base_load)
    weights = np.asarray(population.types.weights)
    names = list(dict.fromkeys(labels.tolist()))
    member = np.array([names.index(label) for label in labels])
    representative = []
    for which in range(len(names)):
        rows = np.flatnonzero(member == which)
        depth = modified_band_depth(profiles[rows])
        representative.append(int(rows[np.argmin(np.abs(depth - np.median(depth)))]))
    mass = np.bincount(member, weights, minlength=len(names))
    return Bins(member, np.asarray(representative), mass)


def planner_program(types: HouseholdTypes, bank: MixedStrategy, tariff) -> tuple[np.ndarray, float]:
    """The planner's program in CVXPY: shares `[plan, type]`, and the objective, € per household.

    Expected net trade is ȳ = y⁺ − y⁻, exports less imports; the grid pays λ̲ for the one and is
    paid λ̄ for the other.
    """
    import cvxpy

    hours = float(types.step_hours) * np.asarray(types.discount)
    mass = np.asarray(types.weights)
    # What the average household sells for each share: [plan and type, time].
    sells = np.asarray(bank.net_trade(types)) * mass[:, None]
    value = np.asarray(types.storage.terminal_value) * np.asarray(bank.left_stored(types))
    left = float(types.discount[-1]) * value.sum(axis=-1) * mass
    plans, count = left.shape
    shares = cvxpy.Variable((plans, count), nonneg=True)
    exports, imports = (cvxpy.Variable(hours.size, nonneg=True) for _ in range(2))
    net = sells.reshape(plans * count, -1).T @ cvxpy.vec(shares, order="C")
    bill = (hours * np.asarray(tariff.retail)) @ imports - (
        hours * np.asarray(tariff.feed_in)
    ) @ exports
    smooth = TIKHONOV * cvxpy.sum_squares(float(types.step_hours) * net)
    problem = cvxpy.Problem(
        cvxpy.Minimize(bill + smooth - cvxpy.sum(cvxpy.multiply(left, shares))),
        [net == exports - imports, cvxpy.sum(shares, axis=0) == 1],
    )
    cost = problem.solve(solver=cvxpy.CLARABEL)
    found = np.maximum(shares.value, 0.0)
    return found / found.sum(axis=0), float(cost)


def _bank(types: HouseholdTypes, community: Community) -> MixedStrategy:
    market = community.market
    prices = synthetic_prices(market, float(types.step_hours), BANK_SIZE, SEED)
    return strategy_bank(types, prices)


def _timed(run):
    """What a call returns, and how long it takes once everything is compiled, s."""
    run()
    begin = time.perf_counter()
    found = run()
    return found, time.perf_counter() - begin
