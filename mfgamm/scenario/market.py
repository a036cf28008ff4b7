"""From a scenario to its tariff, and to the market that clears inside it."""

from typing import Any

import jax.numpy as jnp
import numpy as np

from mfgamm.amm import AbstractBondingCurve, Blended, Linear, MonotonePotential, curve_by_name
from mfgamm.core import InvalidInput, Tariff
from mfgamm.market import (
    AbstractMarket,
    CommunityMarket,
    CurvePricing,
    MonotoneMarket,
    NestedMarket,
    TariffPeriod,
    TwoLayerMarket,
    flat_tariff,
    series_tariff,
    time_of_use_tariff,
)
from mfgamm.scenario.calendar import Calendar, make_calendar
from mfgamm.scenario.clusters import ClusterMap, make_cluster_map
from mfgamm.scenario.schema import (
    AnyTariff,
    FlatTariff,
    MarketTable,
    Period,
    Scenario,
    SeriesTariff,
    TimeOfUseTariff,
    TimeTable,
)
from mfgamm.scenario.schema.tariff import minute_of_day
from mfgamm.scenario.sources import read_prices


def build_market(scenario: Scenario) -> AbstractMarket:
    """The community's market: bonding curve, tariff and fee; potential and tariff; or clusters'.

    Raises:
        InvalidInput: if the tariff's file does not fit, or the curve cannot serve the tariff.
    """
    clusters = make_cluster_map(scenario)
    if clusters is not None:
        return clustered_market(scenario, clusters)
    tariff = build_tariff(scenario, make_calendar(scenario.time))
    if scenario.market.curvature is not None:
        potential = MonotonePotential(scenario.market.curvature)
        return MonotoneMarket(potential=potential, tariff=tariff)
    curve = build_curve(scenario.market)
    return CommunityMarket(curve=curve, tariff=tariff, fee=scenario.market.fee)


def clustered_market(scenario: Scenario, clusters: ClusterMap) -> AbstractMarket:
    """The market of coupled clusters, or of clusters on their own.

    Raises:
        InvalidInput: if a cluster's tariff is upside down, or a curve cannot serve the tariff.
    """
    own, table = own_cluster_market(scenario, clusters), clusters.table
    pool_curve = curve_by_name(table.pool_curve or "mid-market")
    coupling: Any = clusters.coupling.aggregate()
    match table.market:
        case "nested":
            return NestedMarket(
                curve=own.curve,
                pool_curve=pool_curve,
                tariff=own.tariff,
                coupling=coupling,
                fee=own.fee,
                blur=own.blur,
                balanced=table.balanced,
            )
        case "two-layer":
            return TwoLayerMarket(
                local_pricing=CurvePricing(own.curve),
                global_pricing=CurvePricing(pool_curve),
                shares=jnp.asarray(table.layer_shares),
                tariff=own.tariff,
                coupling=coupling,
                masses=jnp.asarray(clusters.masses),
                blur=own.blur,
            )
        case "own":
            return own


def own_cluster_market(scenario: Scenario, clusters: ClusterMap) -> CommunityMarket:
    """Each cluster cleared by itself, however clusters are coupled.

    It is what nested clusters become as their coupling fades: the share of the trade that does not
    balance within a step goes to the grid here.

    Raises:
        InvalidInput: if a cluster's tariff is upside down, or the curve cannot serve it.
    """
    return CommunityMarket(
        curve=build_curve(scenario.market),
        tariff=cluster_tariff(build_tariff(scenario, make_calendar(scenario.time)), clusters),
        fee=scenario.market.fee,
        blur=clusters.table.blur,
    )


def cluster_tariff(tariff: Tariff, clusters: ClusterMap) -> Tariff:
    """One tariff for all where no cluster's differs; else a row for each.

    Raises:
        InvalidInput: naming a cluster whose feed-in price would exceed its retail price.
    """
    offsets = clusters.feed_in_offset, clusters.retail_offset
    if not np.any(offsets):
        return tariff
    feed_in, retail = (
        np.asarray(price) + offset[:, None]
        for price, offset in zip((tariff.feed_in, tariff.retail), offsets, strict=True)
    )
    upside_down = (feed_in > retail).any(axis=1)
    if upside_down.any():
        worst = int(np.argmax(upside_down))
        raise InvalidInput(
            f"clusters.{clusters.names[worst]}.feed_in_offset",
            float(offsets[0][worst]),
            "lifts the feed-in price above the retail price; lower it, or raise retail_offset",
        )
    return Tariff(feed_in, retail)


def build_tariff(scenario: Scenario, calendar: Calendar) -> Tariff:
    """The grid's prices at each step, €/kWh, by the local wall clock.

    Raises:
        InvalidInput: if the prices of a series do not fit the calendar.
    """
    return tariff_of(scenario.tariff, scenario.time, calendar)


def tariff_of(table: AnyTariff, time: TimeTable, calendar: Calendar) -> Tariff:
    """The prices that a `[tariff]` table names, at each step.

    Raises:
        InvalidInput: if the prices of a series do not fit the calendar.
    """
    match table:
        case FlatTariff(feed_in=feed_in, retail=retail):
            return flat_tariff(calendar.steps, feed_in=feed_in, retail=retail)
        case TimeOfUseTariff(feed_in=feed_in, retail=retail, periods=periods):
            spans = [_span(period) for period in periods]
            return time_of_use_tariff(calendar.hour, spans, feed_in=feed_in, retail=retail)
        case SeriesTariff() as series:
            feed_in, retail = read_prices("tariff", series, calendar, time)
            return series_tariff(feed_in, retail)


def build_curve(market: MarketTable) -> AbstractBondingCurve:
    """The bonding curve by its name and parameters."""
    if market.anchor is not None:
        return Linear.at(market.anchor)
    if market.weights is not None:
        curves = tuple(curve_by_name(name) for name in market.weights)
        return Blended(curves, list(market.weights.values()))
    return curve_by_name(market.curve)


def _span(period: Period) -> TariffPeriod:
    return TariffPeriod(
        start=minute_of_day(period.start) / 60,
        stop=minute_of_day(period.stop) / 60,
        retail=period.retail,
        feed_in=period.feed_in,
    )
