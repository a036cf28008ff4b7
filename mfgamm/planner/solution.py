"""The result of a planner's problem, and the one road to it that all of them take."""

from typing import TypeVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from mfgamm.core import AbstractSolution, NotConverged, Prices, Status
from mfgamm.lp import InteriorPoint
from mfgamm.planner.community_program import (
    CommunityMultipliers,
    CommunityProgram,
    Group,
    community_program,
    curtailment_limits,
    read_plans,
)
from mfgamm.planner.exchange_cost import ExchangeCost
from mfgamm.planner.interior_point import (
    FINEST_RESIDUAL,
    Goal,
    Run,
    interior_start,
    run_interior_point,
)
from mfgamm.prosumer import HouseholdTypes, Plan, respond

# A community that saves next to nothing still has to end: gaps are then measured against this
# share of what its households pay or earn, or this much money, € per household.
NOMINAL_SHARE = 1e-2
NOMINAL_SAVING = 1e-2
# Barrier of the start, € per bound: a day's bill is a few euros over some hundreds of bounds.
FIRST_BARRIER = 1e-3


class AbstractOptimum(AbstractSolution):
    """What every planner's problem returns; money in € per household over the horizon.

    Costs are expectations over the scenarios, and count what is left stored with its terminal
    value. With one scenario there is no scenario axis.

    Attributes:
        value: plan of every type, an average over its households (`[scenario, …]`: devices do the
            same in all, trade and curtailment adapt).
        prices: at which the bound was computed, €/kWh.
        cost: what the problem minimises, at these plans.
        certificate: a rigorous lower bound on the cost of all feasible plans.
        gap: their difference.
        saving: what the community saves over life with the grid alone.
        relative: the gap relative to the saving, or to a nominal amount if that is next to nothing.
        benchmark: each type's cost with the grid alone, re-optimised.
        status: a `Status` code.
        residuals: worst violation of a household's limits, kW or kWh.
        history: gap after each iteration, €.
    """

    value: eqx.AbstractVar[Plan]
    prices: eqx.AbstractVar[Prices]
    cost: eqx.AbstractVar[Float[Array, ""]]
    certificate: eqx.AbstractVar[Float[Array, ""]]
    gap: eqx.AbstractVar[Float[Array, ""]]
    saving: eqx.AbstractVar[Float[Array, ""]]
    relative: eqx.AbstractVar[Float[Array, ""]]
    benchmark: eqx.AbstractVar[Float[Array, " type"]]
    status: eqx.AbstractVar[Int[Array, ""]]
    residuals: eqx.AbstractVar[Float[Array, ""]]
    history: eqx.AbstractVar[Float[np.ndarray, " iteration"]]

    @property
    def outcome(self) -> Status:
        """The status as an enumeration member."""
        return Status(int(self.status))


class PlannerSolution(AbstractOptimum):
    """Plans that cost the community least, and the duals that support them.

    A household that faces the prices does not gain by leaving its plan. Attributes as in
    `AbstractOptimum`.
    """

    value: Plan
    prices: Prices
    cost: Float[Array, ""]
    certificate: Float[Array, ""]
    gap: Float[Array, ""]
    saving: Float[Array, ""]
    relative: Float[Array, ""]
    benchmark: Float[Array, " type"]
    status: Int[Array, ""]
    residuals: Float[Array, ""]
    history: Float[np.ndarray, " iteration"]


Optimum = TypeVar("Optimum", bound=AbstractOptimum)


def benchmark_cost(
    types: HouseholdTypes,
    exchange: ExchangeCost,
    generation: Float[Array, "scenario type time"],
    kernel: InteriorPoint,
) -> Float[Array, " type"]:
    """Each type's expected cost with the grid alone, € (scenarios known in advance)."""
    prices = Prices(sell=exchange.tariff.feed_in, buy=exchange.tariff.retail)
    shares = jnp.sum(exchange.hours, axis=-1) / jnp.sum(exchange.hours)
    costs = [respond(in_scenario(types, produced), prices, kernel).cost for produced in generation]
    return shares @ jnp.stack(costs)


