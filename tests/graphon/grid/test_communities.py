"""Clusters of buses: on the lines' graph, with an order that keeps neighbours together."""

import numpy as np
import pytest

from mfgamm.graphon.grid import baran_wu_feeder
from mfgamm.graphon.grid.communities import communities, mean_distance, seriation


def test_the_complete_graph_has_next_to_no_communities():
    feeder = baran_wu_feeder()
    pairs = np.argwhere(np.triu(np.ones((32, 32)), 1))
    labels, modularity = communities(feeder.distance, pairs)
    assert labels.max() == 1 and modularity < 0.1 < feeder.modularity


def test_two_cliques_joined_by_a_line():
    near, far = np.full((3, 3), 0.1), np.full((3, 3), 0.9)
    distance = np.block([[near, far], [far, near]]) * (1 - np.eye(6))
    lines = np.array([(0, 1), (1, 2), (0, 2), (2, 3), (3, 4), (4, 5), (3, 5)])
    labels, modularity = communities(distance, lines)
    assert labels.tolist() == [0, 0, 0, 1, 1, 1]
    # Σ over communities of (inside/total − (strength/2·total)²)
    total = 6 * np.exp(-0.1) + np.exp(-0.9)
    np.testing.assert_allclose(modularity, 6 * np.exp(-0.1) / total - 0.5, rtol=1e-12)
    between = mean_distance(distance, labels)
    np.testing.assert_allclose(between, [[0, 0.9], [0.9, 0]])


def test_buses_without_lines_stay_alone():
    labels, modularity = communities(np.zeros((3, 3)), np.empty((0, 2), int))
    assert labels.tolist() == [0, 1, 2] and modularity == 0


@pytest.mark.parametrize("start", [0, 7])
def test_points_on_a_line_are_put_in_line(start):
    places = np.array([0.0, 0.1, 0.35, 0.4, 0.62, 0.7, 0.93, 1.0])
    shuffle = np.array([3, 1, 0, 6, 2, 7, 4, 5])
    distance = np.abs(places[shuffle][:, None] - places[shuffle])
    order = shuffle[seriation(distance, int(np.flatnonzero(shuffle == start)[0]))]
    assert order.tolist() == (list(range(8)) if start == 0 else list(range(7, -1, -1)))


def test_two_points_begin_at_the_start():
    assert seriation(np.array([[0.0, 1.0], [1.0, 0.0]]), 1).tolist() == [1, 0]
