"""What is lost when nobody plans for the community: an equilibrium's plans against the optimum."""

import equinox as eqx
import jax
from jaxtyping import Array, Float

from mfgamm.core import Tariff, safe_divide
from mfgamm.planner.exchange_cost import ExchangeCost
from mfgamm.planner.solution import PlannerSolution, social_cost
from mfgamm.prosumer import HouseholdTypes, Plan


class PriceOfAnarchy(eqx.Module):
    """Costs to the community (grid bill less what is left stored), € per household-day.

    Attributes:
        cost: of the plans judged.
        optimum: of the planner's.
        benchmark: of life with the grid alone, each household for itself.
        loss: cost less optimum; the planner's gap bounds its error.
        lost_share: loss relative to what the planner saves over the benchmark; 0 if nothing can
            be saved. Unlike the ratio of the costs it does not depend on where costs have
            their zero.
        ratio: cost over optimum, as the price of anarchy is usually stated; meaningful for
            positive costs only.
    """

    cost: Float[Array, ""]
    optimum: Float[Array, ""]
    benchmark: Float[Array, ""]
    loss: Float[Array, ""]
    lost_share: Float[Array, ""]
    ratio: Float[Array, ""]


def price_of_anarchy(
    types: HouseholdTypes, tariff: Tariff, plan: Plan, planner: PlannerSolution
) -> PriceOfAnarchy:
    """Judge plans by what they cost the community, whoever is paid what for them.

    Args:
        types: the households.
        tariff: the grid's prices.
        plan: of every type, e.g. an equilibrium's average plans.
        planner: the optimum of the same population and tariff (`social_optimum`).
    """
    exchange = ExchangeCost.grid_bill(tariff, (types.step_hours * types.discount)[None])
    days = types.generation.shape[-1] * types.step_hours / 24
    cost = social_cost(types, exchange, jax.tree.map(lambda x: x[None], plan)) / days
    optimum, benchmark = planner.cost / days, types.weights @ planner.benchmark / days
    loss = cost - optimum
    return PriceOfAnarchy(
        cost=cost,
        optimum=optimum,
        benchmark=benchmark,
        loss=loss,
        lost_share=safe_divide(loss, benchmark - optimum, 0.0),
        ratio=safe_divide(cost, optimum, 1.0),
    )
