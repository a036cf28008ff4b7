"""From a mean field study's file to the game of its clusters."""

import enum

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from mfgamm.amm import curve_by_name
from mfgamm.core import InvalidInput, Tariff
from mfgamm.graphon import ClusterDistance, StepGraphon
from mfgamm.market import (
    AbstractLayerPricing,
    CurvePricing,
    NetLoadPricing,
    Sigmoid,
    TwoLayerMarket,
)
from mfgamm.meanfield import (
    AbstractDevice,
    Axis,
    ControllableLoad,
    ControlledDiffusion,
    Deviation,
    ElectricVehicle,
    EnergyStorage,
    Grid,
    ShiftableLoad,
    household,
    joint,
)
from mfgamm.meanfield_game import MeanFieldGame
from mfgamm.scenario.calendar import Calendar, make_calendar
from mfgamm.scenario.clusters.places import Places, drawn_places
from mfgamm.scenario.generation.load import daily_profile
from mfgamm.scenario.generation.solar import STANDARD_IRRADIANCE, clear_sky_irradiance
from mfgamm.scenario.market import tariff_of
from mfgamm.scenario.random_streams import stream
from mfgamm.scenario.schema import GeneratedClusters, GeneratedSolar
from mfgamm.scenario.schema.mean_field import (
    ControllableTable,
    LayersTable,
    MeanFieldScenario,
    RandomBatteryTable,
    RandomVehicleTable,
    ShiftableTable,
    SolarTable,
    StoreTable,
)
from mfgamm.scenario.schema.tariff import minute_of_day


class Mode(enum.StrEnum):
    """With whom the households of a cluster trade."""

    OWN_CLUSTER = "own cluster"
    CLUSTER_OF_CLUSTERS = "cluster of clusters"


def build_mean_field_game(
    scenario: MeanFieldScenario,
    mode: Mode = Mode.CLUSTER_OF_CLUSTERS,
    *,
    coarse: bool = False,
) -> MeanFieldGame:
    """The game of a study.

    Clusters on their own trade with themselves and with the grid: what would go to other clusters
    goes to the grid.

    Args:
        scenario: the study.
        mode: with whom clusters trade.
        coarse: with half the points of each state, to find prices that a finer grid starts from.

    Raises:
        InvalidInput: if the tariff does not fit the calendar, or a device makes no sense.
    """
    calendar = make_calendar(scenario.time)
    places = cluster_places(scenario)
    tariff = tariff_of(scenario.tariff, scenario.time, calendar)
    home = generic_household(scenario, calendar, coarse=coarse)
    masses = jnp.full(len(places.names), 1 / len(places.names))
    graphon = StepGraphon.of_clusters(
        ClusterDistance(places.distance, masses), scenario.clusters.alpha
    )
    return MeanFieldGame(
        household=home,
        base_load=jnp.asarray(base_loads(scenario, calendar, places)),
        start=_start(scenario, home),
        market=_market(scenario.market, mode, tariff, graphon),
        masses=masses,
    )


def cluster_places(scenario: MeanFieldScenario) -> Places:
    """Names, places and distances of the clusters."""
    table = scenario.clusters
    drawn = GeneratedClusters(kind="generated", count=table.count, layout=table.layout)
    return drawn_places(drawn, scenario.seed)


def generic_household(
    scenario: MeanFieldScenario, calendar: Calendar, *, coarse: bool = False
) -> ControlledDiffusion:
    """The household of every cluster, without its base load."""
    table = scenario.household
    noise = table.deviation
    devices: list[AbstractDevice] = [
        Deviation.stationary(
            noise.standard_deviation_kw, noise.correlation_hours, _count(noise.points, coarse)
        )
    ]
    if table.controllable is not None:
        devices.append(_controllable(table.controllable, coarse))
    if table.shiftable is not None:
        devices.append(_shiftable(table.shiftable, calendar, coarse))
    if table.battery is not None:
        devices.append(_battery(table.battery, coarse))
    if table.vehicle is not None:
        devices.append(_vehicle(table.vehicle, calendar, coarse))
    return household(devices, np.zeros(calendar.steps), calendar.step_hours)


def base_loads(
    scenario: MeanFieldScenario, calendar: Calendar, places: Places
) -> Float[np.ndarray, "cluster time"]:
    """Expected consumption less expected generation of each cluster's households, kW."""
    table, clusters = scenario.household, scenario.clusters
    load = table.load.daily_energy_kwh / 24 * daily_profile(calendar.hour)
    sun = np.zeros(calendar.steps)
    if table.solar is not None:
        sun = _expected_solar(table.solar, calendar)
    rows = []
    for name in places.names:
        factors = [
            _lognormal(spread, stream(scenario.seed, "cluster", name, what))
            for what, spread in (("load", clusters.load_spread), ("solar", clusters.solar_spread))
        ]
        rows.append(factors[0] * load - factors[1] * sun)
    return np.array(rows)


def _lognormal(spread: float, random: np.random.Generator) -> float:
    """A factor of mean one."""
    return float(np.exp(spread * random.standard_normal() - spread**2 / 2))


def _expected_solar(table: SolarTable, calendar: Calendar) -> Float[np.ndarray, " time"]:
    place = GeneratedSolar(latitude=table.latitude, longitude=table.longitude)
    planes = np.array([[table.tilt]]), np.array([[table.azimuth]])
    irradiance = clear_sky_irradiance(place, calendar, *planes)[0]
    light = table.clearness * irradiance / STANDARD_IRRADIANCE
    return table.peak_kw * table.performance_ratio * light


