"""The Newton system by itself: dense algebra as the oracle, both kernels alike."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from oracles.random_programs import random_program

from mfgamm.core import Clusters, Membership
from mfgamm.lp import linear_response
from mfgamm.lp.linear_response import exchange_response, newton_step
from mfgamm.lp.native import is_available

LANES = 11


@pytest.fixture(params=[True, False], ids=["native", "xla"])
def natively(request, monkeypatch):
    if request.param and not is_available():
        pytest.skip("no C++ compiler on this machine")
    monkeypatch.setattr(linear_response, "runs_natively", lambda program: request.param)
    return request.param


@pytest.fixture(scope="module")
def program():
    return random_program(2, 5, LANES, seed=6)


@pytest.fixture(scope="module")
def variance(program):
    random = np.random.default_rng(1)
    free = np.asarray(program.upper > program.lower)
    return jnp.asarray(np.where(free, 10.0 ** random.uniform(-2, 2, free.shape), 0.0))


def dense_inverse(program, variance, lane):
    """(v, y) as a linear function of (r₁, r₂), for the free variables of a lane."""
    single = jax.tree.map(lambda x: x[..., :1] * 1.0, program)
    single = jax.tree.map(lambda x, y: x.at[..., 0].set(y[..., lane]), single, program)
    shape = single.cost.shape

    def apply(v):
        left = single.apply(v.reshape(shape))
        return jnp.concatenate([left.balance.ravel(), left.storage.ravel()])

    matrix = np.asarray(jax.jacobian(apply)(jnp.zeros(single.cost.size)))
    v = np.asarray(variance[..., lane]).ravel()
    weighted = matrix * v
    return matrix, v, np.linalg.pinv(weighted @ matrix.T)


def test_a_step_solves_the_newton_system(program, variance, natively):
    random = np.random.default_rng(2)
    r1 = jnp.asarray(random.normal(size=program.cost.shape))
    r2 = jax.tree.map(lambda x: jnp.asarray(random.normal(size=x.shape)), program.residual(r1))
    move, change = newton_step(program, variance, r1, r2)
    left = program.apply(move)
    np.testing.assert_allclose(left.balance, r2.balance, atol=1e-10)
    np.testing.assert_allclose(left.storage, r2.storage, atol=1e-10)
    stationary = move - variance * (r1 + program.transpose(change))
    np.testing.assert_allclose(stationary, 0, atol=1e-9)


@pytest.mark.parametrize("cluster", [None, [0] * 9 + [2] * 2], ids=["community", "clusters"])
def test_exchanges_answer_as_dense_algebra_says(program, variance, natively, cluster):
    weights = jnp.asarray(np.random.default_rng(3).random(LANES))
    clusters = None if cluster is None else Clusters(np.array(cluster), 3)
    response = np.asarray(exchange_response(program, variance, Membership(weights, clusters)))
    count = response.shape[1] * response.shape[2]
    expected = np.zeros((1 if cluster is None else 3, count, count))
    for lane in range(LANES):
        matrix, v, inverse = dense_inverse(program, variance, lane)
        full = np.diag(v) - np.outer(v, v) * (matrix.T @ inverse @ matrix)
        place = 0 if cluster is None else cluster[lane]
        expected[place] += float(weights[lane]) * full[:count, :count]
    np.testing.assert_allclose(response.reshape(expected.shape), expected, rtol=1e-7, atol=1e-9)
