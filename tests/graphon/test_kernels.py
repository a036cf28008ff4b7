"""Kernels: what they are by definition, their parameters' derivatives, and what they refuse."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from graphon.derivatives import derivative_and_difference
from graphon.kernels import DISTANCES, KERNELS, MASSES
from jax.tree_util import Partial

from mfgamm.core import InvalidInput
from mfgamm.graphon import (
    ClusterDistance,
    Constant,
    ExponentialOfDistance,
    FunctionKernel,
    OneMinusMax,
    PowerLaw,
    Product,
    StochasticBlock,
    UniformAttachment,
)

POINTS = jnp.linspace(0, 1, 23)
every_kernel = pytest.mark.parametrize("kernel", KERNELS.values(), ids=KERNELS)


@every_kernel
def test_weights_are_symmetric_and_within_the_unit_interval(kernel):
    weights = np.asarray(kernel(POINTS[:, None], POINTS[None, :]))
    assert weights.shape == (23, 23)
    assert np.all((weights >= 0) & (weights <= 1))
    np.testing.assert_array_equal(weights, weights.T)


@every_kernel
def test_points_broadcast_also_under_jit(kernel):
    x, y = POINTS[:, None], POINTS[0]
    compiled = jax.jit(lambda each: each(x, y))(kernel)
    assert compiled.shape == (23, 1)
    np.testing.assert_allclose(compiled[:, 0], kernel(POINTS, POINTS * 0), rtol=1e-15)


def test_values_by_hand():
    x, y = jnp.array(0.25), jnp.array(0.75)
    assert Constant(0.3)(x, y) == 0.3
    assert OneMinusMax()(x, y) == 0.25
    assert Product()(x, y) == 0.1875
    np.testing.assert_allclose(PowerLaw(2, hub=0.25)(x, y), (2 * 4) ** -2.0)
    np.testing.assert_allclose(
        ExponentialOfDistance(2, lambda x, y: jnp.abs(x - y))(x, y), np.exp(-1)
    )
    assert UniformAttachment is OneMinusMax


def test_clusters_are_as_wide_as_their_share():
    """Eq. (14): every household of a cluster has the cluster's distances."""
    kernel = ExponentialOfDistance(1.5, ClusterDistance(DISTANCES, MASSES))
    places = POINTS.at[:7].set(jnp.array([0.05, 0.1, 0.3, 0.5, 0.79, 0.8, 1.0]))
    clusters = [0, 1, 1, 2, 2, 3, 3]
    expected = np.exp(-1.5 * DISTANCES[np.ix_(clusters, clusters)])
    found = np.asarray(kernel(places[:, None], places[None, :]))[:7, :7]
    np.testing.assert_allclose(found, expected, rtol=1e-15)


def test_an_empty_cluster_holds_no_household():
    blocks = StochasticBlock([0.1, 0.2, 0.3], 0.0, [0.5, 0.0, 0.5])
    values = np.asarray(blocks(POINTS, POINTS))
    assert set(np.round(values, 12)) == {0.1, 0.3}


@pytest.mark.parametrize(
    "build, parameter",
    [
        (Constant, 0.4),
        (lambda each: PowerLaw(each, 0.1), 0.8),
        (lambda each: PowerLaw(0.8, each), 0.1),
        (lambda each: ExponentialOfDistance(each, lambda x, y: (x - y) ** 2), 2.0),
        (lambda each: ExponentialOfDistance(1, ClusterDistance(each * DISTANCES, MASSES)), 0.5),
        (lambda each: StochasticBlock([0.9, each], 0.2, [0.3, 0.7]), 0.5),
        (lambda each: StochasticBlock([0.9, 0.5], each, [0.3, 0.7]), 0.2),
        (lambda each: FunctionKernel(Partial(lambda c, x, y: c * x * y, each)), 0.3),
    ],
    ids=["constant", "exponent", "hub", "decay", "distances", "within", "between", "function"],
)
def test_parameters_are_differentiable(build, parameter):
    def total(value):
        return jnp.sum(build(value)(POINTS[:, None], POINTS[None, :] ** 2) * POINTS)

    slope, difference = derivative_and_difference(total, parameter)
    np.testing.assert_allclose(slope, difference, rtol=1e-7)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_derivatives_are_finite_at_the_ends_of_the_ranges(value):
    zero = jnp.array(0.0)
    assert jax.grad(lambda each: Constant(each)(zero, zero))(value) == 1
    assert np.isfinite(jax.grad(lambda each: PowerLaw(each)(zero, zero + 1))(value))


@pytest.mark.parametrize(
    "build, field",
    [
        (lambda: Constant(1.2), "constant.value"),
        (lambda: Constant(np.nan), "constant.value"),
        (lambda: PowerLaw(-1), "power_law.exponent"),
        (lambda: PowerLaw(1, hub=0), "power_law.hub"),
        (lambda: ExponentialOfDistance(-0.1, lambda x, y: abs(x - y)), "exponential.decay"),
        (lambda: ExponentialOfDistance(np.inf, lambda x, y: abs(x - y)), "exponential.decay"),
        (lambda: ExponentialOfDistance(1, lambda x, y: x - y), "exponential.distance"),
        (lambda: FunctionKernel(lambda x, y: x), "function"),
        (lambda: FunctionKernel(lambda x, y: x + y), "function"),
        (lambda: FunctionKernel(lambda x, y: jnp.log(x * y)), "function"),
        (lambda: StochasticBlock([0.5], 1.5, 1), "stochastic_block.between"),
        (lambda: StochasticBlock([0.5, -0.1], 0.5, 2), "stochastic_block.within"),
        (lambda: StochasticBlock([0.5], 0.5, 2), "stochastic_block.within"),
        (lambda: StochasticBlock([0.5, 0.5], 0.5, [0.5, 0.4]), "masses"),
        (lambda: StochasticBlock([0.5, 0.5], 0.5, [1.5, -0.5]), "masses"),
        (lambda: StochasticBlock([], 0.5, 0), "masses"),
        (lambda: ClusterDistance(DISTANCES[:3], MASSES), "distance.matrix"),
        (lambda: ClusterDistance(DISTANCES + np.eye(4), MASSES), "distance.matrix"),
        (lambda: ClusterDistance(2 * DISTANCES, MASSES), "distance.matrix"),
        (lambda: ClusterDistance(np.triu(DISTANCES), MASSES), "distance.matrix"),
    ],
)
def test_bad_kernels_are_refused_by_name(build, field):
    with pytest.raises(InvalidInput) as error:
        build()
    assert error.value.field.startswith(field)
