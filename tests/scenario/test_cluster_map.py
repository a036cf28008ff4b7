"""Clusters of a scenario: how they are said, where they are, who lives there."""

import numpy as np
import pytest

from mfgamm.core import InvalidInput
from mfgamm.market import CommunityMarket, NestedMarket, TwoLayerMarket
from mfgamm.prosumer import require_feasible
from mfgamm.scenario import (
    InvalidScenario,
    build_community,
    build_households,
    build_market,
    build_population,
    load_scenario,
    make_calendar,
    make_cluster_map,
)
from mfgamm.scenario.generation.weather import weather_field

GENERATED = {"kind": "generated", "count": 5}
ROWS = [
    {"name": "mill", "households": 6.0, "shares": {"solar": 1.0}, "generation_scale": 2.0},
    {"name": "ruin", "households": 0.0, "x": 3.0},
    {"name": "farm", "households": 1.0, "x": 3.0, "y": 4.0, "retail_offset": 0.05},
    {"name": "hill", "households": 3.0, "y": 4.0},
]
TABLE = {"kind": "table", "rows": ROWS}
NETWORK = {"kind": "network", "source": "baran-wu"}


def by_name(scenario):
    return {each.name: each for each in build_households(scenario, make_calendar(scenario.time))}


WRONG = [
    ({"kind": "drawn"}, ["clusters.kind = 'drawn'", "'generated', 'table', 'network'"]),
    ({"count": 3}, ["clusters.kind: is missing"]),
    ({"kind": "generated"}, ["clusters.count: is missing"]),
    (GENERATED | {"count": 0}, ["clusters.count = 0", "between 1 and 10,000"]),
    (GENERATED | {"alpha": -1}, ["clusters.alpha = -1", "between 0 and 1,000"]),
    (GENERATED | {"rows": []}, ["belongs to kind 'table', not to 'generated'"]),
    (GENERATED | {"aplha": 1}, ["did you mean clusters.alpha"]),
    (GENERATED | {"mix_spread": 1.0}, ["clusters.mix_spread = 1.0", "0 and 0.95"]),
    (GENERATED | {"blur": 1.0}, ["clusters.blur = 1.0"]),
    (
        GENERATED | {"market": "own", "balanced": True},
        ["clusters.balanced = True: belongs to market 'nested', not to 'own'"],
    ),
    (
        GENERATED | {"market": "own", "pool_curve": "geometric"},
        ["clusters.pool_curve", "belongs to market 'nested' or 'two-layer'"],
    ),
    (GENERATED | {"market": "two-layer"}, ["clusters.layer_shares: is missing"]),
    (
        GENERATED | {"market": "two-layer", "layer_shares": [0.5, 0.5, 0.5]},
        ["clusters.layer_shares", "must sum to 1, but the sum is 1.5"],
    ),
    (
        GENERATED | {"market": "two-layer", "layer_shares": [0.5, 0.5]},
        ["clusters.layer_shares", "exactly 3 entries"],
    ),
    ({"kind": "table"}, ["clusters.rows: give the clusters in rows, or the path"]),
    (TABLE | {"path": "x.csv"}, ["give the clusters in rows, or the path"]),
    ({"kind": "table", "rows": []}, ["clusters.rows = []: must have at least 1 entries"]),
    ({"kind": "table", "rows": [{"name": "a"}, {"name": "a"}]}, ["two are named 'a'"]),
    ({"kind": "table", "rows": [{"name": "a", "households": 0}]}, ["no cluster has any"]),
    (
        {"kind": "table", "rows": [{"name": "a", "households": -1}]},
        ["clusters.rows.0.households = -1"],
    ),
    (
        {"kind": "table", "rows": [{"name": "a", "shares": {"solar": 0.3}}]},
        ["clusters.rows.0.shares", "must sum to 1, but the sum is 0.3"],
    ),
    (
        {"kind": "table", "rows": [{"name": "a", "shares": {"tide": 1.0}}]},
        ["clusters.rows.0.shares.tide", "is no category", "'solar'"],
    ),
    ({"kind": "network"}, ["clusters.source: give the source of the network, or the path"]),
    ({"kind": "network", "source": "ieee"}, ["clusters.source = 'ieee': must be 'baran-wu'"]),
    (NETWORK | {"head": "1"}, ["clusters.head = '1': describes the file of lines"]),
]


