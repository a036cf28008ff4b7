"""The linear system that moves all prices at once: (I − P′·L′)·Δπ = b.

L′, how households' flows answer to prices, links the steps within each cluster; P′, how the
market's prices answer to flows, links the clusters within each step. With clusters apart, or one
community, the system is solved block by block. Coupled clusters are eliminated onto what they see
of each other, in as many of the coupling's leading directions as a dense solve affords; what that
leaves is small, and GMRES makes up for it.
"""

import functools
from collections.abc import Callable
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from mfgamm.core import Flows
from mfgamm.fixed_point import solve_linear
from mfgamm.market import AbstractClusteredMarket, AbstractMarket

SELL, BUY = 0, 1
# Unknowns of the dense system that couples clusters: beyond, its factorisation takes longer than
# the steps of GMRES that it saves (a hundred clusters of 96 steps: 12 steps here, 7 with 3,000).
MOST_COUPLED = 1000
# To which GMRES solves, and how long it may take.
ACCURACY, RESTART, MOST_CYCLES = 1e-10, 100, 3

# Flows or prices, of all clusters if there are any, sell or supply first.
Sides = Float[Array, "side *cluster time"]
# Derivatives of one by another, cluster by cluster and step by step.
Local = Float[Array, "out side cluster time"]
Block = Float[Array, "cluster row column"]


class Sight(NamedTuple):
    """The leading part of what clusters see of each other: W ≈ left·right."""

    left: Float[Array, "cluster rank"]
    right: Float[Array, "rank cluster"]


