import jax.numpy as jnp
import numpy as np
from oracles.rational import exact, solve_exactly

from mfgamm.lp.dominant import Dominant, invert, reciprocal

STORES, LANES = 3, 20


def nearly_singular(seed):
    """Couplings of all sizes, and excesses that vanish beside them."""
    random = np.random.default_rng(seed)
    coupling = np.zeros((STORES, STORES, LANES))
    for i in range(STORES):
        for j in range(i):
            coupling[i, j] = coupling[j, i] = 10.0 ** random.uniform(-8, 4, LANES)
    weight = random.uniform(0.5, 2, (STORES, LANES))
    excess = 10.0 ** random.uniform(-30, -10, (STORES, LANES))
    return Dominant(*map(jnp.asarray, (coupling, weight, 1 / weight, excess)))


def exact_matrix(matrix, lane):
    coupling, weight, excess = (
        exact(x[..., lane]) for x in (matrix.coupling, matrix.weight, matrix.excess)
    )
    return np.diag((excess + coupling @ weight) / weight) - coupling


def test_every_entry_of_an_inverse_is_right_however_singular_the_matrix():
    matrix = nearly_singular(0)
    triangle, inverse = invert(matrix)
    right = np.random.default_rng(1).uniform(0, 1, (STORES, LANES))
    solved = triangle.solve(jnp.asarray(right))
    for lane in range(LANES):
        rows = exact_matrix(matrix, lane)
        expected = np.array([solve_exactly(rows, unit) for unit in exact(np.eye(STORES))])
        np.testing.assert_allclose(inverse[..., lane], expected.astype(float), rtol=1e-13)
        expected = solve_exactly(rows, exact(right[:, lane]))
        np.testing.assert_allclose(solved[:, lane], expected.astype(float), rtol=1e-13)


def test_other_weights_tell_of_the_same_matrix():
    matrix = nearly_singular(2)
    weight = matrix.weight.at[1].mul(1.25)
    other = matrix.reweighed(weight, 1 / weight)
    np.testing.assert_allclose(other.diagonal(), matrix.diagonal(), rtol=1e-13)
    np.testing.assert_array_equal(other.coupling, matrix.coupling)
    same = matrix.reweighed(matrix.weight, matrix.per_weight)
    np.testing.assert_array_equal(same.excess, matrix.excess)


def test_an_empty_equation_gets_a_zero_multiplier():
    zero = jnp.zeros((2, 1))
    matrix = Dominant(jnp.zeros((2, 2, 1)), zero + 1, zero + 1, zero.at[0].set(4.0))
    _, inverse = invert(matrix)
    np.testing.assert_array_equal(inverse[..., 0], [[0.25, 0.0], [0.0, 0.0]])
    assert np.isnan(reciprocal(jnp.asarray(np.nan)))
