"""Tariffs, the community's market, and its settlement."""

from mfgamm.market.market import (
    AbstractMarket as AbstractMarket,
    CommunityMarket as CommunityMarket,
    GridMarket as GridMarket,
)
from mfgamm.market.monotone import MonotoneMarket as MonotoneMarket
from mfgamm.market.settlement import Settlement as Settlement
from mfgamm.market.tariffs import (
    TariffPeriod as TariffPeriod,
    flat_tariff as flat_tariff,
    series_tariff as series_tariff,
    time_of_use_tariff as time_of_use_tariff,
)
