"""From a scenario to its tariff, and to the market that clears inside it."""

from mfgamm.amm import AbstractBondingCurve, Blended, Linear, MonotonePotential, curve_by_name
from mfgamm.core import Tariff
from mfgamm.market import (
    AbstractMarket,
    CommunityMarket,
    MonotoneMarket,
    TariffPeriod,
    flat_tariff,
    series_tariff,
    time_of_use_tariff,
)
from mfgamm.scenario.calendar import Calendar, make_calendar
from mfgamm.scenario.schema import (
    FlatTariff,
    MarketTable,
    Period,
    Scenario,
    SeriesTariff,
    TimeOfUseTariff,
)
from mfgamm.scenario.schema.tariff import minute_of_day
from mfgamm.scenario.sources import read_prices


def build_market(scenario: Scenario) -> AbstractMarket:
    """The community's market: bonding curve, tariff and fee; or potential and tariff.

    Raises:
        InvalidInput: if the tariff's file does not fit, or the curve cannot serve the tariff.
    """
    tariff = build_tariff(scenario, make_calendar(scenario.time))
    if scenario.market.curvature is not None:
        potential = MonotonePotential(scenario.market.curvature)
        return MonotoneMarket(potential=potential, tariff=tariff)
    curve = build_curve(scenario.market)
    return CommunityMarket(curve=curve, tariff=tariff, fee=scenario.market.fee)


def build_tariff(scenario: Scenario, calendar: Calendar) -> Tariff:
    """The grid's prices at each step, €/kWh, by the local wall clock.

    Raises:
        InvalidInput: if the prices of a series do not fit the calendar.
    """
    match scenario.tariff:
        case FlatTariff(feed_in=feed_in, retail=retail):
            return flat_tariff(calendar.steps, feed_in=feed_in, retail=retail)
        case TimeOfUseTariff(feed_in=feed_in, retail=retail, periods=periods):
            spans = [_span(period) for period in periods]
            return time_of_use_tariff(calendar.hour, spans, feed_in=feed_in, retail=retail)
        case SeriesTariff() as series:
            feed_in, retail = read_prices("tariff", series, calendar, scenario.time)
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