@pytest.mark.parametrize(("clusters", "said"), WRONG)
def test_wrong_clusters_are_named(make_scenario, clusters, said):
    with pytest.raises(InvalidScenario) as caught:
        make_scenario(clusters=clusters)
    for text in said:
        assert text in str(caught.value)


@pytest.mark.parametrize(
    ("replaced", "field"),
    [
        ({"market__curve": "monotone", "market__curvature": 0.1}, "market.curve"),
        (
            {
                "market__fee": 0.1,
                "clusters__market": "two-layer",
                "clusters__layer_shares": [0.5, 0.3, 0.2],
            },
            "market.fee",
        ),
        ({"solver__method": "column-generation"}, "solver.method"),
    ],
)
def test_what_clusters_cannot_have_is_refused(make_scenario, replaced, field):
    with pytest.raises(InvalidScenario) as caught:
        make_scenario(clusters=dict(GENERATED), **replaced)
    assert caught.value.field == field


@pytest.mark.parametrize("clusters", [GENERATED, TABLE, NETWORK], ids=lambda each: each["kind"])
def test_clusters_survive_the_file(make_scenario, clusters, tmp_path):
    scenario = make_scenario(clusters=clusters)
    file = tmp_path / "clusters.toml"
    file.write_text(scenario.to_toml())
    assert load_scenario(file) == scenario


def test_a_single_community_says_nothing_of_clusters(make_scenario):
    scenario = make_scenario()
    assert make_cluster_map(scenario) is None and "clusters" not in scenario.to_toml()
    population = build_population(scenario)
    assert population.clusters == () and population.types.clusters is None


def test_households_stay_when_other_clusters_come(make_scenario):
    few = make_scenario(clusters=GENERATED | {"count": 2}, population__size=20)
    many = make_scenario(clusters=GENERATED | {"count": 4}, population__size=40)
    here, there = by_name(few), by_name(many)
    assert set(here) < set(there)
    assert {name.split("/")[0] for name in here} == {"cluster-1", "cluster-2"}
    for name, household in here.items():
        assert np.array_equal(household.generation, there[name].generation)
        assert np.array_equal(household.base_load, there[name].base_load)


def test_types_stand_for_all_households_of_their_cluster(make_scenario):
    scenario = make_scenario(
        clusters=TABLE | {"types_per_cluster": 4}, population__size=100, tariff__retail=0.2
    )
    population = build_population(scenario)
    homes = np.asarray(population.types.clusters.of_type)
    represented = np.asarray(population.types.weights) * float(population.households)
    assert population.clusters == ("mill", "ruin", "farm", "hill")
    assert np.bincount(homes, minlength=4).tolist() == [4, 0, 4, 4]
    np.testing.assert_allclose(
        np.bincount(homes, weights=represented, minlength=4), [60, 0, 10, 30]
    )
    tiny = build_population(make_scenario(population__size=10))
    assert np.bincount(np.asarray(tiny.types.clusters.of_type)).tolist() == [4, 0, 1, 3]


def test_rows_say_who_lives_there_and_what_the_grid_charges(make_scenario):
    scenario = make_scenario(clusters=TABLE, population__size=100)
    clusters, households = make_cluster_map(scenario), by_name(scenario)
    assert clusters is not None
    assert clusters.generation_scale[0] == 2.0 and clusters.shares[0].tolist() == [1, 0, 0]
    assert all(each.category == "solar" for n, each in households.items() if n.startswith("mill"))
    assert clusters.shares[3].sum() == pytest.approx(1) and clusters.shares[3].min() > 0
    tariff = build_market(scenario).tariff
    np.testing.assert_allclose(tariff.retail[:, 0], [0.2, 0.2, 0.25, 0.2])
    np.testing.assert_allclose(tariff.feed_in, 0.1)
    # A rectangle of 3 by 4, its diagonal the unit of length.
    expected = np.array([[0, 3, 5, 4], [3, 0, 4, 5], [5, 4, 0, 3], [4, 5, 3, 0]]) / 5
    np.testing.assert_allclose(clusters.places.distance, expected, atol=1e-12)


def test_a_tariff_upside_down_names_its_cluster(make_scenario):
    rows = [{"name": "mill"}, {"name": "dear", "feed_in_offset": 0.3}]
    with pytest.raises(InvalidInput, match=r"clusters\.dear\.feed_in_offset = 0\.3"):
        build_market(make_scenario(clusters={"kind": "table", "rows": rows}))


