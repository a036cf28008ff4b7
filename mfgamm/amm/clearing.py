"""Batch clearing: from a curve and the community's aggregate flows to prices."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Float, Real

from mfgamm.amm.bonding_curve import AbstractBondingCurve
from mfgamm.core import InvalidInput, Prices, Tariff, concrete


def clear(
    curve: AbstractBondingCurve,
    supply: Real[ArrayLike, "*#batch"],
    demand: Real[ArrayLike, "*#batch"],
    tariff: Tariff,
    fee: Real[ArrayLike, "*#batch"] = 0.0,
    blur: Real[ArrayLike, "*#batch"] = 0.0,
) -> Prices:
    """Prices at which the pool clears supply and demand in one batch.

    With u = min(demand/supply, 1) the pool raises M = supply·G(u), buyers share its cost and
    sellers its revenue in proportion, and the grid settles the imbalance (AMM paper,
    "Payments: three imbalance regimes"):

        buy  = [M + retail·(demand − supply)⁺] / demand
        sell = [M + feed_in·(supply − demand)⁺] / supply

    The operator may keep a fraction of what the community gains over the grid. Prices then
    move towards the grid's, buy + fee·(retail − buy) and sell − fee·(sell − feed_in), and every
    axiom still holds: the operator's income is exactly `fee_income`, never a loss, and a fee of
    one leaves households as they were with the grid alone.

    Where one side is absent its price is the limit: the first buyer faces ρ(0), the first
    seller G(1). A market without anybody offers the grid's prices. Values and derivatives are
    finite everywhere; at exact balance derivatives are those from the side of excess supply,
    unless a blur makes prices smooth there.

    Args:
        curve: the bonding curve.
        supply: energy offered, kW; any shape that broadcasts with the tariff's.
        demand: energy asked for, kW, likewise. Only the ratio of the two matters.
        tariff: the grid's prices, €/kWh.
        fee: the fraction of the community's gain that the operator keeps, in [0, 1].
        blur: κ in [0, 1) of `matched_power`; 0 clears the averages exactly.

    Returns:
        sell and buy price, €/kWh, with feed_in ≤ sell ≤ buy ≤ retail.

    Raises:
        InvalidInput: if supply or demand is negative or not finite, or the fee lies outside
            [0, 1]; not checked under `jit`. Also whatever the curve raises.
    """
    fee = _fraction(fee)
    inside = clear_inside(curve, supply, demand, tariff, blur)
    return Prices(
        sell=tariff.feed_in + (1 - fee) * inside.sold * (inside.price - tariff.feed_in),
        buy=tariff.retail - (1 - fee) * inside.met * (tariff.retail - inside.price),
    )


class InsideTrade(eqx.Module):
    """What of a batch is traded inside the community, and at what price.

    Attributes:
        sold: share of the supply.
        met: share of the demand.
        price: what buyers pay sellers for it, €/kWh; the grid settles the rest.
    """

    sold: Float[Array, "*flows"]
    met: Float[Array, "*flows"]
    price: Float[Array, "*batch"]


def clear_inside(
    curve: AbstractBondingCurve,
    supply: Real[ArrayLike, "*#batch"],
    demand: Real[ArrayLike, "*#batch"],
    tariff: Tariff,
    blur: Real[ArrayLike, "*#batch"] = 0.0,
) -> InsideTrade:
    """The trade behind `clear`: matched shares of both sides, and their average price G(u).

    Raises:
        InvalidInput: as `clear`.
    """
    supply, demand = as_flow("supply", supply), as_flow("demand", demand)
    supply, demand = jnp.broadcast_arrays(supply, demand)
    sold, met = _matched_shares(supply, demand, _floating(blur))
    return InsideTrade(sold, met, curve.average(sold, tariff))


def matched_power(
    supply: Real[ArrayLike, "*#batch"],
    demand: Real[ArrayLike, "*#batch"],
    blur: Real[ArrayLike, "*#batch"] = 0.0,
) -> Float[Array, "*batch"]:
    """What is traded inside, kW: min(supply, demand), or a smooth function close below it,

        ½·[s + d − √((d − s)² + 4κ·s·d)],      κ = blur.

    Flows are averages over a step. Where they fluctuate within it, near balance some of both
    sides meets the grid; κ, a share in [0, 1), says how much, and 0 that nothing does.

    Raises:
        InvalidInput: if supply (kW) or demand (kW) is negative or not finite.
    """
    supply, demand = as_flow("supply", supply), as_flow("demand", demand)
    supply, demand = jnp.broadcast_arrays(supply, demand)
    sold, _ = _matched_shares(supply, demand, _floating(blur))
    return jnp.where(_floating(blur) > 0, sold * supply, jnp.minimum(supply, demand))


def community_gain(
    supply: Real[ArrayLike, "*#batch"],
    demand: Real[ArrayLike, "*#batch"],
    tariff: Tariff,
    blur: Real[ArrayLike, "*#batch"] = 0.0,
) -> Float[Array, "*batch"]:
    """What trading inside is worth over trading with the grid alone, €/h.

    It is the matched power times the spread whatever the curve, which only splits it between
    buyers and sellers.

    Raises:
        InvalidInput: if supply (kW) or demand (kW) is negative or not finite.
    """
    return matched_power(supply, demand, blur) * tariff.spread


def fee_income(
    supply: Real[ArrayLike, "*#batch"],
    demand: Real[ArrayLike, "*#batch"],
    tariff: Tariff,
    fee: Real[ArrayLike, "*#batch"],
    blur: Real[ArrayLike, "*#batch"] = 0.0,
) -> Float[Array, "*batch"]:
    """What the operator earns when `clear` charges `fee`, €/h: that fraction of the gain.

    Raises:
        InvalidInput: if supply (kW) or demand (kW) is negative or not finite, or the fee lies
            outside [0, 1].
    """
    return _fraction(fee) * community_gain(supply, demand, tariff, blur)


def _matched_shares(
    supply: Float[Array, "*batch"], demand: Float[Array, "*batch"], blur: Float[Array, "*#batch"]
) -> tuple[Float[Array, "*batch"], Float[Array, "*batch"]]:
    """The shares of the supply sold, and of the demand met, inside the community."""
    # Only the ratio matters, so a common scale may be taken out, as a constant: without it the
    # quotients' derivatives overflow for tiny flows.
    scale = jax.lax.stop_gradient(jnp.maximum(supply, demand))
    empty = scale == 0
    supply, demand = (flow / jnp.where(empty, 1.0, scale) for flow in (supply, demand))

    surplus = demand <= supply
    long, short = jnp.where(surplus, supply, demand), jnp.where(surplus, demand, supply)
    ratio = jnp.where(empty, 0.0, short / jnp.where(empty, 1.0, long))
    # The root of `matched_power`, in a form that does not cancel.
    square = (1 - ratio) ** 2 + 4 * blur * ratio
    root = jnp.sqrt(jnp.where(square > 0, square, 1.0))
    of_short = jnp.where(blur > 0, 2 * (1 - blur) / (1 + ratio + root), 1.0)
    of_long = ratio * of_short
    return (
        jnp.where(surplus, of_long, of_short),
        jnp.where(surplus & ~empty, of_short, of_long),
    )


def as_flow(name: str, given: ArrayLike) -> Float[Array, "..."]:
    """A flow as a floating-point array, refused if it is known not to be an amount."""
    flow = _floating(given)
    known = concrete(flow)
    if known is not None and not np.all(valid := np.isfinite(known) & (known >= 0)):
        raise InvalidInput(
            name,
            float(known[~valid][0]),
            "flows are amounts, finite and not negative; a net flow is supply where it is "
            "positive and demand where it is negative",
        )
    return flow


def _fraction(given: ArrayLike) -> Float[Array, "..."]:
    """The fee as a floating-point array, refused if it is known to lie outside [0, 1]."""
    fee = _floating(given)
    known = concrete(fee)
    if known is not None and not np.all(valid := (known >= 0) & (known <= 1)):
        raise InvalidInput(
            "fee", float(known[~valid][0]), "the fee is a fraction of the gain, from 0 to 1"
        )
    return fee


def _floating(given: ArrayLike) -> Float[Array, "..."]:
    # Multiplying by one turns integers into floats and leaves the precision of floats alone.
    return jnp.asarray(given) * 1.0
