"""Sampled networks: what a draw is, and that draws converge to their kernel in the cut norm."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mfgamm.core import InvalidInput
from mfgamm.graphon import (
    Constant,
    OneMinusMax,
    StepGraphon,
    bernoulli_network,
    cut_norm_bounds,
    regular_positions,
    uniform_positions,
    weighted_network,
)

KEY = jax.random.key(7)
KERNEL = OneMinusMax()


def test_positions():
    np.testing.assert_allclose(regular_positions(4), [0.125, 0.375, 0.625, 0.875])
    drawn = np.asarray(uniform_positions(KEY, 1000))
    assert np.all(np.diff(drawn) >= 0) and drawn[0] >= 0 and drawn[-1] <= 1
    # Kolmogorov–Smirnov: 1.95/√n is exceeded once in a thousand.
    assert np.abs(drawn - np.arange(1000) / 1000).max() < 1.95 / np.sqrt(1000)


def test_a_weighted_network_is_the_kernel_at_its_nodes():
    positions = uniform_positions(KEY, 12)
    network = weighted_network(KERNEL, positions)
    expected = 1 - np.maximum.outer(np.asarray(positions), np.asarray(positions))
    np.testing.assert_allclose(network.weights, expected, rtol=1e-15)
    np.testing.assert_allclose(network.step_graphon().masses, 1 / 12)


def test_a_bernoulli_network_is_a_simple_graph_that_its_key_decides():
    positions = regular_positions(12)
    network = bernoulli_network(KEY, KERNEL, positions)
    weights = np.asarray(network.weights)
    assert set(np.unique(weights)) == {0.0, 1.0}
    np.testing.assert_array_equal(weights, weights.T)
    np.testing.assert_array_equal(weights.diagonal(), 0)
    np.testing.assert_array_equal(weights, bernoulli_network(KEY, KERNEL, positions).weights)
    other = bernoulli_network(jax.random.key(8), KERNEL, positions)
    assert np.any(weights != np.asarray(other.weights))


def test_ties_are_as_frequent_as_the_kernel_says():
    positions, keys = regular_positions(12), jax.random.split(KEY, 500)
    draws = jax.vmap(lambda key: bernoulli_network(key, KERNEL, positions).weights)(keys)
    expected = np.asarray(KERNEL(positions[:, None], positions)) * (1 - np.eye(12))
    # Four and a half standard deviations of the mean of 500 draws.
    assert np.abs(np.asarray(draws.mean(axis=0)) - expected).max() < 4.5 * 0.5 / np.sqrt(500)
    assert np.all(np.asarray(bernoulli_network(KEY, Constant(0), positions).weights) == 0)


def test_weights_are_differentiable_in_the_kernel():
    positions = regular_positions(3)
    slope = jax.grad(lambda value: weighted_network(Constant(value), positions).weights.sum())(0.4)
    np.testing.assert_allclose(slope, 9)


class TestConvergence:
    """Against a step graphon of 40 midpoints, whose own distance from the kernel is small."""

    LIMIT = StepGraphon.from_kernel(KERNEL, 40)

    def distance(self, network):
        return cut_norm_bounds(network.step_graphon(), self.LIMIT, steps=20)

    def test_regular_weighted_networks_converge_like_one_over_n(self):
        bounds = [self.distance(weighted_network(KERNEL, regular_positions(n))) for n in (5, 20)]
        # Both have cells of the same edges as the limit's, or coarser: no sampling noise.
        assert bounds[1].upper < bounds[0].upper / 3.5

    def test_weighted_networks_of_uniform_nodes_converge(self):
        uppers = []
        for nodes in (10, 160):
            keys = jax.random.split(KEY, 4)
            draws = [weighted_network(KERNEL, uniform_positions(key, nodes)) for key in keys]
            uppers.append(np.mean([self.distance(each).upper for each in draws]))
        # √16 = 4, with slack for four draws.
        assert uppers[1] < uppers[0] / 2.5

    def test_simple_graphs_converge_whatever_their_entries_do(self):
        near, far = (
            self.distance(bernoulli_network(KEY, KERNEL, uniform_positions(KEY, nodes)))
            for nodes in (200, 12)
        )
        assert near.upper < 0.06 < far.upper
        assert near.lower < 0.05
        # Entry by entry a 0/1 graph stays as far from W as ever: ∫2W(1 − W) = 1/3.
        positions = regular_positions(200)
        weights = np.asarray(bernoulli_network(KEY, KERNEL, positions).weights)
        apart = np.abs(weights - np.asarray(KERNEL(positions[:, None], positions))).mean()
        np.testing.assert_allclose(apart, 1 / 3, rtol=0.03)


@pytest.mark.parametrize("draw", [regular_positions, lambda n: uniform_positions(KEY, n)])
def test_a_network_has_nodes(draw):
    with pytest.raises(InvalidInput, match="nodes"):
        draw(0)
    assert jnp.shape(draw(1)) == (1,)
