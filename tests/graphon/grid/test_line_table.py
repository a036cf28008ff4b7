"""Networks from a table of lines: the 33-bus feeder, and what is refused."""

import sys
from itertools import permutations

import numpy as np
import pandas as pd
import pytest

from mfgamm.core import InvalidInput, MissingDependency
from mfgamm.graphon import StepGraphon
from mfgamm.graphon.grid import (
    baran_wu_feeder,
    line_table,
    network_from_lines,
    network_from_pandapower,
)

CHAIN = pd.DataFrame(
    {
        "from_bus": ["T", "a", "b", "a"],
        "to_bus": ["a", "b", "c", "d"],
        "r_ohm": [0.01, 0.05, 0.05, 0.02],
        "x_ohm": [0.02, 0.02, 0.02, 0.01],
        "p_kw": [0, 3, 2, 5],
    }
)


@pytest.fixture(scope="module")
def feeder():
    return baran_wu_feeder()


class TestBaranWuFeeder:
    def test_published_voltage_and_losses(self, monkeypatch):
        """0.9131 pu at bus 18, 202.7 kW lost (Baran and Wu 1989, and every re-run since)."""
        solved = []
        solve = line_table.solve_power_flow
        monkeypatch.setattr(
            line_table, "solve_power_flow", lambda *a: solved.append(solve(*a)) or solved[0]
        )
        baran_wu_feeder()
        magnitudes = np.abs(solved[0].voltage)
        assert int(magnitudes.argmin()) == 17
        np.testing.assert_allclose(magnitudes.min(), 0.91309, atol=1e-5)
        np.testing.assert_allclose(solved[0].injection.sum().real * 1000, 202.677, atol=2e-3)

    def test_six_communities(self, feeder):
        sizes = np.bincount(feeder.cluster)
        assert feeder.clusters == 6 and sizes.min() >= 4 and sizes.max() <= 6
        assert 0.66 < feeder.modularity < 0.68

    def test_communities_are_connected_and_numbered_from_the_head(self, feeder):
        assert feeder.names[0] == "2" and feeder.cluster[0] == 0
        for label in range(feeder.clusters):
            members = np.flatnonzero(feeder.cluster == label)
            inside = [pair for pair in feeder.lines.tolist() if set(pair) <= set(members)]
            assert len(inside) == members.size - 1  # a tree

    def test_neighbouring_numbers_are_close(self, feeder):
        between = np.asarray(feeder.cluster_distance().matrix)
        ways = [between[list(way[:-1]), list(way[1:])].sum() for way in permutations(range(6))]
        assert np.diagonal(between, 1).sum() <= 1.02 * min(ways)

    def test_distances(self, feeder):
        distance = feeder.distance
        assert distance.shape == (32, 32) and distance.max() == 1 and feeder.farthest > 1
        np.testing.assert_array_equal(distance, distance.T)
        np.testing.assert_array_equal(distance.diagonal(), 0)
        assert np.all(distance[~np.eye(32, dtype=bool)] > 0)
        # Along the trunk, farther is farther.
        trunk = [feeder.names.index(str(bus)) for bus in range(2, 19)]
        assert np.all(np.diff(distance[trunk[0], trunk]) > 0)

    def test_shape_for_drawing(self, feeder):
        assert feeder.heads == ("1",) and feeder.head_lines.tolist() == [[0, 0]]
        assert feeder.coordinates.shape == (32, 2) and feeder.lines.shape == (31, 2)
        assert np.all(np.isfinite(feeder.coordinates))
        assert sorted(feeder.order) == list(range(32))
        np.testing.assert_array_equal(feeder.cluster[feeder.order], np.sort(feeder.cluster))
        assert feeder.provenance.coordinates == "layout"
        assert "Baran" in feeder.provenance.source

    def test_clusters_become_a_graphon(self, feeder):
        households = np.where(feeder.cluster == 2, 0, 1 + np.arange(32))
        distance = feeder.cluster_distance(households)
        graphon = StepGraphon.of_clusters(distance, 2)
        assert graphon.masses[2] == 0
        mean = np.mean(feeder.distance[np.ix_(feeder.cluster == 1, feeder.cluster == 4)])
        np.testing.assert_allclose(graphon.weights[1, 4], np.exp(-2 * mean), rtol=1e-12)
        np.testing.assert_allclose(graphon.masses[0], households[feeder.cluster == 0].sum()
                                   / households.sum())  # fmt: skip

    def test_resolution_makes_more_clusters(self, feeder):
        fine = feeder.reclustered(resolution=3.0, seed=1)
        assert fine.clusters > feeder.clusters
        assert "resolution 3, seed 1" in fine.provenance.clusters
        np.testing.assert_array_equal(fine.distance, feeder.distance)

    @pytest.mark.parametrize("households", [np.ones(31), -np.ones(32), np.zeros(32)])
    def test_households_must_live_somewhere(self, feeder, households):
        with pytest.raises(InvalidInput) as error:
            feeder.masses(households)
        assert error.value.field == "households"


