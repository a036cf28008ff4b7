"""Fokker–Planck: where households go, by the transpose of the operator that values them."""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from mfgamm.core import InvalidInput, concrete
from mfgamm.meanfield.backward import backward, by_time, cost_of
from mfgamm.meanfield.control import Policy
from mfgamm.meanfield.model import ControlledDiffusion, Moment
from mfgamm.meanfield.strategy import AbstractStrategy

Probability = Float[Array, "*state"]
Observe = Callable[[ControlledDiffusion, Moment, Probability, Policy], PyTree]


class Evolution(eqx.Module):
    """How a population moved.

    Attributes:
        final: probabilities of the states at the end.
        cost: expected cost of a household over the horizon, terminal cost included, €; without
            what entropy is worth.
        observed: what was asked for at every step, time last.
    """

    final: Probability
    cost: Float[Array, ""]
    observed: PyTree[Array]


def mean_state(
    model: ControlledDiffusion, now: Moment, probability: Probability, policy: Policy
) -> tuple[Float[Array, ""], ...]:
    """Averages of the state variables at the beginning of a step."""
    del now, policy
    return tuple(model.grid.mean(probability, each) for each in model.grid.state)


def whole_density(
    model: ControlledDiffusion, now: Moment, probability: Probability, policy: Policy
) -> Probability:
    """The probabilities themselves."""
    del model, now, policy
    return probability


def forward(
    model: ControlledDiffusion,
    environment: PyTree[Float[Array, "... time"]],
    strategy: AbstractStrategy,
    start: Probability,
    observe: Observe = mean_state,
) -> Evolution:
    """Move the population through all steps (GMFG paper, eq. 28).

    A step is the transpose of the very operator that `backward` applies, so that mass is kept,
    probabilities stay nonnegative, and ⟨V_t, m_t⟩ = ⟨V_{t+1}, m_{t+1}⟩ + cost of the step, to
    rounding and for every scheme.

    Args:
        model: the decision problem.
        environment: what the mean field sets, time last.
        strategy: what the households do.
        start: probabilities of the states at the beginning.
        observe: what to keep of every step, from (model, now, probability, policy).

    Raises:
        InvalidInput: if the start is not a distribution on the grid, or the environment has another
            number of steps.
    """
    _require_distribution(model, start)
    series = by_time(model, environment)

    def step(carry, piece):
        probability, cost = carry
        number, surroundings, own = piece
        now = model.moment(number)
        policy = strategy.policy(model, now, surroundings, own)
        paid = model.grid.mean(probability, cost_of(model, now, policy, surroundings))
        seen = observe(model, now, probability, policy)
        return (push(model, now, policy, probability), cost + paid), seen

    pieces = (jnp.arange(model.steps), series, strategy.series())
    (final, cost), observed = jax.lax.scan(step, (start, jnp.zeros((), start.dtype)), pieces)
    last = jax.tree.map(lambda each: each[-1], series)
    cost = cost + model.grid.mean(final, model.terminal(last, start.dtype))
    return Evolution(final, cost, jax.tree.map(lambda each: jnp.moveaxis(each, 0, -1), observed))


def push(
    model: ControlledDiffusion, now: Moment, policy: Policy, probability: Probability
) -> Probability:
    """One step of the population: the transpose of `model.follow`."""
    transpose = jax.linear_transpose(
        lambda value: model.follow(now, policy, value), jax.eval_shape(lambda: probability)
    )
    return transpose(probability)[0]


def exploitability(
    model: ControlledDiffusion,
    environment: PyTree[Float[Array, "... time"]],
    strategy: AbstractStrategy,
    start: Probability,
) -> Float[Array, ""]:
    """What a household gains at most by leaving the strategy while the environment stays, €.

    Zero, with the environment that the strategy itself leads to, is a mean field equilibrium of the
    game without entropy.
    """
    best = model.grid.mean(start, backward(model, environment)[0])
    return forward(model, environment, strategy, start).cost - best


def _require_distribution(model: ControlledDiffusion, start: Probability) -> None:
    if start.shape != model.grid.shape:
        raise InvalidInput("start", f"shape {start.shape}", f"the grid has {model.grid.shape}")
    known = concrete(start)
    if known is None:
        return
    if known.min() < 0 or abs(float(known.sum()) - 1) > 1e-5:
        raise InvalidInput(
            "start",
            f"least {known.min():.2g}, total {known.sum():.6g}",
            "must be probabilities: nonnegative, and one in total",
        )