def in_scenario(types: HouseholdTypes, produced: Float[Array, "type time"]) -> HouseholdTypes:
    """The types with another generation, kW; what may be curtailed scales with it."""
    limit = curtailment_limits(types, produced)
    return eqx.tree_at(lambda t: (t.generation, t.curtailment_limit), types, (produced, limit))


def minimise_cost(
    types: HouseholdTypes,
    exchange: ExchangeCost,
    generation: Float[Array, "scenario type time"],
    goal: Goal,
    max_iterations: int,
    kernel: InteriorPoint,
) -> tuple[Plan, Run]:
    """The plans of least cost in every scenario, and where the method ended."""
    program = _program(types, exchange, generation)
    start = _start(program, types, exchange, kernel)
    run = run_interior_point(program, start, goal, jnp.asarray(max_iterations))
    return _plans(types, generation, program, run.point.variables), run


def make_goal(tolerance: float, benchmark: Float[Array, " type"], types: HouseholdTypes) -> Goal:
    """The goal of a tolerance relative to the saving."""
    nominal = jnp.maximum(NOMINAL_SHARE * types.weights @ jnp.abs(benchmark), NOMINAL_SAVING)
    return Goal(jnp.asarray(tolerance), types.weights @ benchmark, nominal)


def status_of(run: Run, goal: Goal, gap: Float[Array, ""]) -> Status:
    """How a run ended, judged by the gap of the plans that were read from it."""
    if not bool(jnp.isfinite(run.gap)):
        return Status.BREAKDOWN
    met = (gap <= goal.target(run.value)) & (run.infeasibility <= FINEST_RESIDUAL)
    return Status.CONVERGED if bool(met) else Status.MAX_ITERATIONS


def returned(solution: Optimum, throw: bool) -> Optimum:
    """The solution, or the error that carries it.

    Raises:
        NotConverged: if `throw` and the tolerance was not met.
    """
    if throw and not solution.converged:
        raise NotConverged(
            f"relative gap {float(solution.relative):.2e} after {solution.history.size} iterations "
            f"({solution.outcome.label}); check `require_feasible`, raise max_iterations, loosen "
            "the tolerance, or pass throw=False to use what was found",
            solution,
        )
    return solution


@eqx.filter_jit
def social_cost(
    types: HouseholdTypes,
    exchange: ExchangeCost,
    plans: Plan,
) -> Float[Array, ""]:
    """Expected cost of plans `[scenario, …]`, €: of exchange, less what is left stored."""
    demand, supply = types.weights @ plans.buy, types.weights @ plans.sell
    left = plans.state_of_charge[..., -1]
    worth = jnp.sum(types.storage.terminal_value * left, axis=-1) @ types.weights
    shares = jnp.sum(exchange.hours, axis=-1) / jnp.sum(exchange.hours)
    return exchange.value(demand, supply) - types.discount[-1] * (shares @ worth)


@eqx.filter_jit
def _program(types, exchange, generation) -> CommunityProgram:
    return community_program(types, exchange, generation)


@eqx.filter_jit
def _plans(types, generation, program, variables) -> Plan:
    return read_plans(types, generation, program, variables)


def _start(
    program: CommunityProgram,
    types: HouseholdTypes,
    exchange: ExchangeCost,
    kernel: InteriorPoint,
):
    """Everybody's smoothed response to the middle of the tariff, with the types' own generation."""
    smooth = eqx.tree_at(
        lambda k: (k.barrier, k.tolerance),
        kernel,
        (jnp.asarray(FIRST_BARRIER), jnp.asarray(1e-3)),
    )
    alone = types.program(Prices(sell=exchange.middle, buy=exchange.middle))
    return _interior(program, alone.lower, exchange.hours, smooth.solve(alone).value)


@eqx.filter_jit
def _interior(program: CommunityProgram, lower, hours, response):
    variables = response.variables - lower
    trade = jnp.broadcast_to(variables[:3, None], program.cost.trade.shape)
    shares = jnp.sum(hours, axis=-1) / jnp.sum(hours)
    multipliers = CommunityMultipliers(
        shares[:, None, None] * response.multipliers.balance, response.multipliers.storage
    )
    barrier = jnp.asarray(FIRST_BARRIER)
    return interior_start(program, Group(trade, variables[3:]), multipliers, barrier)
