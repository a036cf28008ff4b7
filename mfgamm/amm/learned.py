"""Bonding curves that can be learned: the axioms hold whatever the parameters."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from mfgamm.amm.bonding_curve import AbstractBondingCurve
from mfgamm.core import InvalidInput, Tariff, safe_divide


class Learned(AbstractBondingCurve):
    """A piecewise linear schedule on a uniform grid of shares sold, climbing by a softmax.

    The spread is divided into increments by a softmax of unconstrained numbers: one from the
    feed-in price up to ρ(0), one for each cell of the grid, one from ρ(1) up to the retail
    price. They are positive and sum to the spread, so ρ is nondecreasing and inside the tariff
    at every step of any optimiser. Prices are relative to the tariff: one curve serves all.

    Attributes:
        logits: the unconstrained numbers, two more than the grid has cells; all zero is a
            straight climb.

    Raises:
        InvalidInput: if there are fewer than three logits (one cell).
    """

    logits: Float[Array, " increment"] = eqx.field(converter=jnp.asarray)

    def __check_init__(self):
        if self.logits.ndim != 1 or self.logits.size < 3:
            raise InvalidInput(
                "learned.logits",
                f"shape {self.logits.shape}",
                "give one number per cell of the grid and two more, at least three in all",
            )

    @classmethod
    def like(
        cls, curve: AbstractBondingCurve, tariff: Tariff, cells: int = 32, floor: float = 1e-6
    ) -> "Learned":
        """The learned curve through another curve's prices at the nodes of the grid.

        Args:
            curve: what to imitate.
            tariff: where to imitate it; over several steps with a spread, its
                relative prices are averaged.
            cells: of the grid, at least one.
            floor: the least increment, as a share of the spread. Where the curve is flat the
                increment would be zero, and an optimiser could never make it grow again.

        Raises:
            InvalidInput: if `cells` is not positive, or the tariff never has a spread.
        """
        if cells < 1:
            raise InvalidInput("cells", cells, "the grid needs at least one cell")
        spread = tariff.spread
        if not jnp.any(spread > 0):
            raise InvalidInput(
                "tariff", "no spread", "a curve has a shape only where retail exceeds feed-in"
            )
        nodes = jnp.linspace(0, 1, cells + 1).reshape(-1, *(1,) * spread.ndim)
        above = curve.schedule(nodes, tariff) - tariff.feed_in
        positions = safe_divide(above, jnp.broadcast_to(spread, above.shape), fallback=0.0)
        heights = positions.reshape(cells + 1, -1).sum(axis=1) / jnp.sum(spread > 0)
        increments = jnp.diff(heights, prepend=0.0, append=1.0)
        return cls(jnp.log(jnp.maximum(increments, floor)))

    def schedule(self, sold: Float[Array, "*#batch"], tariff: Tariff) -> Float[Array, "*batch"]:
        return tariff.feed_in + tariff.spread * self._position(sold)[0]

    def average(self, sold: Float[Array, "*#batch"], tariff: Tariff) -> Float[Array, "*batch"]:
        return tariff.feed_in + tariff.spread * self._position(sold)[1]

    def _position(
        self, sold: Float[Array, "*batch"]
    ) -> tuple[Float[Array, "*batch"], Float[Array, "*batch"]]:
        """The marginal and the average price, as positions between feed-in (0) and retail (1)."""
        heights = jnp.cumsum(jax.nn.softmax(self.logits))[:-1]
        cells = heights.size - 1
        cell = jnp.clip(jnp.floor(sold * cells), 0, cells - 1).astype(int)
        fraction = sold * cells - cell
        left, right = heights[cell], heights[cell + 1]
        marginal = left + fraction * (right - left)

        trapezoids = (heights[:-1] + heights[1:]) / (2 * cells)
        areas = jnp.concatenate([jnp.zeros_like(trapezoids[:1]), jnp.cumsum(trapezoids[:-1])])
        area = areas[cell] + fraction / cells * (left + marginal) / 2
        # In the first cell the quotient is a polynomial, free of 0/0 at u = 0.
        first = cell == 0
        quotient = area / jnp.where(first, 1.0, sold)
        return marginal, jnp.where(first, (left + marginal) / 2, quotient)
