"""Aggregates: they are what eqs. (16)-(18) say, their transposes, bounds and derivatives."""

import jax.numpy as jnp
import numpy as np
import pytest
from graphon.derivatives import derivative_and_difference
from graphon.kernels import DISTANCES, MASSES
from hypothesis import given, strategies as st

from mfgamm.core import InvalidInput
from mfgamm.graphon import (
    Constant,
    DenseAggregate,
    ExponentialOfDistance,
    LowRankAggregate,
    OneMinusMax,
    PowerLaw,
    Product,
    SeparableAggregate,
    StepGraphon,
    local_aggregate,
    scalar_aggregate,
)

CELLS = 6
POSITIONS = (jnp.arange(CELLS) + 0.5) / CELLS
LINE = ExponentialOfDistance(2.0, lambda x, y: jnp.abs(x - y))
seeds = st.integers(0, 2**32 - 1)


def random_matrix(seed):
    matrix = np.random.default_rng(seed).random((CELLS, CELLS))
    return (matrix + matrix.T) / 2


def random_flows(seed):
    return jnp.asarray(np.random.default_rng(seed).normal(size=(CELLS, 2)))


def aggregates(seed=0):
    random = np.random.default_rng(seed)
    return {
        "dense": DenseAggregate(random.random((CELLS, CELLS))),
        "low rank": StepGraphon.from_matrix(random_matrix(seed)).aggregate(rank=3),
        "separable": SeparableAggregate(0.7, random.random(CELLS)),
    }


every_aggregate = pytest.mark.parametrize("aggregate", aggregates().values(), ids=aggregates())


@every_aggregate
def test_transpose_by_inner_products(aggregate):
    x, y = random_flows(1), random_flows(2)
    np.testing.assert_allclose(
        np.sum(y * aggregate.apply(x)), np.sum(aggregate.transpose(y) * x), rtol=1e-13
    )


@every_aggregate
def test_trailing_axes_are_carried_along(aggregate):
    x = random_flows(2)
    for operator in (aggregate.apply, aggregate.transpose):
        each = np.asarray(operator(x))
        np.testing.assert_allclose(operator(x[:, 0]), each[:, 0], atol=1e-14)
        np.testing.assert_allclose(operator(x[:, None])[:, 0], each, atol=1e-14)


def test_aggregates_of_a_continuum():
    """Eqs. (16)-(18) against quadrature over households: ξ(y) = y², W = 1 − max."""
    cells = 50
    graphon = StepGraphon.from_kernel(OneMinusMax(), cells)
    carried = local_aggregate(graphon.positions[:, None] ** 2, graphon.masses)
    np.testing.assert_allclose(jnp.sum(carried), 1 / 3, rtol=2e-4)
    seen = graphon.aggregate().apply(carried)[:, 0]
    # ∫(1 − max(x, y))y²dy = (1 − x⁴)/12 ·… : x³(1 − x)/3 + ∫ₓ¹(1 − y)y²dy
    x = np.asarray(graphon.positions)
    np.testing.assert_allclose(seen, x**3 * (1 - x) / 3 + 1 / 12 - x**3 / 3 + x**4 / 4, atol=1e-4)
    # ∫∫(1 − max)y² = ∫(1 − y²)/2·y²dy = 1/15
    np.testing.assert_allclose(scalar_aggregate(seen, graphon.masses), 1 / 15, rtol=2e-3)


@pytest.mark.parametrize("kernel", [Constant(0.4), Product(), PowerLaw(1.2, 0.1)])
def test_separable_is_the_dense_one(kernel):
    dense = StepGraphon.from_kernel(kernel, CELLS).aggregate()
    separable = SeparableAggregate.of_kernel(kernel, POSITIONS)
    x = random_flows(3)
    np.testing.assert_allclose(separable.apply(x), dense.apply(x), rtol=1e-12, atol=1e-14)


def test_only_separable_kernels_have_a_separable_aggregate():
    with pytest.raises((InvalidInput, TypeError)):
        SeparableAggregate.of_kernel(OneMinusMax(), POSITIONS)


@given(seed=seeds)
def test_names_of_clusters_do_not_matter(seed):
    matrix, order = random_matrix(seed), np.random.default_rng(seed).permutation(CELLS)
    x = random_flows(seed)
    for rank in (None, 3):
        here = StepGraphon.from_matrix(matrix).aggregate(rank).apply(x)
        there = StepGraphon.from_matrix(matrix[np.ix_(order, order)]).aggregate(rank)
        np.testing.assert_allclose(there.apply(x[order]), here[order], atol=1e-12)


