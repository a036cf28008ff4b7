"""`[clusters]`: several communities that are coupled, where they are, and how they differ."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from mfgamm.scenario.schema.market import CurveName
from mfgamm.scenario.schema.table import Table, between, of_length, refusal

Share = Annotated[float, between(0, 1)]
PriceOffset = Annotated[float, between(-10, 10, "€/kWh")]


class ClustersTable(Table):
    """What clusters of every kind say.

    The households of `[population]` are spread over the clusters by the clusters' sizes. Each
    cluster has a composition of its own, drawn around the population's.

    Attributes:
        market: "nested" market makers, whose clusters trade what they have left in a pool; a
            blend of "two-layer" prices and the grid's; or each cluster on its "own". The clusters'
            curve and fee are those of `[market]`.
        alpha: decay α of the coupling exp(−α·e) with the distance e of two clusters, the
            farthest being 1 apart.
        pool_curve: bonding curve between clusters; "mid-market" if left out.
        balanced: of the nested market: trade between clusters in pairs at one price, so that
            their books balance.
        layer_shares: of the two-layer market: w₁ of a household's trade in its cluster, w₂ in the
            cluster of clusters, w₃ with the grid.
        blur: share of a cluster's trade that counts as unbalanced within a step, and leaves it,
            so that prices are smooth where supply meets demand.
        types_per_cluster: distinct households of each cluster, who stand for all of it; every
            household is one of a kind if left out.
        mix_spread: how far the categories' shares differ between clusters: 0 alike, towards 1
            each of a single category. A share p varies by mix_spread·√(p(1 − p)).
        generation_spread: standard deviation of the logarithm of a cluster's factor on all its
            generation.
        weather_reach: distance at which generated weather is still correlated by e^−½, as a
            share of the map's width.
    """

    market: Literal["nested", "two-layer", "own"] = "nested"
    alpha: Annotated[float, between(0, 1000)] = 2.0
    pool_curve: CurveName | None = None
    balanced: bool = False
    layer_shares: Annotated[tuple[Share, ...], Field(strict=False), of_length(3, 3)] | None = None
    blur: Annotated[float, between(0, 0.99)] = 0.01
    types_per_cluster: Annotated[int, between(1, 100_000)] | None = None
    mix_spread: Annotated[float, between(0, 0.95)] = 0.3
    generation_spread: Annotated[float, between(0, 2)] = 0.2
    weather_reach: Annotated[float, between(0.01, 100)] = 0.5

    @model_validator(mode="after")
    def _keys_belong_to_market(self) -> "ClustersTable":
        given = {
            "pool_curve": (self.pool_curve is not None, {"nested", "two-layer"}),
            "balanced": (self.balanced, {"nested"}),
            "layer_shares": (self.layer_shares is not None, {"two-layer"}),
        }
        for key, (is_given, markets) in given.items():
            if is_given and self.market not in markets:
                named = " or ".join(repr(each) for each in sorted(markets))
                raise refusal(f"belongs to market {named}, not to '{self.market}'", key)
        if self.market == "two-layer":
            if self.layer_shares is None:
                raise refusal("is missing: market 'two-layer' needs it", "layer_shares")
            total = sum(self.layer_shares)
            if abs(total - 1) > 1e-9:
                raise refusal(f"must sum to 1, but the sum is {total:g}", "layer_shares")
        return self


class GeneratedClusters(ClustersTable):
    """Clusters at random places.

    Attributes:
        count: how many.
        layout: on a square "map", or along a "line".
        size_spread: standard deviation of the logarithm of a cluster's size.
    """

    kind: Literal["generated"]
    count: Annotated[int, between(1, 10_000)]
    layout: Literal["map", "line"] = "map"
    size_spread: Annotated[float, between(0, 2)] = 0.0


class ClusterRow(Table):
    """One cluster of a table.

    Attributes:
        name: of the cluster.
        households: how many there are, relative to the other clusters; it may be none.
        x, y: where it is, in any unit of length.
        shares: category -> share of the cluster's households; drawn if left out.
        generation_scale: factor on all generation; drawn if left out.
        feed_in_offset, retail_offset: of the cluster's tariff from the common one, €/kWh.
    """

    name: Annotated[str, Field(min_length=1)]
    households: Annotated[float, between(0, 1e9)] = 1.0
    x: Annotated[float, between(-1e9, 1e9)] = 0.0
    y: Annotated[float, between(-1e9, 1e9)] = 0.0
    shares: dict[str, Share] | None = None
    generation_scale: Annotated[float, between(0, 1000)] | None = None
    feed_in_offset: PriceOffset = 0.0
    retail_offset: PriceOffset = 0.0

    @model_validator(mode="after")
    def _shares_partition(self) -> "ClusterRow":
        total = 1.0 if self.shares is None else sum(self.shares.values())
        if abs(total - 1) > 1e-9:
            raise refusal(f"must sum to 1, but the sum is {total:g}", "shares")
        return self


class TabledClusters(ClustersTable):
    """Clusters listed one by one.

    Attributes:
        rows: the clusters; or else
        path: of a CSV file with the same columns, a column `share_<category>` for each category
            if shares are given; relative to the scenario file, `$VARIABLE`s are expanded.
    """

    kind: Literal["table"]
    rows: Annotated[tuple[ClusterRow, ...], Field(strict=False), of_length(1)] | None = None
    path: str | None = None

    @model_validator(mode="after")
    def _rows_or_path(self) -> "TabledClusters":
        if (self.rows is None) == (self.path is None):
            raise refusal("give the clusters in rows, or the path of a CSV file", "rows")
        if self.rows is not None and (problem := unfit_rows(self.rows)):
            raise refusal(problem, "rows")
        return self


class NetworkClusters(ClustersTable):
    """Communities of an electrical network's buses, as many households at every bus.

    Attributes:
        source: "baran-wu", the 33-bus feeder that comes with the package, or "pandapower:" with
            the name of one of its networks; or else
        path: of a CSV file with a line a row, see `mfgamm.graphon.grid.network_from_lines`.
        head: with `path`: the bus where the grid holds the voltage; the first row's if left out.
        nominal_kv: with `path`: nominal voltage, line to line, 0.4 kV if left out.
        resolution: above one for more and smaller clusters, below for fewer.
    """

    kind: Literal["network"]
    source: str | None = None
    path: str | None = None
    head: str | None = None
    nominal_kv: Annotated[float, between(0, 2000, "kV", above=True)] | None = None
    resolution: Annotated[float, between(0.01, 100)] = 1.0

    @model_validator(mode="after")
    def _source_or_path(self) -> "NetworkClusters":
        if (self.source is None) == (self.path is None):
            raise refusal("give the source of the network, or the path of its lines", "source")
        for key in ("head", "nominal_kv"):
            if self.path is None and getattr(self, key) is not None:
                raise refusal("describes the file of lines: give its path, too", key)
        known = self.source in (None, "baran-wu")
        if not (known or str(self.source).startswith("pandapower:")):
            raise refusal("must be 'baran-wu', or 'pandapower:' and a network's name", "source")
        return self


AnyClusters = Annotated[
    GeneratedClusters | TabledClusters | NetworkClusters, Field(discriminator="kind")
]


def unfit_rows(rows: tuple[ClusterRow, ...]) -> str | None:
    """What is wrong with clusters that are fine one by one; None if nothing is."""
    names = [row.name for row in rows]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        return f"two are named {min(twice)!r}; each needs a name of its own"
    if not any(row.households for row in rows):
        return "no cluster has any households; make one positive"
    return None
