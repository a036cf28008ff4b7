"""Bounds on the cut norm against brute force over all pairs of sets, and by hand."""

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from mfgamm.core import InvalidInput
from mfgamm.graphon import StepGraphon, cut_norm_bounds

seeds = st.integers(0, 2**32 - 1)


def random_graphon(random, cells):
    matrix, masses = random.random((cells, cells)), random.random(cells)
    return StepGraphon((matrix + matrix.T) / 2, masses / masses.sum())


def brute_force(first, second):
    """All pairs of sets of cells of graphons with the same masses."""
    masses = np.asarray(first.masses)
    integrals = masses[:, None] * np.asarray(first.weights - second.weights) * masses
    sets = np.array(list(np.ndindex(*(2,) * masses.size)))
    return np.abs(sets @ integrals @ sets.T).max()


@settings(max_examples=30)
@given(seed=seeds, cells=st.integers(1, 7))
def test_bounds_enclose_brute_force(seed, cells):
    random = np.random.default_rng(seed)
    first, other = random_graphon(random, cells), random_graphon(random, cells)
    second = StepGraphon(other.weights, first.masses)
    exact, bounds = brute_force(first, second), cut_norm_bounds(first, second)
    assert bounds.lower <= exact + 1e-15 and exact <= bounds.upper
    # So few cells leave the maximisation no local optimum that every start falls into.
    np.testing.assert_allclose(bounds.lower, exact, rtol=1e-12)
    assert bounds.upper <= 1.3 * exact


@given(seed=seeds)
@settings(max_examples=10)
def test_the_sets_attain_the_lower_bound(seed):
    random = np.random.default_rng(seed)
    first, second = random_graphon(random, 3), random_graphon(random, 4)
    bounds = cut_norm_bounds(first, second)
    middles = jnp.cumsum(bounds.masses) - bounds.masses / 2
    gap = np.asarray(first(middles[:, None], middles) - second(middles[:, None], middles))
    rows, columns = bounds.rows * bounds.masses, bounds.columns * bounds.masses
    np.testing.assert_allclose(abs(rows @ gap @ columns), bounds.lower, rtol=1e-9)
    assert bounds.masses.size == 6


class TestByHand:
    def test_equal_graphons_are_at_no_distance_however_cut(self):
        coarse = StepGraphon(np.array([[0.9, 0.2], [0.2, 0.5]]), [0.4, 0.6])
        index = [0, 0, 1, 1, 1]
        fine = StepGraphon(coarse.weights[np.ix_(index, index)], [0.1, 0.3, 0.2, 0.0, 0.4])
        bounds = cut_norm_bounds(coarse, fine)
        assert bounds.lower == 0 and bounds.upper < 1e-14

    def test_constants(self):
        bounds = cut_norm_bounds(StepGraphon([[0.7]], 1), StepGraphon(np.full((3, 3), 0.4), 3))
        np.testing.assert_allclose([bounds.lower, bounds.upper], 0.3, rtol=1e-12)
        assert bounds.rows.all() and bounds.columns.all()

    def test_cliques_of_different_size(self):
        """1 on [0, ½]² less 1 on [0, ⅓]² is nonnegative: its integral."""
        clique = np.diag([1.0, 0.0])
        bounds = cut_norm_bounds(
            StepGraphon(clique, [1 / 2, 1 / 2]), StepGraphon(clique, [1 / 3, 2 / 3])
        )
        np.testing.assert_allclose([bounds.lower, bounds.upper], 1 / 4 - 1 / 9, rtol=1e-12)

    def test_a_checkerboard_cancels_in_the_cut_norm(self):
        """±1 on cells of ½ has an L1 norm of one, and a cut norm of a quarter."""
        same, other = StepGraphon(np.eye(2), 2), StepGraphon(1 - np.eye(2), 2)
        bounds = cut_norm_bounds(same, other)
        np.testing.assert_allclose([bounds.lower, bounds.upper], 1 / 4, rtol=1e-9)

    def test_it_is_labelled(self):
        clique = np.diag([1.0, 0.0])
        mirrored = StepGraphon(clique[::-1, ::-1], 2)
        assert cut_norm_bounds(StepGraphon(clique, 2), mirrored).lower == 0.25


@pytest.mark.parametrize("name", ["starts", "steps"])
def test_efforts_cannot_be_negative(name):
    graphon = StepGraphon([[0.5]], 1)
    with pytest.raises(InvalidInput, match=name):
        cut_norm_bounds(graphon, graphon, **{name: -1})