def test_a_file_of_clusters_reads_like_rows(make_scenario, tmp_path):
    file = tmp_path / "clusters.csv"
    file.write_text(
        "# our villages\nname,households,x,y,share_solar,generation_scale,retail_offset\n"
        "mill,6,0,0,1,2,\nruin,0,3,0,,,\nfarm,1,3,4,,,0.05\nhill,3,0,4,,,\n"
    )
    read = make_cluster_map(make_scenario(clusters={"kind": "table", "path": str(file)}))
    listed = make_cluster_map(make_scenario(clusters=TABLE))
    assert read is not None and listed is not None
    assert read.names == listed.names
    for field in ("households", "shares", "generation_scale", "feed_in_offset", "retail_offset"):
        np.testing.assert_array_equal(getattr(read, field), getattr(listed, field))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name,households\nmill,-1\n", "row 1, households = -1"),
        ("name,huoseholds\nmill,1\n", "'huoseholds': is no column"),
        ("name,households\n,1\n", "row 1, name"),
        ("name,share_solar\nmill,0.5\n", "must sum to 1"),
        ("name\nmill\nmill\n", "two are named 'mill'"),
        ("name\n", "give at least one cluster"),
        ("", "is no table"),
    ],
)
def test_a_wrong_file_of_clusters_is_named(make_scenario, tmp_path, text, said):
    file = tmp_path / "clusters.csv"
    file.write_text(text)
    with pytest.raises(InvalidInput, match=r"clusters\.path") as caught:
        make_cluster_map(make_scenario(clusters={"kind": "table", "path": str(file)}))
    assert said in str(caught.value)


def test_a_missing_file_of_clusters_is_named(make_scenario):
    with pytest.raises(InvalidInput, match="there is no such file"):
        make_cluster_map(make_scenario(clusters={"kind": "table", "path": "nowhere.csv"}))


def test_compositions_spread_as_they_should(make_scenario):
    def shares(**keys):
        clusters = make_cluster_map(make_scenario(clusters=GENERATED | {"count": 2000} | keys))
        assert clusters is not None
        return clusters.shares, clusters.generation_scale

    alike, one = shares(mix_spread=0.0, generation_spread=0.0)
    np.testing.assert_array_equal(alike, np.broadcast_to([0.3, 0.3, 0.4], alike.shape))
    np.testing.assert_array_equal(one, 1.0)
    spread, scale = shares(mix_spread=0.4, generation_spread=0.3)
    p = np.array([0.3, 0.3, 0.4])
    np.testing.assert_allclose(spread.mean(axis=0), p, atol=0.02)
    np.testing.assert_allclose(spread.std(axis=0), 0.4 * np.sqrt(p * (1 - p)), rtol=0.06)
    assert np.log(scale).std() == pytest.approx(0.3, rel=0.06)
    assert scale.mean() == pytest.approx(1, rel=0.03)


def test_sizes_and_layout_of_drawn_clusters(make_scenario):
    keys = {"count": 50, "size_spread": 0.8, "layout": "line"}
    clusters = make_cluster_map(make_scenario(clusters=GENERATED | keys, population__size=5000))
    assert clusters is not None
    assert clusters.households.sum() == 5000 and len(set(clusters.households)) > 20
    assert np.all(clusters.places.positions[:, 1] == 0.5)
    x = clusters.places.positions[:, 0]
    np.testing.assert_allclose(clusters.places.distance, np.abs(x[:, None] - x))


def test_coupling_fades_with_distance(make_scenario):
    scenario = make_scenario(clusters=TABLE | {"alpha": 1.5}, population__size=100)
    clusters, market = make_cluster_map(scenario), build_market(scenario)
    assert clusters is not None and isinstance(market, NestedMarket)
    expected = np.exp(-1.5 * clusters.places.distance)
    np.testing.assert_allclose(market.sight(4), expected, rtol=1e-12)
    np.testing.assert_allclose(clusters.coupling.masses, [0.6, 0, 0.1, 0.3])