def leading_sight(market: AbstractMarket, clusters: int, steps: int) -> Sight | None:
    """The coupling in as many directions as a dense solve affords; None if clusters are apart."""
    if not isinstance(market, AbstractClusteredMarket):
        return None
    rank = min(clusters, max(1, MOST_COUPLED // (2 * steps)))
    left, sizes, right = jnp.linalg.svd(market.sight(clusters))
    return Sight(left[:, :rank] * sizes[:rank], right[:rank])


class PriceSystem(eqx.Module):
    """The system at given flows.

    Attributes:
        market: whose prices they are.
        flows: supply and demand, kW per household.
        response: derivative of flows by prices within each cluster, kW per €/kWh.
        sight: of the coupling, None if clusters are apart.
        damping: σ of each cluster, added to the diagonal: 0 for Newton's method, more for shorter
            steps along dπ/dτ = P(L(π)) − π.
    """

    market: AbstractMarket
    flows: Sides
    response: Float[Array, "cluster side time side time"]
    sight: Sight | None
    damping: Float[Array, " cluster"]

    def apply(self, change: Sides) -> Sides:
        """((1 + σ)·I − P′·L′)·Δπ."""
        moved = _answer(self.response, change)
        kept = (1 + self.damping)[:, None] * by_cluster(change)
        return kept.reshape(change.shape) - self.by_flows(moved)

    def by_flows(self, moved: Sides) -> Sides:
        """P′·ΔF, €/kWh."""
        return jax.jvp(self._quote, (self.flows,), (moved,))[1]

    def solve(self, right: Sides) -> Sides:
        """Δπ; differentiable in `right`, forward and backward."""
        if self.sight is None:
            return _Blocks.of(self).solve(right)
        eliminate = _Elimination.of(self, self.sight).solve
        transposed = jax.linear_transpose(eliminate, right)

        solve = functools.partial(
            solve_linear, tolerance=ACCURACY, restart=RESTART, cycles=MOST_CYCLES
        )
        return jax.lax.custom_linear_solve(
            self.apply,
            right,
            solve=lambda apply, b: solve(apply, b, precondition=eliminate),
            transpose_solve=lambda apply, b: solve(
                apply, b, precondition=lambda x: transposed(x)[0]
            ),
        )

    def _quote(self, flows: Sides) -> Sides:
        return quote(self.market, flows)


def quote(market: AbstractMarket, flows: Float[Array, "side *cluster time"]):
    """Prices of a market as one array, `[side, *cluster, time]`."""
    prices = market.prices(Flows(supply=flows[SELL], demand=flows[BUY]))
    return jnp.stack([prices.sell, prices.buy])


class _Blocks(eqx.Module):
    """I − P′·L′ of every cluster by itself, factorised.

    Attributes:
        factor: LU of each block, `[cluster, row, column]`, and its pivots, `[cluster, row]`.
    """

    factor: tuple[Block, Array]

    @classmethod
    def of(cls, system: PriceSystem) -> "_Blocks":
        return cls.closed_by(_slopes(system._quote, system.flows), system)

    @classmethod
    def closed_by(cls, quoted: Local, system: PriceSystem) -> "_Blocks":
        answered = _scaled(quoted, system.response)
        clusters, size = answered.shape[0], answered.shape[1] * answered.shape[2]
        kept = (1 + system.damping)[:, None, None] * jnp.eye(size)
        blocks = kept - answered.reshape(clusters, size, size)
        # One after another: two batched factorisations at once wait for each other forever, on the
        # pool of threads that jaxlib's LAPACK calls share (seen with jaxlib 0.10).
        return cls(jax.lax.map(jax.scipy.linalg.lu_factor, blocks))

    def solve(self, right: Sides) -> Sides:
        return _block_by_block(self.over, right)

    def inverse(self) -> Block:
        clusters, size = self.factor[1].shape
        return self.over(jnp.broadcast_to(jnp.eye(size), (clusters, size, size)))

    def over(self, columns: Block) -> Block:
        def solve(block):
            factor, right = block
            return jax.scipy.linalg.lu_solve(factor, right)

        return jax.lax.map(solve, (self.factor, columns))


class _Elimination(eqx.Module):
    """The system with the coupling cut to its leading part W ≈ left·right, factorised.

    It need not be exact, so blocks are inverted: products are faster than substitutions.

    With Q, K the derivatives of prices by own flows and by what is seen, O that of offers by
    flows, and B = I − Q·L′, what is seen moves by left·a with

        (I − Σ_p right_p·O_p·L′_p·B_p⁻¹·K_p·left_p)·a = right·O·L′·B⁻¹·b.
    """

    inverse: Block
    response: Float[Array, "cluster side time side time"]
    seen: Local
    offered: Local
    sight: Sight
    factor: tuple[Float[Array, "coupled coupled"], Array]

    @classmethod
    def of(cls, system: PriceSystem, sight: Sight) -> "_Elimination":
        market, flows = system.market, system.flows
        assert isinstance(market, AbstractClusteredMarket)

        def offers(flows: Sides) -> Sides:
            brought = market.offers(Flows(supply=flows[SELL], demand=flows[BUY]))
            return jnp.stack([brought.supply, brought.demand])

        def quote(flows: Sides, seen: Sides) -> Sides:
            own = Flows(supply=flows[SELL], demand=flows[BUY])
            prices = market.quote(own, Flows(supply=seen[SELL], demand=seen[BUY]))
            return jnp.stack([prices.sell, prices.buy])

        brought = market.see(Flows(*offers(flows)))
        seen = jnp.stack([brought.supply, brought.demand])
        offered = _slopes(offers, flows)
        inverse = _Blocks.closed_by(_slopes(lambda f: quote(f, seen), flows), system).inverse()
        by_sight = _slopes(lambda s: quote(flows, s), seen)
        factor = _coupled(inverse, system.response, by_sight, offered, sight)
        return cls(inverse, system.response, by_sight, offered, sight, factor)

    def solve(self, right: Sides) -> Sides:
        alone = self._alone(right)
        moved = _answer(self.response, alone)
        brought = jnp.einsum("kc,oscu,scu->kou", self.sight.right, self.offered, moved)
        shape = brought.shape
        shared = jax.scipy.linalg.lu_solve(self.factor, brought.ravel()).reshape(shape)
        pushed = jnp.einsum("pscu,ck,ksu->pcu", self.seen, self.sight.left, shared)
        return alone + self._alone(pushed)

    def _alone(self, right: Sides) -> Sides:
        multiply = functools.partial(jnp.matmul, self.inverse, precision="highest")
        return _block_by_block(multiply, right)


def _coupled(inverse: Block, response, seen: Local, offered: Local, sight: Sight):
    """LU of the system in what clusters see of each other."""
    clusters, sides, steps = response.shape[:3]
    size, rank = sides * steps, sight.right.shape[0]
    push = jnp.einsum("pscu,uv->cpusv", seen, jnp.eye(steps)).reshape(clusters, size, size)
    pushed = jnp.matmul(inverse, push, precision="highest")
    moved = jnp.matmul(response.reshape(clusters, size, size), pushed, precision="highest")
    brought = _scaled(offered, moved.reshape(clusters, sides, steps, sides, steps))
    pairs = (sight.right[:, None] * sight.left.T).reshape(rank * rank, clusters)
    coupling = jnp.matmul(pairs, brought.reshape(clusters, -1), precision="highest")
    coupling = coupling.reshape(rank, rank, size, size).transpose(0, 2, 1, 3)
    matrix = jnp.eye(rank * size) - coupling.reshape(rank * size, rank * size)
    return jax.scipy.linalg.lu_factor(matrix)


def _slopes(function, at: Sides) -> Local:
    """Derivatives of a function that acts on each cluster and step by itself."""

    def along(side):
        return jax.jvp(function, (at,), (jnp.zeros_like(at).at[side].set(1.0),))[1]

    slopes = jnp.stack([along(SELL), along(BUY)], axis=1)
    return slopes.reshape(2, 2, -1, at.shape[-1])


def by_cluster(sides: Sides) -> Float[Array, "side cluster time"]:
    """With an axis for clusters, of length one if there are none."""
    return sides.reshape(2, -1, sides.shape[-1])


def _block_by_block(operate: Callable[[Block], Block], right: Sides) -> Sides:
    """What an operation on each cluster's column, both sides and all steps in one, makes of it."""
    rows = jnp.moveaxis(by_cluster(right), 1, 0)
    found = operate(rows.reshape(rows.shape[0], -1, 1))
    return jnp.moveaxis(found.reshape(rows.shape), 0, 1).reshape(right.shape)


def _answer(response: Float[Array, "cluster side time side time"], prices: Sides) -> Sides:
    """Change of flows with a change of prices."""
    columns = by_cluster(prices)
    moved = jnp.einsum("csubv,bcv->scu", response, columns, precision="highest")
    return moved.reshape(prices.shape)


def _scaled(local: Local, rows: Float[Array, "cluster side time side time"]):
    """A local derivative applied to the rows of each cluster's matrix."""
    return jnp.einsum("oscu,csubv->coubv", local, rows, precision="highest")
