import jax.numpy as jnp
import numpy as np
import pytest

from mfgamm.core import Clusters, InvalidInput, Membership

WEIGHTS = jnp.asarray([0.1, 0.2, 0.3, 0.4])


def test_sums_of_clusters_are_weighted_sums_of_their_types():
    members = Membership(WEIGHTS, Clusters([0, 0, 2, 2], 3))
    each = jnp.arange(8.0).reshape(4, 2)
    expected = [[0.1 * 0 + 0.2 * 2, 0.1 * 1 + 0.2 * 3], [0, 0], [0.3 * 4 + 0.4 * 6, 0.3 * 5 + 2.8]]
    np.testing.assert_allclose(members.total(each), expected, atol=1e-15)
    np.testing.assert_allclose(members.masses, [0.3, 0, 0.7], atol=1e-15)
    np.testing.assert_array_equal(members.starts, [0, 2, 2, 4])
    np.testing.assert_array_equal(members.largest(-WEIGHTS), [-0.1, -np.inf, -0.3])


def test_one_community_has_no_axis_of_clusters():
    members = Membership(WEIGHTS)
    np.testing.assert_allclose(members.total(jnp.ones((4, 5))), np.ones(5), atol=1e-15)
    np.testing.assert_array_equal(members.starts, [0, 4])
    np.testing.assert_array_equal(members.largest(WEIGHTS), [0.4])
    assert members.count == 1


def test_types_see_what_holds_in_their_cluster():
    members = Membership(WEIGHTS, Clusters([0, 0, 2, 2], 3))
    prices = jnp.asarray([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    np.testing.assert_array_equal(members.at_home(prices), prices[jnp.asarray([0, 0, 2, 2])])
    np.testing.assert_array_equal(members.at_home(prices[0]), prices[0])


@pytest.mark.parametrize(
    ("numbers", "count", "field"),
    [([0, 3], 3, "of_type"), ([-1, 0], 3, "of_type"), ([1, 0], 2, "of_type"), ([], 0, "count")],
)
def test_a_partition_that_is_none_is_refused(numbers, count, field):
    with pytest.raises(InvalidInput, match=field):
        Clusters(np.asarray(numbers, np.int32), count)
