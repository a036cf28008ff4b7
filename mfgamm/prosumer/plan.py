"""What households do: trades, curtailment, device flows, states."""

import equinox as eqx
from jaxtyping import Array, Float


class Plan(eqx.Module):
    """A plan for each type, or an average of plans (a mixture).

    A single plan never sells and buys in the same step; an average of plans may.

    Attributes:
        sell, buy: trade with the community, kW (paper: s, d).
        curtailed: production turned down, kW.
        charge, discharge: flows into and out of each device, kW.
        state_of_charge: energy of each device at the end of each step, kWh.
    """

    sell: Float[Array, "type time"]
    buy: Float[Array, "type time"]
    curtailed: Float[Array, "type time"]
    charge: Float[Array, "type device time"]
    discharge: Float[Array, "type device time"]
    state_of_charge: Float[Array, "type device time"]
