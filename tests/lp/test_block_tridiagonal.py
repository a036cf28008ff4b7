"""The factorisation by way of Newton steps, beside exact rational arithmetic."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from oracles.random_programs import random_program
from oracles.rational import exact, solve_exactly

from mfgamm.lp.newton import factorise_newton, solve_newton
from mfgamm.lp.storage_program import Multipliers

TIME, STORES, LANES = 3, 2, 4
TRADE, IN, OUT, STATE = slice(0, 3), slice(3, 5), slice(5, 7), slice(7, 9)

# Powers of ten between which the variances of trade, flows in, flows out and states lie.
SIZES = {
    "all alike": [(-1, 1)] * 4,
    "idle stores": [(-12, -8), (-12, -8), (-12, -8), (8, 12)],
    "stores that serve only each other": [(-16, -12), (3, 6), (-16, -12), (-16, -12)],
    "such stores, out of what they have": [(-16, -12), (-16, -12), (3, 6), (-16, -12)],
    "one in, the other out of a large state": [(-16, -12), (-16, -12), (3, 6), (-12, 6)],
}


def variances(sizes, random):
    variance = np.empty((9, TIME, LANES))
    for group, (low, high) in zip((TRADE, IN, OUT, STATE), sizes, strict=True):
        shape = variance[group].shape
        variance[group] = 10.0 ** random.uniform(low, high, shape)
    return variance


def exact_step(program, variance, r1, r2):
    """(Δv, Δy) of one lane, of the numbers as they are, rounded once at the end."""
    unit = jnp.eye(variance.size).reshape(*variance.shape[:2], -1)
    spread = jax.tree.map(lambda x: jnp.repeat(x, unit.shape[-1], axis=-1), program)
    left = spread.apply(unit)
    matrix = exact(np.concatenate([left.balance[None], left.storage]).reshape(-1, variance.size))
    d, pull = exact(variance.ravel()), exact(r1.ravel())
    right = exact(np.concatenate([r2.balance[None], r2.storage]).ravel()) - matrix @ (d * pull)
    y = solve_exactly((matrix * d) @ matrix.T, right)
    return (d * (pull + matrix.T @ y)).astype(float), y.astype(float)


@jax.jit
def newton_step(program, variance, r1, r2):
    return solve_newton(program, factorise_newton(program, variance), r1, r2)


@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES.keys())
@pytest.mark.parametrize("retains", [True, False])
def test_a_step_is_right_however_singular_the_matrix(sizes, retains):
    random = np.random.default_rng(0)
    program = random_program(STORES, TIME, LANES, seed=4)
    if retains:
        program = dataclasses.replace(program, retention=jnp.ones_like(program.retention))
    variance = variances(sizes, random)
    r1 = random.normal(size=variance.shape)
    r2 = Multipliers(random.normal(size=(TIME, LANES)), random.normal(size=(STORES, TIME, LANES)))
    move, multipliers = newton_step(program, variance, r1, r2)
    found = np.concatenate([multipliers.balance[None], multipliers.storage]).reshape(-1, LANES)
    for lane in range(LANES):
        one = [jax.tree.map(lambda x, k=lane: x[..., [k]], z) for z in (program, r1, r2)]
        exact_move, exact_multipliers = exact_step(one[0], variance[..., [lane]], *one[1:])
        assert_close(found[:, lane], exact_multipliers, 1e-11)
        # States with room move by differences of multipliers that agree to many digits.
        least = 1e-3 if np.max(variance[STATE]) > 1e8 else 1e-9
        assert_close(move[..., lane].ravel(), exact_move, least)


def assert_close(found, expected, tolerance):
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * np.max(np.abs(expected)))


def test_a_chain_of_idle_steps_loses_nothing():
    """Variances twenty orders of magnitude apart, one store: W large, M tiny."""
    program = random_program(1, 6, 1, seed=0)
    program = dataclasses.replace(program, retention=jnp.ones_like(program.retention))
    variance = np.zeros((6, 6, 1))
    variance[0] = 1.0
    variance[3, :, 0] = [1e-10, 2e-10, 3.0, 1e-10, 5e-11, 1e-10]
    variance[5, :, 0] = [1e10, 2e10, 1e10, 3e10, 1e10, 1e-3]
    r2 = Multipliers(np.zeros((6, 1)), np.array([[[1.0], [-0.5], [2.0], [0.25], [-1.0], [0.5]]]))
    _, found = newton_step(program, variance, np.zeros_like(variance), r2)
    _, expected = exact_step(program, variance, np.zeros_like(variance), r2)
    np.testing.assert_allclose(found.storage.ravel(), expected[6:], rtol=1e-9)
