"""The equilibrium of a restricted game: an interior point method on its complementarity problem.

Plans in use must be the cheapest: weight λ ≥ 0, excess z = cost − value ≥ 0, λ·z = 0. Newton's
method follows λ·z = μ as μ falls. Eliminating λ, z and the values leaves one unknown per step,
the change of the share of supply there, whatever the number of households.
"""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from mfgamm.core import Number
from mfgamm.equilibrium.restricted_game import RestrictedGame, Slopes

MAX_ITERATIONS = 50
# How much of a start is spread evenly over the plans held, to move it off the boundary.
SPREAD = 0.1
# How far towards the boundary a step may go.
TO_BOUNDARY = 0.99
LEAST_CENTRING = 1e-4
# Numbers in one array of a block of types: measured, half a megabyte in double precision.
BLOCK_SIZE = 60_000


class MasterSolution(eqx.Module):
    """The best weights found.

    Attributes:
        weights: of the plans.
        regret: what households would still save by following their cheapest plan, €.
        iterations: of Newton's method.
    """

    weights: Float[Array, "plan type"]
    regret: Float[Array, ""]
    iterations: Int[Array, ""]


class _Iterate(NamedTuple):
    weights: Float[Array, "plan type"]
    excess: Float[Array, "plan type"]
    value: Float[Array, " type"]


class _Search(NamedTuple):
    iterate: _Iterate
    costs: Float[Array, "plan type"]
    best: MasterSolution


@eqx.filter_jit
def solve_master(
    game: RestrictedGame, start: Float[Array, "plan type"], goal: Float[Array, ""]
) -> MasterSolution:
    """Weights at which no household gains by following another plan of its type.

    Args:
        game: the plans.
        start: weights to begin with.
        goal: regret at which to stop, €, averaged over the population.

    Returns:
        The weights of least regret met on the way, the start included: never worse than it.
    """

    def goes_on(search: _Search):
        return (search.best.regret > goal) & (search.best.iterations < MAX_ITERATIONS)

    def advance(search: _Search):
        step = _newton_step(game, search.iterate, search.costs)
        return _note(game, _move(game.held, search.iterate, step), search.best)

    costs = game.costs(game.market.prices(game.flows(start)))
    regret = game.mass @ game.regret(start, costs)
    best = MasterSolution(start, regret, jnp.asarray(0))
    search = _note(game, _interior(game, start, regret), best)
    return jax.lax.while_loop(goes_on, advance, search).best


def _interior(
    game: RestrictedGame, start: Float[Array, "plan type"], regret: Float[Array, ""]
) -> _Iterate:
    """A strictly positive iterate near the start, of about its regret."""
    even = SPREAD / jnp.sum(game.held, axis=0)
    weights = jnp.where(game.held, (1 - SPREAD) * start + even, 0.0)
    costs = game.costs(game.market.prices(game.flows(weights)))
    margin = jnp.maximum(game.regret(weights, costs), regret)
    value = game.least(costs) - margin
    return _Iterate(weights, jnp.where(game.held, costs - value, 1.0), value)


def _note(game: RestrictedGame, iterate: _Iterate, best: MasterSolution) -> _Search:
    """Where the search stands at an iterate, and the best so far."""
    costs = game.costs(game.market.prices(game.flows(iterate.weights)))
    regret = game.mass @ game.regret(iterate.weights, costs)
    better = regret < best.regret
    return _Search(
        iterate,
        costs,
        MasterSolution(
            weights=jnp.where(better, iterate.weights, best.weights),
            regret=jnp.where(better, regret, best.regret),
            iterations=best.iterations + 1,
        ),
    )


def _newton_step(game: RestrictedGame, at: _Iterate, costs: Float[Array, "plan type"]) -> _Iterate:
    """Mehrotra's predictor and corrector, as a change of the iterate."""
    held, mass = game.held, game.mass * game.held
    product = at.weights * at.excess
    barrier = jnp.sum(mass * product) / jnp.sum(mass)
    system = _Condensed.of(game, at)
    drift = jnp.where(held, costs - at.value - at.excess, 0.0)
    predictor = system.solve(-product, drift)
    length = _longest(held, at, predictor)
    reached = (at.weights + length * predictor.weights) * (at.excess + length * predictor.excess)
    fall = jnp.sum(mass * reached) / jnp.sum(mass) / barrier
    centring = jnp.clip(fall**3, LEAST_CENTRING, 1.0)
    # Where the predictor got stuck its second-order term is no guide: in full it makes steps cycle
    # between two bounds near the kink of prices at balance.
    bend = length * predictor.weights * predictor.excess
    return system.solve(centring * barrier - product - bend, drift)


