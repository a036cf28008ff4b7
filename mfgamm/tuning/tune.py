"""Tune a market: gradient steps through equilibria, each found from the last.

Every step follows the smoothed equilibrium of every community from where it was (Newton's method;
along a new path where that fails), differentiates the objective through it in reverse mode, moves
the parameters by Adam, and puts them back within their bounds.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Int

from mfgamm.core import AbstractSolution, InvalidInput, NotConverged, Number, Status
from mfgamm.equilibrium import (
    Certificate,
    Community,
    Game,
    Metrics,
    PathPoint,
    Smoothing,
    membership,
    metrics_of,
    polish,
    smoothed_equilibrium,
    smoothed_outcome,
    without_community,
)
from mfgamm.market import CommunityMarket
from mfgamm.tuning.judge import judge
from mfgamm.tuning.knobs import Design, Parameters, initial_parameters, tuned_market
from mfgamm.tuning.objectives import Objective

# How often a step without an equilibrium at its end is halved.
HALVINGS = 5


class Steps(eqx.Module):
    """What happened at each step.

    Attributes:
        loss: the objective, averaged over the communities.
        terms: its parts, not weighted.
        fresh: paths followed anew because the last equilibrium was too far.
    """

    loss: Float[np.ndarray, " step"]
    terms: Float[np.ndarray, "step objective"]
    fresh: Int[np.ndarray, " step"]


class Tuning(AbstractSolution):
    """A tuned market: a local optimum at best, the best that was seen in any case.

    Attributes:
        value: parameters by name.
        market: what they make of the first community's market.
        terms: the objectives there, at the smoothed equilibrium.
        status: CONVERGED if the gradient vanishes there as far as bounds allow, MAX_ITERATIONS
            if steps or patience ran out before, BREAKDOWN if no equilibrium could be found to go
            on from.
        residuals: how far a step against the gradient leads within the bounds: the largest
            change of a parameter, per range, with gradients per range too.
        start: parameters that the search began with.
        history: the steps.
        certificate: of the exact equilibrium of each community in the tuned market.
        metrics: of the same equilibria.
    """

    value: Parameters
    market: CommunityMarket
    terms: Float[np.ndarray, " objective"]
    status: Int[Array, ""]
    residuals: Float[Array, ""]
    start: Parameters
    history: Steps
    certificate: tuple[Certificate, ...]
    metrics: tuple[Metrics, ...]


class Schedule(NamedTuple):
    """How to search.

    Attributes:
        steps: at most.
        rate: of Adam at first, as a share of each parameter's range; it falls to zero.
        tolerance: improvement, relative to the first loss, that counts as one; and the residual,
            likewise, at which the gradient counts as none.
        patience: steps without an improvement after which the search is given up. Equilibria
            jump where the exact game has several, so losses go up and down.
        jitter: standard deviation of a random start, as a share of each range.
        seed: of the jitter.
    """

    steps: int = 60
    rate: float = 0.03
    tolerance: float = 1e-3
    patience: int = 12
    jitter: float = 0.0
    seed: int = 0


def tune(
    communities: Community | Sequence[Community],
    design: Design,
    objective: Objective,
    schedule: Schedule | None = None,
    *,
    start: Parameters | None = None,
    barrier: Number = 1e-4,
    blur: Number = 1e-3,
    on_step: Callable[[int, float], None] | None = None,
) -> Tuning:
    """Parameters of a market that make an objective small in equilibrium.

    Args:
        communities: alike in shape and market, e.g. several days; the objective is averaged.
        design: what to tune.
        objective: what to make small.
        schedule: how to search.
        start: parameters to begin with; those closest to the market if None.
        barrier, blur: of the smoothing, € and a share.
        on_step: called after every step with its number and the loss.

    Raises:
        InvalidInput: if there is nothing to tune, or the market is not a `CommunityMarket`.
        NotConverged: if there is no equilibrium to begin with.
    """
    given = (communities,) if isinstance(communities, Community) else tuple(communities)
    schedule = Schedule() if schedule is None else schedule
    smoothing = Smoothing(jnp.asarray(float(barrier)), jnp.asarray(float(blur)))
    search = _Search(given, design, objective, smoothing)
    parameters = initial_parameters(design, search.markets[0]) if start is None else start
    if schedule.jitter > 0:
        parameters = _jittered(design, parameters, schedule)
    best, status, history = search.run(parameters, schedule, on_step)
    markets = [tuned_market(design, base, best.parameters) for base in search.markets]
    judged = [
        judge(Community(each.population, market))
        for each, market in zip(given, markets, strict=True)
    ]
    return Tuning(
        value=best.parameters,
        market=markets[0],
        terms=np.asarray(best.terms),
        status=jnp.asarray(np.int32(status)),
        residuals=jnp.asarray(search.residual(best)),
        start=parameters,
        history=history,
        certificate=tuple(certificate for _, certificate in judged),
        metrics=tuple(metrics for metrics, _ in judged),
    )


@dataclasses.dataclass(frozen=True)
class _Visit:
    """A place that the search has been to, with the equilibria there."""

    parameters: Parameters
    points: tuple[PathPoint, ...]
    loss: float
    terms: Float[np.ndarray, " objective"]
    gradient: Parameters
    fresh: int


class _Search:
    """The communities with what is compiled for them."""

    def __init__(
        self,
        communities: tuple[Community, ...],
        design: Design,
        objective: Objective,
        smoothing: Smoothing,
    ):
        self.design, self.objective, self.smoothing = design, objective, smoothing
        markets = [each.market for each in communities]
        self.markets = [each for each in markets if isinstance(each, CommunityMarket)]
        if not markets or len(self.markets) < len(markets):
            remedy = "give at least one; each needs a CommunityMarket, whose curve can be tuned"
            raise InvalidInput("communities", len(markets), remedy)
        self.types = [each.population.types for each in communities]
        self.members = [membership(each.population.categories) for each in communities]
        alone = [without_community(each) for each in communities]
        self.starts = [each.plan for each in alone]
        self.benchmarks = [each.cost for each in alone]

    def run(self, parameters: Parameters, schedule: Schedule, on_step):
        """Adam until nothing improves: the best visit, how it ended, and what happened."""
        rate = optax.cosine_decay_schedule(schedule.rate, schedule.steps)
        optimiser = optax.adam(rate, b1=0.8, b2=0.95)
        state = optimiser.init(parameters)
        here = best = self.visit(parameters, None)
        visits, improved, status = [here], 0, Status.MAX_ITERATIONS
        margin = schedule.tolerance * abs(here.loss)
        for step in range(1, schedule.steps + 1):
            relative = _per_range(self.design, here.gradient)
            updates, state = optimiser.update(relative, state, here.parameters)
            try:
                here = self.move(here, _in_ranges(self.design, updates))
            except NotConverged:
                status = Status.BREAKDOWN
                break
            visits.append(here)
            if on_step is not None:
                on_step(step, here.loss)
            if here.loss < best.loss - margin:
                improved = step
            best = min(best, here, key=lambda visit: visit.loss)
            if step - improved >= schedule.patience or self.residual(here) <= margin:
                break
        if self.residual(best) <= margin:
            status = Status.CONVERGED
        return best, status, _steps(visits)

    def move(self, here: _Visit, updates: Parameters) -> _Visit:
        """A step within the bounds, halved until there is an equilibrium at its end."""
        for _ in range(HALVINGS):
            try:
                return self.visit(_moved(self.design, here.parameters, updates), here.points)
            except NotConverged:
                updates = jax.tree.map(lambda update: update / 2, updates)
        return self.visit(_moved(self.design, here.parameters, updates), here.points)

    def residual(self, visit: _Visit) -> float:
        """How far a step against the gradient leads within the bounds, in ranges."""
        descent = {name: -each for name, each in _per_range(self.design, visit.gradient).items()}
        goal = _moved(self.design, visit.parameters, _in_ranges(self.design, descent))
        moves = [
            jnp.max(jnp.abs(goal[name] - value)) / _range(self.design, name)
            for name, value in visit.parameters.items()
        ]
        return float(max(moves))

    def visit(self, parameters: Parameters, points: tuple[PathPoint, ...] | None) -> _Visit:
        reached, losses, terms, gradients, fresh = [], [], [], [], 0
        for k, types in enumerate(self.types):
            market = tuned_market(self.design, self.markets[k], parameters)
            game = Game(types, market, self.benchmarks[k])
            point, anew = self.follow(game, None if points is None else points[k], k)
            fresh += anew
            (loss, part), gradient = _gradient(
                parameters,
                (self.design, self.markets[k], self.objective),
                (Game(types, self.markets[k], self.benchmarks[k]), self.members[k]),
                (point, self.smoothing),
            )
            reached.append(point)
            losses.append(float(loss))
            terms.append(np.asarray(part))
            gradients.append(gradient)
        mean = jax.tree.map(lambda *each: sum(each) / len(each), *gradients)
        if not (np.all(np.isfinite(losses)) and _finite(mean)):
            raise NotConverged("the objective has no finite value or gradient here", parameters)
        return _Visit(
            parameters,
            tuple(reached),
            float(np.mean(losses)),
            np.mean(terms, axis=0),
            mean,
            fresh,
        )

    def follow(self, game: Game, point: PathPoint | None, k: int) -> tuple[PathPoint, bool]:
        """The equilibrium from the last one, or along a path of its own; and which of the two."""
        if point is not None:
            try:
                return polish(game, point, self.smoothing), False
            except NotConverged:
                pass
        return smoothed_equilibrium(game, self.starts[k], self.smoothing), point is not None


@eqx.filter_jit
def _gradient(parameters: Parameters, market, game, equilibrium):
    """Loss and terms at a smoothed equilibrium, with the loss's gradient by the parameters."""
    (design, base, objective), (game, members), (point, smoothing) = market, game, equilibrium

    def loss(parameters: Parameters):
        tuned = Game(game.types, tuned_market(design, base, parameters), game.benchmark_cost)
        metrics = metrics_of(tuned, smoothed_outcome(tuned, point, smoothing), members)
        terms = objective.terms(metrics, game.types.weights)
        return objective.weights @ terms, terms

    return jax.value_and_grad(loss, has_aux=True)(parameters)


