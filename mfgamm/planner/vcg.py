"""The Vickrey–Clarke–Groves mechanism: the planner's optimum, paid for by marginal contributions.

AMM paper, "Mechanism comparison: AMM vs VCG". With C the least cost of a community, a household n
bears C(all) − C(all but n), all told: what it costs the others that it is there, plus its own cost.
Telling the truth is then dominant. C is convex and homogeneous of degree one in the masses of the
types, so these costs sum to at most C(all) (Euler): the mechanism runs a deficit, which vanishes
as households become small.
"""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from mfgamm.core import InvalidInput, NotConverged, Status, Tariff
from mfgamm.lp import InteriorPoint
from mfgamm.planner.social_optimum import optimise, require_fitting
from mfgamm.planner.solution import PlannerSolution, in_scenario
from mfgamm.planner.uncertainty import Scenarios
from mfgamm.prosumer import HouseholdTypes, Population


class VCG(eqx.Module):
    """Expected outcome of the mechanism; money over the horizon.

    Attributes:
        burden: what one household of each type bears, € (its payment and its own cost).
        payment: of which paid to the operator (negative: received), €.
        cost: of the community, all households together, €: minus the welfare W_VCG.
        deficit: what the operator pays the grid beyond what it receives, €; not negative.
    """

    burden: Float[Array, " type"]
    payment: Float[Array, " type"]
    cost: Float[Array, ""]
    deficit: Float[Array, ""]


def vcg(
    population: Population,
    tariff: Tariff,
    scenarios: Scenarios | None = None,
    *,
    tolerance: float = 1e-8,
    max_iterations: int = 100,
    kernel: InteriorPoint | None = None,
) -> VCG:
    """Run the mechanism ex post, in every scenario; one optimum for each type besides the whole.

    Args:
        population: the types; each stands for at least one household.
        tariff: the grid's prices.
        scenarios: of generation; the types' own with certainty if None.
        tolerance, max_iterations, kernel: as in `social_optimum`. Contributions are differences of
            optima, so the tolerance is tight.

    Raises:
        InvalidInput: if a type stands for less than one household.
        NotConverged: if an optimum was not found.
    """
    require_fitting(population, tariff, tolerance, max_iterations)
    types, count = population.types, float(population.households)
    number = np.asarray(types.weights) * count
    if np.any(number < 1 - 1e-9):
        k = int(np.argmin(number))
        raise InvalidInput(
            "population.weights",
            float(number[k]),
            f"{population.names[k]} stands for less than one household: none can be taken away",
        )
    kernel = InteriorPoint() if kernel is None else kernel
    if scenarios is None:
        scenarios = Scenarios(types.generation[None], jnp.ones(1))

    def optimum(here: HouseholdTypes) -> PlannerSolution:
        certain = here.generation[None], jnp.ones(1)
        solution = optimise(here, tariff, *certain, tolerance, max_iterations, kernel)
        if int(solution.status) != Status.CONVERGED:
            raise NotConverged("an optimum of the mechanism was not found", solution)
        return solution

    burdens, payments, costs = [], [], []
    for produced in scenarios.generation:
        here = in_scenario(types, produced)
        whole = optimum(here)
        without = [
            optimum(eqx.tree_at(lambda t: t.weights, here, here.weights.at[k].add(-1 / count)))
            for k in range(population.size)
        ]
        burden = count * (whole.cost - jnp.stack([each.cost for each in without]))
        left = whole.value.state_of_charge[0, ..., -1]
        own = -types.discount[-1] * jnp.sum(types.storage.terminal_value * left, axis=-1)
        burdens.append(burden)
        payments.append(burden - own)
        costs.append(count * whole.cost)
    chances = scenarios.probabilities
    burden, payment = chances @ jnp.stack(burdens), chances @ jnp.stack(payments)
    cost = chances @ jnp.stack(costs)
    return VCG(burden, payment, cost, cost - jnp.asarray(number) @ burden)