def _count(points: int, coarse: bool) -> int:
    """Half as many spacings."""
    return max((points + 1) // 2, 2) if coarse else points


def _controllable(table: ControllableTable, coarse: bool) -> ControllableLoad:
    axis = Axis.lattice(-table.range_kwh, table.range_kwh, _count(table.points, coarse))
    return ControllableLoad(
        axis=axis,
        rated=jnp.asarray(table.power_kw),
        discomfort=jnp.asarray(table.discomfort),
        terminal_value=jnp.asarray(table.terminal_value),
    )


def _shiftable(table: ShiftableTable, calendar: Calendar, coarse: bool) -> ShiftableLoad:
    allowed = _between(calendar, table.start, table.stop, "household.shiftable.from")
    days = int(calendar.day[-1]) + 1
    due = table.energy_kwh * (calendar.day + 1) * _last_of_each(allowed, at_end=True)
    axis = Axis.lattice(0.0, days * table.energy_kwh, _count(table.points, coarse))
    return ShiftableLoad(
        axis=axis,
        rated=jnp.asarray(table.power_kw),
        allowed=jnp.asarray(allowed, float),
        due=jnp.asarray(due),
        shortage_price=jnp.asarray(table.shortage_price),
    )


def _battery(table: RandomBatteryTable, coarse: bool) -> EnergyStorage:
    return EnergyStorage(
        axis=Axis.lattice(0.0, table.capacity_kwh, _count(table.points, coarse)),
        rated=jnp.asarray(table.power_kw),
        levels=jnp.asarray(table.levels),
        round_trip_efficiency=jnp.asarray(table.efficiency**2),
        wear=jnp.asarray(table.wear),
        terminal_value=jnp.asarray(table.terminal_value),
        terminal_target=jnp.asarray(table.terminal_share * table.capacity_kwh),
        surplus_first=table.surplus_first,
    )


def _vehicle(table: RandomVehicleTable, calendar: Calendar, coarse: bool) -> ElectricVehicle:
    away = _between(calendar, table.leaves, table.returns, "household.vehicle.leaves")
    hours = calendar.step_hours * away.sum() / (calendar.day[-1] + 1)
    return ElectricVehicle(
        axis=Axis.lattice(0.0, table.capacity_kwh, _count(table.points, coarse)),
        rated=jnp.asarray(table.power_kw),
        home=jnp.asarray(~away, float),
        driving=jnp.asarray(away * table.driving_kwh / max(hours, calendar.step_hours)),
        target=jnp.asarray(table.target_share * table.capacity_kwh * _last_of_each(~away)),
        shortage_price=jnp.asarray(table.shortage_price),
        road_price=jnp.asarray(table.road_price),
        levels=jnp.asarray(table.levels),
        round_trip_efficiency=jnp.asarray(table.efficiency**2),
        terminal_value=jnp.asarray(table.terminal_value),
        terminal_target=jnp.asarray(table.terminal_share * table.capacity_kwh),
    )


def _between(calendar: Calendar, start: str, stop: str, key: str) -> np.ndarray:
    """Steps that begin in a part of every day.

    Raises:
        InvalidInput: naming the key, if none does.
    """
    minute = np.round(60 * calendar.hour)
    inside = (minute_of_day(start) <= minute) & (minute < minute_of_day(stop))
    if not inside.any():
        raise InvalidInput(key, start, f"no step begins before {stop}; move it, or shorten steps")
    return inside


def _last_of_each(during: np.ndarray, *, at_end: bool = False) -> np.ndarray:
    """The last step of each span; of one that lasts to the horizon's end only if `at_end`."""
    return during & ~np.append(during[1:], not at_end)


def _start(scenario: MeanFieldScenario, home: ControlledDiffusion) -> Float[Array, "*state"]:
    """Independent states: deviations and stores spread out, loads where habits are."""
    table = scenario.household
    parts = [
        _normal(home.grid.axes[0], 0.0, table.deviation.standard_deviation_kw),
        *(Grid((axis,)).at((0.0,)) for axis in home.grid.axes[1 : -_stores(scenario) or None]),
    ]
    for axis, store in zip(
        home.grid.axes[len(parts) :], filter(None, (table.battery, table.vehicle)), strict=True
    ):
        parts.append(_of_store(axis, store))
    return joint(parts)


def _stores(scenario: MeanFieldScenario) -> int:
    return sum(
        each is not None for each in (scenario.household.battery, scenario.household.vehicle)
    )


def _of_store(axis: Axis, table: StoreTable) -> Float[Array, " point"]:
    mean, spread = table.initial_share, table.initial_spread
    return _normal(axis, mean * table.capacity_kwh, spread * table.capacity_kwh)


def _normal(axis: Axis, mean: float, deviation: float) -> Float[Array, " point"]:
    return Grid((axis,)).normal((mean,), (deviation,))


def _market(table: LayersTable, mode: Mode, tariff: Tariff, graphon: StepGraphon) -> TwoLayerMarket:
    shares = jnp.asarray(table.layer_shares)
    if mode is Mode.OWN_CLUSTER:
        shares = jnp.asarray([table.layer_shares[0], 0.0, 1 - table.layer_shares[0]])
    pricing = _pricing(table)
    return TwoLayerMarket(
        local_pricing=pricing,
        global_pricing=pricing,
        shares=shares,
        tariff=tariff,
        coupling=graphon.aggregate(),
        masses=graphon.masses,
        blur=0.0 if table.blur is None else table.blur,
    )


def _pricing(table: LayersTable) -> AbstractLayerPricing:
    if table.low is None or table.high is None:
        return CurvePricing(curve_by_name(table.pricing))
    width = 1.0 if table.width_kw is None else table.width_kw
    return NetLoadPricing(Sigmoid(table.low, table.high, width), within_tariff=False)
