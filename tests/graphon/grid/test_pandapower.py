"""Networks from pandapower and SimBench; without the `grid` extra these tests are skipped."""

import numpy as np
import pytest

from mfgamm.core import InvalidInput
from mfgamm.graphon.grid import baran_wu_feeder, network_from_pandapower

pandapower = pytest.importorskip("pandapower", reason="needs the extra: pip install mfgamm[grid]")
networks = pytest.importorskip("pandapower.networks")


def lateral():
    """A line 0-1-2-3 with a switch, at 20 kV."""
    net = pandapower.create_empty_network(name="lateral")
    for index in range(4):
        pandapower.create_bus(net, 20, name=f"node {index}")
    pandapower.create_ext_grid(net, 0)
    for start in range(3):
        pandapower.create_line(net, start, start + 1, 2.0, "149-AL1/24-ST1A 20.0")
        pandapower.create_load(net, start + 1, p_mw=0.5, q_mvar=0.1)
    return net


def test_our_power_flow_gives_the_same_distances():
    theirs, ours = network_from_pandapower(networks.case33bw()), baran_wu_feeder()
    np.testing.assert_allclose(theirs.distance, ours.distance, atol=1e-8)
    np.testing.assert_array_equal(theirs.cluster, ours.cluster)
    assert theirs.provenance.coordinates == "geodata"
    assert theirs.provenance.power_flow.startswith("pandapower")


def test_three_feeders_behind_three_transformers_are_strangers():
    network = network_from_pandapower(networks.create_cigre_network_lv())
    assert len(network.names) == 40 and len(network.heads) == 3
    feeders = np.array([name.split()[1][0] for name in network.names])
    apart = feeders[:, None] != feeders
    np.testing.assert_allclose(network.distance[apart], 1, atol=1e-12)
    assert network.distance[~apart].max() < 0.5
    # No community crosses from one feeder to another.
    assert all(len(set(feeders[network.cluster == label])) == 1
               for label in range(network.clusters))  # fmt: skip


def test_transformers_and_missing_geodata():
    network = network_from_pandapower(networks.create_kerber_landnetz_freileitung_1())
    assert network.provenance.coordinates == "layout" and network.clusters == 3
    assert network.coordinates.shape == (14, 2)


def test_a_simbench_network():
    simbench = pytest.importorskip("simbench", reason="needs the extra: pip install mfgamm[grid]")
    network = network_from_pandapower(simbench.get_simbench_net("1-LV-rural3--2-sw"))
    assert len(network.names) == 128 and network.heads == ("MV1.101 Bus 12",)
    assert 9 <= network.clusters <= 13 and network.modularity > 0.8
    assert network.provenance.coordinates == "geodata"


def test_the_given_network_is_left_alone():
    net = networks.case33bw()
    network_from_pandapower(net)
    assert not len(net.res_bus)


def test_a_generator_holds_its_bus():
    net = lateral()
    pandapower.create_gen(net, 3, p_mw=0.2, vm_pu=1.0)
    assert network_from_pandapower(net).names == ("node 1", "node 2")


def test_buses_joined_by_a_closed_switch_are_one():
    net = lateral()
    pandapower.create_bus(net, 20, name="twin")
    pandapower.create_switch(net, 3, 4, et="b", closed=True)
    network = network_from_pandapower(net)
    assert network.distance[network.names.index("node 3"), network.names.index("twin")] == 0


def test_unsupplied_buses_are_named():
    net = lateral()
    pandapower.create_switch(net, 1, 1, et="l", closed=False)
    with pytest.raises(InvalidInput, match="node 2, node 3"):
        network_from_pandapower(net)
    net.bus.loc[[2, 3], "in_service"] = False
    assert network_from_pandapower(net).names == ("node 1",)


def test_networks_that_cannot_be_are_refused():
    with pytest.raises(InvalidInput, match="grid connection"):
        net = lateral()
        net.ext_grid.in_service = False
        network_from_pandapower(net)
    with pytest.raises(InvalidInput, match="does not converge"):
        net = lateral()
        net.load.p_mw = 500.0
        network_from_pandapower(net)
    with pytest.raises(InvalidInput, match="voltage falls with injection"):
        network_from_pandapower(networks.case9())
