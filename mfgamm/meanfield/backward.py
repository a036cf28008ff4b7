"""Bellman's recursion: the cost-to-go of every state, backward in time."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from mfgamm.core import InvalidInput, concrete
from mfgamm.meanfield.control import Levels, Policy, QuadraticControls, slope_along
from mfgamm.meanfield.model import ControlledDiffusion, Moment

Value = Float[Array, "*state"]


def backward(
    model: ControlledDiffusion,
    environment: PyTree[Float[Array, "... time"]],
    temperature: Float[Array, ""] | float | None = None,
) -> Float[Array, "instant *state"]:
    """Least expected cost from every step and state on (GMFG paper, eqs. 21 and 22).

        V_t = min_π Σ_u π(u)·[Δ·ℓ(u) + E_u V_{t+1} + τ·log π(u)]

    Time comes first here, as the recursion runs. For many clusters, `jax.vmap` over environments.

    Args:
        model: the decision problem.
        environment: what the mean field sets, time last.
        temperature: τ of the entropy that each decision earns, €; None for none: the bang-bang
            law is τ → 0 (GMFG paper, eqs. 24 to 27, with the price term that they leave out).

    Returns:
        V, € , at the beginning of every step and at the end.

    Raises:
        InvalidInput: if the environment has another number of steps, or τ is not positive, or is
            given for controls that are not levels.
    """
    temperature = require_temperature(model, temperature)

    def step(value: Value, piece) -> tuple[Value, Value]:
        number, surroundings = piece
        now = model.moment(number)
        before, _ = decide(model, now, surroundings, temperature, value)
        return before, before

    final, values = _sweep(model, environment, step)
    return jnp.concatenate([values, final[None]])


def evaluate(
    model: ControlledDiffusion,
    environment: PyTree[Float[Array, "... time"]],
    policies: Float[Array, "time ..."],
) -> Float[Array, "instant *state"]:
    """Expected cost, €, of a given policy from every step and state on.

    Args:
        model: the decision problem.
        environment: what the mean field sets, time last.
        policies: of every step, time first.

    Raises:
        InvalidInput: if the environment has another number of steps.
    """

    def step(value: Value, piece) -> tuple[Value, Value]:
        number, surroundings, policy = piece
        now = model.moment(number)
        before = cost_of(model, now, policy, surroundings) + model.follow(now, policy, value)
        return before, before

    final, values = _sweep(model, environment, step, policies)
    return jnp.concatenate([values, final[None]])


def costs_to_go(
    model: ControlledDiffusion,
    environment: PyTree[Float[Array, "... time"]],
    policies: Float[Array, "time *level_state"],
) -> Float[Array, "time *level_state"]:
    """Expected cost, €, of every choice in every state, if a policy is followed afterwards.

    Args:
        model: the decision problem; its controls are levels.
        environment: what the mean field sets, time last.
        policies: of every step, time first.

    Raises:
        InvalidInput: if the controls are no levels, or the environment has another number of steps.
    """
    if not isinstance(model.controls, Levels):
        raise InvalidInput("model.controls", type(model.controls).__name__, "must be Levels")
    levels = model.controls.options(model.grid)

    def step(value: Value, piece) -> tuple[Value, Policy]:
        number, surroundings, policy = piece
        now = model.moment(number)
        costs = model.cost(now, levels, surroundings) + model.expect(now, levels, value)
        return model.average(policy, costs), jnp.broadcast_to(costs, policy.shape)

    return _sweep(model, environment, step, policies)[1]


def decide(
    model: ControlledDiffusion,
    now: Moment,
    environment: Any,
    temperature: Float[Array, ""] | None,
    value: Value,
) -> tuple[Value, Policy]:
    """The value before a step and the policy that attains it, from the value after it."""
    if isinstance(model.controls, Levels):
        return _decide_level(model, now, environment, temperature, value)
    assert isinstance(model.controls, QuadraticControls)
    return _decide_quadratic(model, now, environment, value)


def cost_of(model: ControlledDiffusion, now: Moment, policy: Policy, environment: Any) -> Value:
    """Expected cost of a step in every state, €, without what entropy is worth."""
    options = model.controls.options(model.grid, policy)
    return model.average(policy, model.cost(now, options, environment))


def by_time(model: ControlledDiffusion, environment: PyTree) -> PyTree:
    """The environment with time first.

    Raises:
        InvalidInput: if it has another number of steps.
    """
    for leaf in jax.tree.leaves(environment):
        if jnp.ndim(leaf) == 0 or jnp.shape(leaf)[-1] != model.steps:
            raise InvalidInput(
                "environment",
                f"shape {jnp.shape(leaf)}",
                f"time must be the last axis, {model.steps} steps long; `vmap` over clusters",
            )
    return jax.tree.map(lambda each: jnp.moveaxis(jnp.asarray(each), -1, 0), environment)


def require_temperature(model: ControlledDiffusion, temperature) -> Float[Array, ""] | None:
    """The temperature as an array.

    Raises:
        InvalidInput: if it is not positive, or entropy has no closed form here.
    """
    if temperature is None:
        return None
    if not isinstance(model.controls, Levels):
        raise InvalidInput("temperature", "given", "only levels can be mixed; leave it out")
    known = concrete(jnp.asarray(temperature))
    if known is not None and not known > 0:
        raise InvalidInput("temperature", float(known), "must be positive, or None for none")
    return jnp.asarray(temperature)


def _decide_level(model, now, environment, temperature, value):
    levels = model.controls.options(model.grid)
    expected = model.expect(now, levels, value)
    shape = (*model.controls.shape, *model.grid.shape)
    costs = model.cost(now, levels, environment) + expected
    costs = jnp.broadcast_to(costs.astype(value.dtype), shape)
    return model.controls.choose(costs, temperature)


def _decide_quadratic(model, now, environment, value):
    state = model.grid.state
    steered = [motion for motion in model.motions if motion.controlled]
    slopes = [slope_along(model.grid.axes[each.axis], each.axis, value) for each in steered]

    def hamiltonian(controls):
        gained = sum(
            slope * motion.drift(now, state, controls)
            for slope, motion in zip(slopes, steered, strict=True)
        )
        return model.running_cost(now, state, controls, environment) + gained

    policy = model.controls.choose(hamiltonian, model.grid.shape, value.dtype)
    before = cost_of(model, now, policy, environment) + model.follow(now, policy, value)
    return before, policy


def _dtype(series: PyTree):
    leaves = jax.tree.leaves(series)
    return jnp.result_type(*leaves) if leaves else jnp.result_type(float)


def _sweep(model: ControlledDiffusion, environment: PyTree, step, *series: Array):
    """The last value, and what a step backward makes of (number, environment, *series), by time."""
    by_step = by_time(model, environment)
    final = model.terminal(jax.tree.map(lambda each: each[-1], by_step), _dtype(by_step))
    pieces = (jnp.arange(model.steps), by_step, *series)
    return final, jax.lax.scan(step, final, pieces, reverse=True)[1]