class TestLowRank:
    @given(seed=seeds, rank=st.sampled_from([1, 3, CELLS]))
    def test_errors_stay_within_the_bounds_stated(self, seed, rank):
        graphon = StepGraphon.from_matrix(random_matrix(seed))
        low, dense = graphon.aggregate(rank), graphon.aggregate()
        x = random_flows(seed)
        gap = np.asarray(low.apply(x) - dense.apply(x))
        norms = np.linalg.norm(x, axis=0)
        assert np.all(np.linalg.norm(gap, axis=0) <= low.spectral_error * norms + 1e-13)
        assert np.all(np.abs(gap) <= low.entry_error * np.abs(x).sum(axis=0) + 1e-13)
        assert low.entry_error <= low.spectral_error + 1e-13

    def test_bounds_are_attained(self):
        matrix = random_matrix(4)
        low = StepGraphon.from_matrix(matrix).aggregate(3)
        residual = np.asarray(low.apply(jnp.eye(CELLS))) - matrix
        np.testing.assert_allclose(low.spectral_error, np.linalg.norm(residual, 2), rtol=1e-12)
        np.testing.assert_allclose(low.entry_error, np.abs(residual).max(), rtol=1e-12)

    def test_few_modes_carry_a_smooth_kernel(self):
        graphon = StepGraphon.from_kernel(LINE, 50)
        errors = [float(graphon.aggregate(rank).spectral_error) for rank in (3, 12)]
        # Eigenvalues of the exponential kernel fall like 1/rank².
        assert errors[0] > 12 * errors[1]

    @pytest.mark.parametrize("rank", [3, CELLS])
    def test_derivative_by_the_matrix_is_that_of_the_truncation(self, rank):
        matrix, direction = random_matrix(5), random_matrix(6)
        x = random_flows(7)

        def seen(step):
            graphon = StepGraphon.from_matrix(matrix * 0.8 + step * direction)
            return jnp.sum(graphon.aggregate(rank).apply(x) ** 2)

        slope, difference = derivative_and_difference(seen, 0.0)
        np.testing.assert_allclose(slope, difference, rtol=1e-7)

    def test_derivative_where_kept_eigenvalues_coincide(self):
        """Three equal blocks split by a perturbation; the smallest eigenvalues are cut."""
        base = np.kron(0.5 * np.eye(3) + 0.2, np.ones((2, 2))) + 0.05 * np.eye(6)
        direction = random_matrix(8)
        x = random_flows(9)

        def seen(step):
            return jnp.sum(
                StepGraphon.from_matrix(base + step * direction).aggregate(3).apply(x) ** 2
            )

        slope, difference = derivative_and_difference(seen, 0.0)
        np.testing.assert_allclose(slope, difference, rtol=1e-7)

    def test_derivative_by_the_decay(self):
        def seen(decay):
            kernel = ExponentialOfDistance(decay, lambda x, y: jnp.abs(x - y))
            graphon = StepGraphon.from_kernel(kernel, CELLS)
            return jnp.sum(graphon.aggregate(3).apply(POSITIONS) ** 2)

        slope, difference = derivative_and_difference(seen, 2.0)
        np.testing.assert_allclose(slope, difference, rtol=1e-7)

    @pytest.mark.parametrize("rank", [0, CELLS + 1, -1])
    def test_ranks_that_do_not_exist(self, rank):
        with pytest.raises(InvalidInput, match="between 1 and the 6 clusters"):
            StepGraphon.from_matrix(random_matrix(0)).aggregate(rank)

    def test_ranks_that_part_equal_eigenvalues_are_refused_with_the_next(self):
        blocks = StepGraphon.from_matrix(0.5 * np.eye(4) + 0.2)
        with pytest.raises(InvalidInput, match=r"\[1, 4\]"):
            blocks.aggregate(2)
        assert isinstance(blocks.aggregate(1), LowRankAggregate)
        with pytest.raises(InvalidInput, match="rounding"):
            StepGraphon.from_kernel(Constant(0.5), 4).aggregate(2)


def test_dense_aggregate_of_the_step_graphon_is_its_matrix():
    graphon = StepGraphon(np.exp(-DISTANCES), MASSES)
    np.testing.assert_allclose(graphon.aggregate().apply(jnp.eye(4)), graphon.weights)
