"""What every bonding curve is: a nondecreasing marginal price between the grid's two prices."""

import abc

import equinox as eqx
from jaxtyping import Array, Float

from mfgamm.core import Tariff


class AbstractBondingCurve(eqx.Module):
    """The marginal price ρ(u) of energy when a share u of the pool's supply has been sold.

    Any schedule that is nondecreasing in u ∈ [0, 1], with values between the feed-in and the
    retail price, clears a market that satisfies the axioms (`mfgamm.amm.clear`). A trading
    function ψ(E, M) gives one: re-anchored at (E, M) = (supply, 0) its level set has the slope
    ρ(u) where E = (1 − u)·supply, and a homothetic ψ makes that slope a function of u alone
    (AMM paper, "From invariant to price: re-anchored CFMM").

    A curve states its schedule and its average price; the average G(u)/u rather than the
    integral G(u), since it stays well-conditioned, derivatives included, as u goes to zero.
    Both broadcast `sold` against the tariff.
    """

    @abc.abstractmethod
    def schedule(self, sold: Float[Array, "*#batch"], tariff: Tariff) -> Float[Array, "*batch"]:
        """Marginal price ρ(u), €/kWh.

        Args:
            sold: u, the share of the supply sold so far, in [0, 1].
            tariff: the grid's prices, €/kWh.
        """

    @abc.abstractmethod
    def average(self, sold: Float[Array, "*#batch"], tariff: Tariff) -> Float[Array, "*batch"]:
        """Average price of the share sold, G(u)/u, €/kWh; its limit ρ(0) where u is zero."""

    def integral(self, sold: Float[Array, "*#batch"], tariff: Tariff) -> Float[Array, "*batch"]:
        """Money raised per kWh supplied, G(u) = ∫₀ᵘ ρ, €/kWh."""
        return sold * self.average(sold, tariff)