def test_each_market_is_built_as_asked(make_scenario):
    clusters = GENERATED | {"market": "nested", "balanced": True, "pool_curve": "hyperbolic"}
    nested = build_community(make_scenario(clusters=clusters)).market
    assert isinstance(nested, NestedMarket) and nested.balanced
    assert type(nested.pool_curve).__name__ == "Hyperbolic" and float(nested.blur) == 0.01
    shares = [0.5, 0.3, 0.2]
    layered = build_market(
        make_scenario(clusters=GENERATED | {"market": "two-layer", "layer_shares": shares})
    )
    assert isinstance(layered, TwoLayerMarket)
    np.testing.assert_array_equal(layered.shares, shares)
    own = build_market(make_scenario(clusters=GENERATED | {"market": "own"}, market__fee=0.1))
    assert isinstance(own, CommunityMarket) and float(own.fee) == 0.1
    # Its offsets give every cluster a tariff of its own.
    with pytest.raises(InvalidInput, match="one tariff for all"):
        build_market(make_scenario(clusters=TABLE | {"balanced": True}, market__fee=0.0))


def test_a_feeder_is_cut_into_its_communities(make_scenario):
    clusters = make_cluster_map(make_scenario(clusters=NETWORK, population__size=320))
    assert clusters is not None and clusters.places.network is not None
    assert clusters.count == 6 and clusters.households.sum() == 320
    # Ten households a bus.
    buses = np.bincount(clusters.places.network.cluster)
    np.testing.assert_array_equal(clusters.households, 10 * buses)
    assert clusters.places.distance.max() <= 1 and np.all(np.diag(clusters.places.distance) == 0)
    drawn = clusters.places.network.coordinates
    assert drawn.min() >= 0 and drawn.max() <= 1


def test_a_network_from_its_lines(make_scenario, tmp_path):
    file = tmp_path / "lines.csv"
    rows = [f"{a},{b},0.2,0.1,5" for a, b in ("ab", "bc", "cd", "ae", "ef", "fg")]
    file.write_text("from_bus,to_bus,r_ohm,x_ohm,p_kw\n" + "\n".join(rows))
    table = {"kind": "network", "path": str(file), "head": "a", "nominal_kv": 10.0}
    clusters = make_cluster_map(make_scenario(clusters=table))
    assert clusters is not None and clusters.places.network is not None
    assert clusters.places.network.heads == ("a",) and clusters.count == 2
    with pytest.raises(InvalidInput, match="no line ends there"):
        make_cluster_map(make_scenario(clusters=table | {"head": "z"}))


def test_a_network_that_pandapower_does_not_have(make_scenario):
    pytest.importorskip("pandapower")
    with pytest.raises(InvalidInput, match="pandapower:nowhere"):
        make_cluster_map(
            make_scenario(clusters={"kind": "network", "source": "pandapower:nowhere"})
        )


def test_paths_of_clusters_are_relative_to_the_file(make_scenario, tmp_path):
    (tmp_path / "villages.csv").write_text("name\nmill\nfarm\n")
    file = tmp_path / "study.toml"
    file.write_text(make_scenario(clusters={"kind": "table", "path": "villages.csv"}).to_toml())
    clusters = make_cluster_map(load_scenario(file))
    assert clusters is not None and clusters.names == ("mill", "farm")


def test_weather_is_alike_near_by_and_the_same_whoever_looks():
    calendar = make_calendar(load_scenario("paris-summer", ["time.days=60"]).time)
    places = np.array([[0.0, 0.0], [0.1, 0.0], [1.0, 0.0], [0.0, 4.0]])
    paths = weather_field("clearness", calendar, 1.0, 7, places)
    np.testing.assert_array_equal(
        paths[1:3], weather_field("clearness", calendar, 1.0, 7, places[1:3])
    )
    np.testing.assert_allclose(paths.std(axis=1), 1, atol=0.08)
    correlation = np.corrcoef(paths)
    expected = np.exp(-np.array([0.0, 0.01, 1.0, 16.0]) / 2)
    np.testing.assert_allclose(correlation[0], expected, atol=0.25)
    assert correlation[0, 1] > 0.97


def test_clusters_100_is_what_it_says():
    community = build_community(load_scenario("clusters-100"))
    population = community.population
    assert len(population.clusters) == 100 and population.size == 2000
    assert float(population.households) == 20_000 and population.steps == 96
    weights = np.asarray(community.market.sight(100))
    assert 0.3 < weights[~np.eye(100, dtype=bool)].mean() < 0.6
    require_feasible(population)


def test_case33_is_small():
    population = build_population(load_scenario("case33"))
    assert len(population.clusters) == 6 and population.size <= 300
    require_feasible(population)
