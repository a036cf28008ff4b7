"""Tariffs, the community's market, and its settlement."""

from mfgamm.market.cluster_audit import (
    ClusterAudit as ClusterAudit,
    audit_clusters as audit_clusters,
)
from mfgamm.market.clustered import AbstractClusteredMarket as AbstractClusteredMarket
from mfgamm.market.market import (
    AbstractMarket as AbstractMarket,
    CommunityMarket as CommunityMarket,
    GridMarket as GridMarket,
)
from mfgamm.market.monotone import MonotoneMarket as MonotoneMarket
from mfgamm.market.nested import NestedMarket as NestedMarket
from mfgamm.market.settlement import (
    NetworkAccount as NetworkAccount,
    Settlement as Settlement,
)
from mfgamm.market.tariffs import (
    TariffPeriod as TariffPeriod,
    flat_tariff as flat_tariff,
    series_tariff as series_tariff,
    time_of_use_tariff as time_of_use_tariff,
)
from mfgamm.market.two_layer import (
    AbstractLayerPricing as AbstractLayerPricing,
    CurvePricing as CurvePricing,
    NetLoadPricing as NetLoadPricing,
    Sigmoid as Sigmoid,
    TwoLayerMarket as TwoLayerMarket,
)
