"""Households that no price can help: found before any equilibrium, with the reason.

Two questions decide it completely. Can each device, alone, meet its own bounds? A store is a
chain, so propagating the interval of reachable states answers exactly. If all can, does the power
balance close within the connection's limit? That is a linear program with a shortfall allowed
at a price (phase one), solved by the same kernel.
"""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np

from mfgamm.core import InfeasibleHousehold, Prices, Status
from mfgamm.lp import InteriorPoint, StorageProgram
from mfgamm.prosumer.population import HouseholdTypes, Population

ENERGY_SLACK = 1e-9
POWER_SLACK = 1e-6
PHASE_ONE_TOLERANCE = 1e-8


def require_feasible(population: Population, kernel: InteriorPoint | None = None) -> None:
    """Check that every type has a plan.

    Args:
        population: the types.
        kernel: settings of the linear programs; its tolerance and barrier are set here.

    Raises:
        InfeasibleHousehold: naming each household that has none, the step, and the reason.
    """
    reasons = infeasible_households(population, kernel)
    if reasons:
        raise InfeasibleHousehold(reasons)


def infeasible_households(
    population: Population, kernel: InteriorPoint | None = None
) -> dict[str, str]:
    """Name of every type without a feasible plan, and why."""
    kernel = InteriorPoint() if kernel is None else kernel
    kernel = dataclasses.replace(kernel, tolerance=PHASE_ONE_TOLERANCE, barrier=0.0)
    reasons = _unreachable_states(population)
    names = population.names
    doubtful = [k for k, name in enumerate(names) if name not in reasons]
    if doubtful:
        flattest = _flattest_trade(population.types, kernel)
        limit = np.asarray(population.types.trade_limit) + POWER_SLACK
        doubtful = [k for k in doubtful if not flattest[k] <= limit[k]]
    if doubtful:
        reasons |= _unbalanced(population, doubtful, kernel)
    return {name: reasons[name] for name in names if name in reasons}


def _unreachable_states(population: Population) -> dict[str, str]:
    """Devices whose reachable states leave their bounds, by interval propagation."""
    storage = jax.tree.map(np.asarray, population.types.storage)
    low = high = storage.initial
    reasons: dict[str, str] = {}
    for t in range(population.steps):
        use = storage.use[..., t]
        reach_high = storage.retention * high + storage.charge_gain * storage.charge_limit[..., t]
        reach_low = (
            storage.retention * low - storage.discharge_gain * storage.discharge_limit[..., t]
        )
        floor, ceiling = storage.state_lower[..., t], storage.state_upper[..., t]
        short = floor - (reach_high - use)
        spill = (reach_low - use) - ceiling
        for row, slot in np.argwhere(np.maximum(short, spill) > ENERGY_SLACK):
            reasons.setdefault(
                population.names[row],
                _state_reason(population.devices[slot], t, short[row, slot], spill[row, slot]),
            )
        high = np.clip(reach_high - use, floor, ceiling)
        low = np.clip(reach_low - use, floor, ceiling)
    return reasons


def _state_reason(device: str, step: int, short: float, spill: float) -> str:
    if short > 0:
        return (
            f"{device}: {short:.3g} kWh short of what step {step} asks for, even if filled at full "
            "power from the start; raise its power, lower the need, or give it more time"
        )
    return (
        f"{device}: {spill:.3g} kWh too full at step {step}, even if emptied at full power; "
        "lower its initial energy or raise its capacity"
    )


def _flattest_trade(types: HouseholdTypes, kernel: InteriorPoint) -> np.ndarray:
    """Peak trade, kW, of each type's flattest plan; within the limit, it proves feasibility."""
    unlimited = jnp.full_like(types.trade_limit, _largest_imbalance(types))
    free = jnp.zeros_like(types.discount)
    program = _with_trade_limit(types, unlimited).program(Prices(sell=free, buy=free))
    trades = jnp.arange(program.cost.shape[0])[:, None, None] < 2
    curvature = jnp.where(trades, 1.0, jnp.zeros_like(program.cost))
    program = dataclasses.replace(program, curvature=curvature)
    solution = kernel.solve(program)
    parts = program.split(solution.value.variables)
    peak = jnp.max(jnp.abs(parts.exchange[0] - parts.exchange[1]), axis=0)
    return np.where(np.asarray(solution.status) == 0, np.asarray(peak), np.inf)


def _unbalanced(population: Population, rows: list[int], kernel: InteriorPoint) -> dict[str, str]:
    """Phase one: the least energy, kWh, by which a household's balance must be missed."""
    types = _rows(population.types, np.asarray(rows))
    free = jnp.zeros_like(types.discount)
    program = types.program(Prices(sell=free, buy=free))
    elastic = _elastic(program, _largest_imbalance(types))
    solution = kernel.solve(elastic)
    missed = elastic.split(solution.value.variables).exchange[:2]
    hours = float(types.step_hours)
    reasons = {}
    for lane, row in enumerate(rows):
        if int(solution.status[lane]) != Status.CONVERGED:
            reasons[population.names[row]] = "whether it has a plan could not be decided"
            continue
        if float(solution.certificate[lane]) <= POWER_SLACK:
            continue
        overload, shortfall = (np.asarray(x[:, lane]) for x in missed)
        step = int(np.argmax(np.maximum(overload, shortfall)))
        reasons[population.names[row]] = _balance_reason(
            step, overload[step], shortfall[step], float(types.trade_limit[lane]), hours
        )
    return reasons


def _balance_reason(step, overload, shortfall, limit, hours) -> str:
    if shortfall >= overload:
        return (
            f"its load at step {step} exceeds generation, devices and the {limit:g} kW connection "
            f"together by {shortfall:.3g} kW ({shortfall * hours:.3g} kWh); raise the trade limit "
            "or lower the base load"
        )
    return (
        f"its surplus at step {step} exceeds what devices and the {limit:g} kW connection can take "
        f"by {overload:.3g} kW; make generation curtailable or raise the trade limit"
    )


def _elastic(program: StorageProgram, most: float) -> StorageProgram:
    """The program with overload and shortfall allowed at a price, and everything else free."""
    extra = jnp.zeros_like(program.cost[:2])

    def prepend(rows, value):
        return jnp.concatenate([extra + value, rows])

    return dataclasses.replace(
        program,
        cost=prepend(jnp.zeros_like(program.cost), 1.0),
        lower=prepend(program.lower, 0.0),
        upper=prepend(program.upper, most),
        sign=(1, -1, *program.sign),
    )


def _largest_imbalance(types: HouseholdTypes) -> float:
    devices = types.storage.charge_limit + types.storage.discharge_limit
    return 1.0 + float(jnp.max(types.generation + types.base_load + jnp.sum(devices, axis=1)))


def _with_trade_limit(types: HouseholdTypes, limit) -> HouseholdTypes:
    return dataclasses.replace(types, trade_limit=limit)


def _rows(types: HouseholdTypes, rows: np.ndarray) -> HouseholdTypes:
    shared = (types.discount, types.step_hours)
    chosen = jax.tree.map(lambda x: x[rows] if x.ndim and x is not shared[0] else x, types)
    return dataclasses.replace(chosen, discount=shared[0], step_hours=shared[1])
