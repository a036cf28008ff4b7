"""The nearest feasible plan: a small quadratic program by the same kernel."""

import dataclasses

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from mfgamm.core import InvalidInput, NotConverged, Prices, Status
from mfgamm.lp import InteriorPoint, ProgramSolution, StorageProgram
from mfgamm.prosumer.plan import Plan
from mfgamm.prosumer.population import HouseholdTypes, Population

SIGN = (1, 1)
# An error of ε in ½‖·‖² is one of √(2ε) in the plan.
DISTANCE_TOLERANCE = 1e-13


def project(plan: Plan, population: Population, solver: InteriorPoint | None = None) -> Plan:
    """Each type's feasible plan closest to the plan given (AMM paper, "feasibility projection").

    Distance is Euclidean in the powers, kW, over all steps: net trade, curtailment, charging and
    discharging of each device. States follow from the flows.

    Args:
        plan: one plan for each type, feasible or not, e.g. drawn from another household.
        population: whose constraints must hold.
        solver: the kernel's settings.

    Raises:
        InvalidInput: if the plan's arrays do not fit the population.
        NotConverged: if a projection was not solved; an infeasible household has none.
    """
    expected = population.types.storage.charge_limit.shape
    if plan.charge.shape != expected or plan.sell.shape != (expected[0], expected[2]):
        raise InvalidInput(
            "plan",
            f"shapes {plan.sell.shape}, {plan.charge.shape}",
            f"needs [type, time] and [type, device, time] = {expected}",
        )
    if solver is None:
        solver = InteriorPoint(tolerance=DISTANCE_TOLERANCE)
    projected, solution = _project(plan, population.types, solver)
    status = np.asarray(solution.status)
    if np.any(status != Status.CONVERGED):
        first = population.names[int(np.argmax(status != Status.CONVERGED))]
        raise NotConverged(
            f"the projection of {first} did not converge; check `require_feasible`", solution
        )
    return projected


@eqx.filter_jit
def _project(
    plan: Plan, types: HouseholdTypes, solver: InteriorPoint
) -> tuple[Plan, ProgramSolution]:
    wanted = _powers(plan)
    program = _distance_program(types, wanted)
    solution = solver.solve(program)
    parts = program.split(solution.value.variables + wanted)
    charge, discharge = (jnp.moveaxis(x, -1, 0) for x in (parts.inflow, parts.outflow))
    charge, discharge = types.unwashed(charge, discharge)
    return types.netted_plan(parts.exchange[1].T, charge, discharge), solution


def _powers(plan: Plan) -> Float[Array, "variable time lane"]:
    """A plan as the program's variables, with net trade as one exchange of either sign.

    Apart, sales and purchases could both be displaced. States take no part in the distance.
    """
    charge, discharge = (jnp.moveaxis(x, 0, -1) for x in (plan.charge, plan.discharge))
    exchanges = jnp.stack([(plan.sell - plan.buy).T, plan.curtailed.T])
    return jnp.concatenate([exchanges, charge, discharge, jnp.zeros_like(charge)])


def _distance_program(
    types: HouseholdTypes, wanted: Float[Array, "variable time lane"]
) -> StorageProgram:
    """½‖v − wanted‖² over each household's polytope, in terms of the displacement v − wanted."""
    free = jnp.zeros_like(types.discount)
    program = types.program(Prices(sell=free, buy=free))
    limit = program.upper[:1]
    powers = jnp.ones_like(wanted).at[-program.stores or len(wanted) :].set(0.0)
    distance = dataclasses.replace(
        program,
        cost=jnp.zeros_like(wanted),
        curvature=powers,
        lower=jnp.concatenate([-limit, program.lower[2:]]),
        upper=jnp.concatenate([limit, program.upper[2:]]),
        sign=SIGN,
    )
    return distance.shifted(wanted)
