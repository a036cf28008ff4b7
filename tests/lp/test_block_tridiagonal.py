from fractions import Fraction

import jax.numpy as jnp
import numpy as np
import pytest

from mfgamm.lp.block_tridiagonal import factorise, invert_small, solve

TIME, LANES = 6, 4


def random_parts(stores, seed):
    random = np.random.default_rng(seed)
    root = random.normal(size=(TIME, stores, stores, LANES))
    block = np.einsum("tikn,tjkn->tijn", root, root)
    variance = random.uniform(0, 3, (TIME, stores, LANES)) * (
        random.random((TIME, stores, LANES)) < 0.8
    )
    retention = random.uniform(0.7, 1, (stores, LANES))
    right = random.normal(size=(TIME, stores, LANES))
    return block, variance, retention, right


def dense_matrix(block, variance, retention, lane):
    stores = block.shape[1]
    matrix = np.zeros((TIME * stores, TIME * stores))
    for t in range(TIME):
        here = slice(t * stores, (t + 1) * stores)
        matrix[here, here] = block[t, :, :, lane] + np.diag(variance[t, :, lane])
        if t > 0:
            before = slice((t - 1) * stores, t * stores)
            coupling = np.diag(retention[:, lane] * variance[t - 1, :, lane])
            matrix[here, here] += np.diag(retention[:, lane]) @ coupling
            matrix[here, before] -= coupling
            matrix[before, here] -= coupling
    return matrix


@pytest.mark.parametrize("stores", [1, 2, 3])
def test_matches_a_dense_solve(stores):
    block, variance, retention, right = random_parts(stores, seed=stores)
    factor = factorise(jnp.asarray(block), jnp.asarray(variance), jnp.asarray(retention))
    found = np.asarray(solve(factor, jnp.asarray(right)))
    for lane in range(LANES):
        matrix = dense_matrix(block, variance, retention, lane)
        expected = np.linalg.solve(matrix, right[..., lane].ravel())
        np.testing.assert_allclose(found[..., lane].ravel(), expected, rtol=1e-8, atol=1e-10)


def test_loses_nothing_while_a_store_idles():
    """W and M twenty orders of magnitude apart; exact rational arithmetic as the oracle."""
    flows = [1e-10, 2e-10, 3.0, 1e-10, 5e-11, 1e-10]
    states = [1e10, 2e10, 1e10, 3e10, 1e10, 1e-3]
    right = [1.0, -0.5, 2.0, 0.25, -1.0, 0.5]
    factor = factorise(
        jnp.asarray(flows)[:, None, None, None],
        jnp.asarray(states)[:, None, None],
        jnp.ones((1, 1)),
    )
    found = np.asarray(solve(factor, jnp.asarray(right)[:, None, None])).ravel()
    np.testing.assert_allclose(found, exact_solution(flows, states, right), rtol=1e-9)


def exact_solution(flows, states, right):
    size = len(flows)
    w = [Fraction(x) for x in states]
    rows = [[Fraction(0)] * size for _ in range(size)]
    for t in range(size):
        rows[t][t] = Fraction(flows[t]) + w[t] + (w[t - 1] if t else 0)
        if t:
            rows[t][t - 1] = rows[t - 1][t] = -w[t - 1]
    values = [Fraction(x) for x in right]
    for k in range(size - 1):
        ratio = rows[k + 1][k] / rows[k][k]
        rows[k + 1] = [a - ratio * b for a, b in zip(rows[k + 1], rows[k], strict=True)]
        values[k + 1] -= ratio * values[k]
    for k in reversed(range(size)):
        tail = sum(rows[k][j] * values[j] for j in range(k + 1, size))
        values[k] = (values[k] - tail) / rows[k][k]
    return [float(x) for x in values]


def test_an_empty_equation_gets_a_zero_multiplier():
    matrix = np.zeros((2, 2, 1))
    matrix[0, 0, 0] = 4.0
    inverse = np.asarray(invert_small(jnp.asarray(matrix)))
    np.testing.assert_array_equal(inverse[..., 0], [[0.25, 0.0], [0.0, 0.0]])
