"""A market maker whose prices are the slopes of a convex potential, and therefore monotone."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Float, Real

from mfgamm.amm.clearing import as_flow
from mfgamm.core import InvalidInput, Prices, Tariff, concrete


class MonotonePotential(eqx.Module):
    """What the community pays together, as a convex function φ of demand D and supply S.

    With L the middle of the tariff, h half its spread, x = D − S, v = D + S and ν the curvature,

        φ = L·x + h·√[(x² + ν·v²)/(1 + ν)],   buy = ∂φ/∂D,   sell = −∂φ/∂S.

    φ is homogeneous of degree one, so buy·D − sell·S = φ (Euler): what households pay together.
    It never falls below the grid's bill, which is φ at ν = 0 (there a competitive price clears,
    the social planner's); as ν → ∞ the two prices become the grid's own. By the Cauchy–Schwarz
    inequality feed_in ≤ sell ≤ buy ≤ retail. Since φ is convex, (D, S) ↦ (buy, −sell) is
    monotone, which no budget-balanced bonding curve is: its equilibrium minimises φ.

    Attributes:
        curvature: ν ≥ 0, dimensionless: at balance, the share √(ν/(1 + ν)) of the tariff's
            spread separates the two prices.

    Raises:
        InvalidInput: if the curvature is negative or not finite.
    """

    curvature: Float[Array, ""] = eqx.field(converter=lambda x: jnp.asarray(x) * 1.0)

    def __check_init__(self):
        curvature = concrete(self.curvature)
        if curvature is not None and not (np.isfinite(curvature) and curvature >= 0):
            raise InvalidInput("monotone.curvature", float(curvature), "must be a number ≥ 0")

    def prices(
        self, supply: Real[ArrayLike, "*#batch"], demand: Real[ArrayLike, "*#batch"], tariff: Tariff
    ) -> Prices:
        """Prices, €/kWh, that supply and demand (kW) lead to.

        Only their ratio matters. Where nobody trades the prices are those of exact balance.
        Values and derivatives are finite everywhere; the derivatives by the curvature and the
        flows that are infinite where φ has its kink (ν = 0 and balance) come out as zero.

        Raises:
            InvalidInput: if supply or demand is negative or not finite; not under `jit`.
        """
        supply, demand = jnp.broadcast_arrays(as_flow("supply", supply), as_flow("demand", demand))
        # Degree zero: a common scale may be taken out as a constant. Without it the quotients'
        # derivatives overflow for tiny flows.
        scale = jax.lax.stop_gradient(jnp.maximum(supply, demand))
        empty = scale == 0
        supply, demand = (
            jnp.where(empty, 0.5, flow / jnp.where(empty, 1.0, scale)) for flow in (supply, demand)
        )
        net, volume = demand - supply, demand + supply
        steepness = (1 + self.curvature) * (net**2 + self.curvature * volume**2)
        kink = steepness == 0
        norm = jnp.sqrt(jnp.where(kink, 1.0, steepness))
        tilt = jnp.where(kink, 0.0, net / norm)
        width = jnp.where(kink, 0.0, self.curvature * volume / norm)
        half = tariff.spread / 2
        middle = tariff.feed_in + half
        return Prices(
            sell=jnp.clip(middle + half * (tilt - width), tariff.feed_in, tariff.retail),
            buy=jnp.clip(middle + half * (tilt + width), tariff.feed_in, tariff.retail),
        )

    def surplus(
        self, supply: Real[ArrayLike, "*#batch"], demand: Real[ArrayLike, "*#batch"], tariff: Tariff
    ) -> Float[Array, "*batch"]:
        """What is collected beyond the grid's bill, φ(D, S) − φ(D, S)|ν=0 ≥ 0, €/h.

        Written as h·4νSD/(1 + ν) over √[(x² + ν·v²)/(1 + ν)] + |x|, so that nothing cancels.

        Raises:
            InvalidInput: if supply or demand (kW) is negative or not finite; not under `jit`.
        """
        supply, demand = jnp.broadcast_arrays(as_flow("supply", supply), as_flow("demand", demand))
        net, volume = demand - supply, demand + supply
        share = self.curvature / (1 + self.curvature)
        squared = net**2 / (1 + self.curvature) + share * volume**2
        flat = squared == 0
        denominator = jnp.sqrt(jnp.where(flat, 1.0, squared)) + jnp.abs(net)
        quotient = 4 * share * supply * demand / denominator
        return tariff.spread / 2 * jnp.where(flat, 0.0, quotient)