class TestTables:
    def test_files_and_frames_are_read_alike(self, tmp_path):
        path = tmp_path / "feeder.csv"
        path.write_text("# a comment\n" + CHAIN.to_csv(index=False), encoding="utf-8")
        from_file, from_frame = network_from_lines(path), network_from_lines(CHAIN)
        assert from_file.names == ("a", "b", "c", "d")
        np.testing.assert_allclose(from_file.distance, from_frame.distance, rtol=1e-12)
        assert from_file.provenance.source == str(path)

    def test_names_that_look_like_numbers_stay_names(self, tmp_path):
        path = tmp_path / "feeder.csv"
        path.write_text("from_bus,to_bus,length_km\n00,01,0.1\n01,02,0.2\n", encoding="utf-8")
        network = network_from_lines(path)
        assert network.names == ("01", "02") and network.heads == ("00",)

    def test_lengths_of_a_given_cable(self):
        lengths = CHAIN[["from_bus", "to_bus"]].assign(length_km=[0.1, 0.2, 0.3, 0.1])
        ohms = lengths.assign(r_ohm=0.5 * lengths.length_km, x_ohm=0.1 * lengths.length_km)
        given = lengths.assign(r_ohm_per_km=0.5, x_ohm_per_km=0.1)
        np.testing.assert_allclose(
            network_from_lines(given).distance, network_from_lines(ohms).distance, rtol=1e-12
        )
        # Without load and with one cable everywhere, distance depends on the ways only.
        np.testing.assert_allclose(
            network_from_lines(lengths).distance, network_from_lines(ohms).distance, rtol=1e-9
        )

    def test_another_head_turns_the_network_around(self):
        network = network_from_lines(CHAIN, head="c")
        assert network.heads == ("c",) and set(network.names) == {"T", "a", "b", "d"}

    def test_a_single_line_is_a_single_cluster(self):
        network = network_from_lines(CHAIN[:1])
        assert network.clusters == 1 and network.modularity == 0 and network.distance.item() == 0

    @pytest.mark.parametrize(
        "table, field, text",
        [
            (CHAIN.drop(columns="to_bus"), "lines", "needs from_bus and to_bus"),
            (CHAIN.drop(columns="x_ohm"), "lines", "length_km"),
            (CHAIN[:0], "lines", "at least one line"),
            (CHAIN.assign(r_ohm=[0.1, "?", 0.1, 0.1]), "lines.r_ohm", "row 2"),
            (CHAIN.assign(r_ohm=[0.1, 0.1, -0.1, 0.1]), "lines.r_ohm", "row 3"),
            (CHAIN.assign(p_kw=[0.1, 0.1, np.nan, 0.1]), "lines.p_kw", "row 3"),
            (CHAIN.assign(r_ohm=0.0, x_ohm=0.0), "lines.r_ohm", "row 1 has no impedance"),
            (CHAIN.assign(to_bus=["a", "a", "c", "d"]), "lines.to_bus", "row 2"),
            (CHAIN.drop(index=1), "lines", "not connected to the head T"),
            (CHAIN.assign(p_kw=5000), "network.loads", "cannot carry"),
        ],
    )
    def test_bad_tables_are_refused_by_name(self, table, field, text):
        with pytest.raises(InvalidInput, match=text) as error:
            network_from_lines(table)
        assert error.value.field == field

    def test_buses_that_are_cut_off_are_named(self):
        with pytest.raises(InvalidInput, match="'b, c'"):
            network_from_lines(CHAIN.drop(index=1))

    def test_unknown_head_voltage_and_file(self, tmp_path):
        for arguments, field in [
            ({"table": CHAIN, "head": "z"}, "head"),
            ({"table": CHAIN, "nominal_kv": 0.0}, "nominal_kv"),
            ({"table": tmp_path / "none.csv"}, "lines"),
        ]:
            with pytest.raises(InvalidInput) as error:
                network_from_lines(**arguments)
            assert error.value.field == field

    def test_without_pandapower_the_extra_is_named(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "pandapower", None)
        with pytest.raises(MissingDependency, match=r"pandapower.*pip install 'mfgamm\[grid\]'"):
            network_from_pandapower(None)
