"""The monotone market: prices from a convex potential, what is left over given back."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from mfgamm.amm import MonotonePotential
from mfgamm.core import Flows, InvalidInput, Prices, Tariff, concrete
from mfgamm.market.market import AbstractMarket
from mfgamm.market.settlement import Settlement, payments_at


def _sizes(given) -> Float[Array, " type"] | None:
    return None if given is None else jnp.asarray(given) * 1.0


class MonotoneMarket(AbstractMarket):
    """One community cleared by the slopes of `MonotonePotential`.

    Households pay together at least the grid's bill. The surplus goes back to them as a lump sum:
    equal for every household, or by a size that they do not choose from step to step. A household
    is one of many, so a lump sum moves nobody's plan: the equilibrium is the minimiser of the
    potential over the households' mixed plans.

    Attributes:
        potential: whose slopes the prices are.
        tariff: the grid's prices, €/kWh.
        sizes: of a household of each type, by which the rebate is shared, e.g. the limit of its
            connection, kW; None shares it equally.

    Raises:
        InvalidInput: if a size is negative or not finite, or all are zero.
    """

    potential: MonotonePotential
    tariff: Tariff
    sizes: Float[Array, " type"] | None = eqx.field(converter=_sizes, default=None)

    def __check_init__(self):
        sizes = None if self.sizes is None else concrete(self.sizes)
        if sizes is None:
            return
        if not (np.all(np.isfinite(sizes)) and np.all(sizes >= 0) and np.any(sizes > 0)):
            raise InvalidInput(
                "market.sizes", sizes.tolist(), "must be numbers ≥ 0, one for each type, not all 0"
            )

    def prices(self, flows: Flows) -> Prices:
        return self.potential.prices(flows.supply, flows.demand, self.tariff)

    def settle(self, sell, buy, members, step_hours) -> Settlement:
        supply, demand = members.total(sell), members.total(buy)
        prices = self.prices(Flows(supply, demand))
        imported = step_hours * jnp.maximum(demand - supply, 0.0)
        exported = step_hours * jnp.maximum(supply - demand, 0.0)
        # Not what the payments leave over: computed apart, so that the residual checks both.
        surplus = step_hours * self.potential.surplus(supply, demand, self.tariff)
        sizes = jnp.ones_like(members.weights) if self.sizes is None else self.sizes
        rebates = sizes[:, None] * members.at_home(surplus / members.total(sizes[:, None]))
        return Settlement(
            payments=payments_at(prices, sell, buy, members, step_hours) - rebates,
            members=members,
            supply=step_hours * supply,
            demand=step_hours * demand,
            traded_inside=step_hours * jnp.minimum(supply, demand),
            grid_import=imported,
            grid_export=exported,
            grid_charges=self.tariff.retail * imported,
            grid_credits=self.tariff.feed_in * exported,
            operator_income=jnp.zeros_like(supply),
            rebates=rebates,
        )
