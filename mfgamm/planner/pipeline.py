"""The AMM paper's own road to mixed strategies: bins, banks, quadratic program, draws, projection.

AMM paper, "Computation Pipeline" and "Decentralization & feasibility projection". It rests on the
paper's equivalence of planner and equilibrium; `Pipeline.indifference` says what that is worth for
the market at hand, and `mfgamm.equilibrium` solves the game itself.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from mfgamm.core import Flows, InvalidInput, Number, Prices
from mfgamm.lp import InteriorPoint
from mfgamm.market import AbstractMarket
from mfgamm.planner.representatives import Bins, bin_households
from mfgamm.planner.strategy_bank import (
    Indifference,
    PlannedMixture,
    check_indifference,
    mix_bank,
    strategy_bank,
    synthetic_prices,
)
from mfgamm.prosumer import HouseholdTypes, Plan, Population, project


class Pipeline(eqx.Module):
    """What the pipeline yields.

    Attributes:
        bins: who is represented by whom.
        representatives: one type for each bin, weighted by its mass.
        mixture: the planner's over the representatives' banks.
        prices: that the market quotes for the mixture, €/kWh.
        indifference: of the representatives at those prices, €.
        plan: what each household of the population does in the end: a plan drawn from its bin's
            mixture, projected onto its own constraints.
        displacement: mean distance of the projection, kW root mean square over steps.
    """

    bins: Bins
    representatives: HouseholdTypes
    mixture: PlannedMixture
    prices: Prices
    indifference: Indifference
    plan: Plan
    displacement: float


def run_pipeline(
    population: Population,
    market: AbstractMarket,
    *,
    bank_size: int = 12,
    charge_levels: int = 2,
    depth_levels: int = 2,
    tikhonov: Number = 1e-3,
    seed: int = 0,
    kernel: InteriorPoint | None = None,
) -> Pipeline:
    """Run the paper's pipeline for one horizon.

    Args:
        population: the households, each feasible (`require_feasible`).
        market: whose prices the banks answer.
        bank_size: plans of each representative, one for each synthetic price series.
        charge_levels, depth_levels: of the bins.
        tikhonov: weight of the regularisation, € per kWh².
        seed: of the synthetic prices and of the draws.
        kernel: settings of the linear programs.

    Raises:
        InvalidInput: if an argument is out of range.
        NotConverged: if the quadratic program or a projection was not solved.
    """
    if bank_size < 1:
        raise InvalidInput("bank_size", bank_size, "must be at least 1")
    bins = bin_households(population, charge_levels=charge_levels, depth_levels=depth_levels)
    types = take_types(population.types, bins.representative, bins.mass)
    series = synthetic_prices(market, float(types.step_hours), bank_size, seed)
    bank = strategy_bank(types, series, kernel)
    mixture = mix_bank(types, bank, market, tikhonov=tikhonov)
    average = mixture.strategy.average(types)
    flows = types.flows(average)
    prices = market.prices(Flows(flows.supply, flows.demand))
    drawn = draw_plans(mixture, types, bins, seed)
    plan = project(drawn, population)
    moved = (plan.sell - plan.buy) - (drawn.sell - drawn.buy)
    return Pipeline(
        bins=bins,
        representatives=types,
        mixture=mixture,
        prices=prices,
        indifference=check_indifference(types, mixture.strategy, prices, kernel),
        plan=plan,
        displacement=float(jnp.mean(jnp.sqrt(jnp.mean(moved**2, axis=-1)))),
    )


def draw_plans(mixture: PlannedMixture, types: HouseholdTypes, bins: Bins, seed: int) -> Plan:
    """One plan for each household, drawn from the mixture of its bin; not yet its own to carry out.

    Args:
        mixture: of the representatives.
        types: the representatives.
        bins: whose members draw.
        seed: of the draws.
    """
    random = np.random.default_rng(seed)
    weights = np.asarray(mixture.strategy.weights)
    choice = [
        random.choice(len(weights), p=weights[:, b] / weights[:, b].sum()) for b in bins.member
    ]
    rows = (np.asarray(choice), bins.member)
    strategy = mixture.strategy
    net = strategy.net_trade(types)[rows]
    states = jax.vmap(types.follow_states)(strategy.charge, strategy.discharge)
    return Plan(
        sell=jnp.maximum(net, 0.0),
        buy=jnp.maximum(-net, 0.0),
        curtailed=strategy.curtailed[rows],
        charge=strategy.charge[rows],
        discharge=strategy.discharge[rows],
        state_of_charge=states[rows],
    )


def take_types(types: HouseholdTypes, rows: np.ndarray, mass: np.ndarray) -> HouseholdTypes:
    """Some of the types, with new weights."""
    shared = eqx.tree_at(
        lambda t: (t.weights, t.discount, t.step_hours),
        types,
        (None, None, None),
        is_leaf=lambda x: x is None,
    )
    chosen = jax.tree.map(lambda x: x[rows], shared)
    return eqx.tree_at(
        lambda t: (t.weights, t.discount, t.step_hours),
        chosen,
        (jnp.asarray(mass), types.discount, types.step_hours),
        is_leaf=lambda x: x is None,
    )