def _steps(visits: list[_Visit]) -> Steps:
    return Steps(
        loss=np.array([each.loss for each in visits]),
        terms=np.stack([each.terms for each in visits]),
        fresh=np.array([each.fresh for each in visits]),
    )


def _range(design: Design, name: str) -> float:
    low, high = design[name].bounds
    return float(high - low)


def _per_range(design: Design, gradient: Parameters) -> Parameters:
    return {name: value * _range(design, name) for name, value in gradient.items()}


def _in_ranges(design: Design, updates: Any) -> Parameters:
    return {name: value * _range(design, name) for name, value in updates.items()}


def _projected(design: Design, parameters: Parameters) -> Parameters:
    return {name: jnp.clip(value, *design[name].bounds) for name, value in parameters.items()}


def _moved(design: Design, parameters: Parameters, updates: Parameters) -> Parameters:
    return _projected(design, {name: parameters[name] + updates[name] for name in parameters})


def _jittered(design: Design, parameters: Parameters, schedule: Schedule) -> Parameters:
    random = np.random.default_rng(schedule.seed)
    moved = {
        name: value + schedule.jitter * _range(design, name) * random.standard_normal(value.shape)
        for name, value in sorted(parameters.items())
    }
    return _projected(design, moved)


def _finite(tree) -> bool:
    return all(bool(jnp.all(jnp.isfinite(leaf))) for leaf in jax.tree.leaves(tree))