class _Condensed(eqx.Module):
    """Newton's matrix, factorised after all but the shares of supply are eliminated.

    With θ = λ/z, slopes Q of the shares by weights and G of costs by shares, the change τ obeys
    (I + Σ mass·θ·Qᵀ(G − Ḡ)) τ = right-hand side; Ḡ is a type's mean of G with weights θ.
    """

    game: RestrictedGame
    at: _Iterate
    stiffness: Float[Array, "plan type"]
    slopes: Slopes
    factor: tuple[Float[Array, "time time"], Int[Array, " time"]]

    @classmethod
    def of(cls, game: RestrictedGame, at: _Iterate) -> "_Condensed":
        stiffness = jnp.where(game.held, at.weights / at.excess, 0.0)
        slopes = game.slopes(game.flows(at.weights))
        matrix = _condensed_matrix(game, stiffness, slopes)
        return cls(game, at, stiffness, slopes, jax.scipy.linalg.lu_factor(matrix))

    def solve(
        self, product: Float[Array, "plan type"], drift: Float[Array, "plan type"]
    ) -> _Iterate:
        """The step that changes λ·z by `product` to first order and makes up for `drift` in z."""
        held, stiffness = self.game.held, self.stiffness
        total = jnp.sum(stiffness, axis=0)
        alone = jnp.where(held, product / self.at.excess - stiffness * drift, 0.0)
        shortfall = 1 - jnp.sum(self.at.weights, axis=0)
        raised = (shortfall - jnp.sum(alone, axis=0)) / total
        households = (alone + stiffness * raised) * self.game.mass
        moved = self.slopes.share(self.game, households)
        share = jax.scipy.linalg.lu_solve(self.factor, moved)
        dearer = self.slopes.costs(self.game, share)
        value = raised + jnp.sum(stiffness * dearer, axis=0) / total
        return _Iterate(
            weights=alone - stiffness * (dearer - value),
            excess=jnp.where(held, drift + dearer - value, 0.0),
            value=value,
        )


def _condensed_matrix(
    game: RestrictedGame, stiffness: Float[Array, "plan type"], slopes: Slopes
) -> Float[Array, "time time"]:
    """Newton's matrix over the shares of supply, summed over blocks of types that fit a cache."""
    plans, types, steps = game.sold.shape
    size = min(types, max(1, BLOCK_SIZE // (plans * steps)))

    def add(index, matrix):
        # The last block reaches back to stay within the types; what it repeats is left out.
        first = jnp.minimum(index * size, types - size)
        new = first + jnp.arange(size) >= index * size

        def block(array, axis):
            return jax.lax.dynamic_slice_in_dim(array, first, size, axis)

        sold, bought, stiff = (block(x, 1) for x in (game.sold, game.bought, stiffness))
        costs = slopes.of_revenue * sold + slopes.of_payment * bought
        mean = jnp.einsum("kn,knt->nt", stiff, costs) / jnp.sum(stiff, axis=0)[:, None]
        shares = slopes.by_sale * sold + slopes.by_purchase * bought
        pushes = (stiff * block(game.mass, 0) * new)[..., None] * shares
        left, right = (rows.reshape(-1, steps) for rows in (pushes, costs - mean))
        return matrix + jnp.matmul(left.T, right, precision="highest")

    return jax.lax.fori_loop(0, -(-types // size), add, jnp.eye(steps))


def _longest(
    held: Bool[Array, "plan type"], at: _Iterate, step: _Iterate, reach: Number = 1.0
) -> Float[Array, ""]:
    """The part of a step, at most all of it, that goes `reach` of the way to the boundary."""

    def bound(value, change):
        falls = held & (change < 0)
        return jnp.min(jnp.where(falls, -value / jnp.where(falls, change, -1.0), jnp.inf))

    both = jnp.minimum(bound(at.weights, step.weights), bound(at.excess, step.excess))
    return jnp.minimum(1.0, reach * both)


def _move(held: Bool[Array, "plan type"], at: _Iterate, step: _Iterate) -> _Iterate:
    length = _longest(held, at, step, TO_BOUNDARY)
    return jax.tree.map(lambda value, change: value + length * change, at, step)
