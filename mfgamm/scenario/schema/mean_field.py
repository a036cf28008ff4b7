"""The file of a mean field study: clusters of random households without number."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from mfgamm.scenario.schema.market import CurveName
from mfgamm.scenario.schema.table import Table, between, of_length, refusal
from mfgamm.scenario.schema.tariff import AnyTariff, Clock, Price, minute_of_day
from mfgamm.scenario.schema.time_axis import TimeTable
from mfgamm.scenario.toml_text import toml_text

Energy = Annotated[float, between(0, 1000, "kWh", above=True)]
Power = Annotated[float, between(0, 1000, "kW")]
Share = Annotated[float, between(0, 1)]
Efficiency = Annotated[float, between(0, 1, above=True)]
Points = Annotated[int, between(2, 1000, "points")]
Levels = Annotated[tuple[Annotated[float, between(-1, 1)], ...], Field(strict=False), of_length(1)]


def _falling(temperatures: tuple[float, ...]) -> tuple[float, ...]:
    if list(temperatures) != sorted(temperatures, reverse=True):
        raise refusal("must fall: each search starts from the last one's prices")
    return temperatures


class LoadTable(Table):
    """`[household.load]`: expected consumption, with peaks in the morning, at noon, in the evening.

    Attributes:
        daily_energy_kwh: kWh per day.
    """

    daily_energy_kwh: Annotated[float, between(0, 1000, "kWh")] = 12.0


class SolarTable(Table):
    """`[household.solar]`: expected photovoltaic generation.

    Attributes:
        peak_kw: rated power; a cluster's own factor comes on top.
        clearness: mean share of the clear sky's irradiance that comes through.
        performance_ratio: alternating current out per nominal direct current.
        tilt, azimuth: of the panels, degrees; clockwise from north.
        latitude, longitude: degrees.
    """

    peak_kw: Power = 3.0
    clearness: Share = 0.7
    performance_ratio: Efficiency = 0.8
    tilt: Annotated[float, between(0, 90, "°")] = 30.0
    azimuth: Annotated[float, between(0, 360, "°")] = 180.0
    latitude: Annotated[float, between(-90, 90, "°")] = 48.8566
    longitude: Annotated[float, between(-180, 180, "°")] = 2.3522


class DeviationTable(Table):
    """`[household.deviation]`: what chance adds to consumption less generation.

    Attributes:
        standard_deviation_kw: that it would settle to without walls.
        correlation_hours: after which correlation has fallen to 1/e.
        points: cells between the walls, three standard deviations out.
    """

    standard_deviation_kw: Annotated[float, between(0, 1000, "kW", above=True)] = 0.5
    correlation_hours: Annotated[float, between(0, 240, "h", above=True)] = 1.5
    points: Points = 7


class StoreTable(Table):
    """What batteries and vehicles share.

    Attributes:
        capacity_kwh: from empty to full.
        power_kw: rated, either way.
        efficiency: one way.
        levels: shares of the rated power among which is chosen, negative to discharge.
        points: of the lattice from empty to full.
        initial_share: mean energy at the beginning, as a share of the capacity.
        initial_spread: its standard deviation over households, as a share of the capacity.
        terminal_value: worth of a kWh left at the end, €/kWh, up to
        terminal_share: of the capacity; what is left beyond is worth nothing.
    """

    capacity_kwh: Energy
    power_kw: Power
    efficiency: Efficiency = 0.95
    levels: Levels = (-1.0, 0.0, 1.0)
    points: Points = 25
    initial_share: Share = 0.5
    initial_spread: Annotated[float, between(0, 1, above=True)] = 0.1
    terminal_value: Price = 0.0
    terminal_share: Share = 1.0


class RandomBatteryTable(StoreTable):
    """`[household.battery]`: a stationary battery.

    Attributes:
        wear: cost of a kWh through the meter, €/kWh.
        surplus_first: whether it may also charge with just what the household has left over.
    """

    wear: Annotated[float, between(0, 10, "€/kWh")] = 0.0
    surplus_first: bool = False


class RandomVehicleTable(StoreTable):
    """`[household.vehicle]`: a car that is away for the same hours every day.

    Attributes:
        leaves, returns: by the local wall clock.
        driving_kwh: used on the road each day.
        target_share: of the capacity wanted when it leaves.
        shortage_price: cost of a kWh that is missing then, €/kWh.
        road_price: of a kWh bought on the road, €/kWh.
    """

    leaves: Clock = "08:00"
    returns: Clock = "17:00"
    driving_kwh: Annotated[float, between(0, 1000, "kWh")] = 8.0
    target_share: Share = 0.0
    shortage_price: Annotated[float, between(0, 100, "€/kWh")] = 0.5
    road_price: Annotated[float, between(0, 100, "€/kWh")] = 0.5

    @model_validator(mode="after")
    def _comes_back(self) -> "RandomVehicleTable":
        if minute_of_day(self.leaves) >= minute_of_day(self.returns):
            raise refusal("must be earlier than returns", "leaves")
        return self


class ControllableTable(Table):
    """`[household.controllable]`: consumption that may be shed or brought forward.

    Attributes:
        power_kw: more or less than the habit.
        range_kwh: most that it may be ahead or behind.
        discomfort: €/kWh² per hour ahead or behind.
        points: of the lattice.
    """

    power_kw: Power
    range_kwh: Energy = 2.0
    discomfort: Annotated[float, between(0, 100)] = 0.002
    terminal_value: Price = 0.0
    points: Points = 5


class ShiftableTable(Table):
    """`[household.shiftable]`: a daily task that may wait.

    Attributes:
        power_kw: while it runs.
        energy_kwh: of the whole task.
        start: `from`, the earliest that it may run.
        stop: `to`, by when it must have run.
        shortage_price: cost of a kWh that is missing then, €/kWh.
        points: of the lattice.
    """

    power_kw: Power
    energy_kwh: Energy = 2.0
    start: Clock = Field(alias="from", default="09:00")
    stop: Clock = Field(alias="to", default="21:00")
    shortage_price: Annotated[float, between(0, 100, "€/kWh")] = 0.5
    points: Points = 5

    @model_validator(mode="after")
    def _has_time(self) -> "ShiftableTable":
        if minute_of_day(self.start) >= minute_of_day(self.stop):
            raise refusal("must be earlier than to", "from")
        return self


class RandomHouseholdTable(Table):
    """`[household]`: the generic household; what is left out it does not have."""

    load: LoadTable = LoadTable()
    solar: SolarTable | None = None
    deviation: DeviationTable = DeviationTable()
    controllable: ControllableTable | None = None
    shiftable: ShiftableTable | None = None
    battery: RandomBatteryTable | None = None
    vehicle: RandomVehicleTable | None = None

    @model_validator(mode="after")
    def _decides_something(self) -> "RandomHouseholdTable":
        if not any((self.controllable, self.shiftable, self.battery, self.vehicle)):
            raise refusal("has nothing to decide; give it a battery, a vehicle or a load")
        return self


class RandomClustersTable(Table):
    """`[clusters]`: where they are, and how they differ.

    Attributes:
        count: how many.
        households: in each.
        layout: at random on a square "map", or along a "line".
        alpha: decay α of the coupling exp(−α·e) with the distance e.
        solar_spread: standard deviation of the logarithm of a cluster's factor on generation.
        load_spread: the same of its factor on consumption.
    """

    count: Annotated[int, between(1, 10_000)]
    households: Annotated[int, between(1, 1_000_000)] = 200
    layout: Literal["map", "line"] = "map"
    alpha: Annotated[float, between(0, 1000)] = 1.0
    solar_spread: Annotated[float, between(0, 2)] = 0.25
    load_spread: Annotated[float, between(0, 2)] = 0.1


class LayersTable(Table):
    """`[market]`: prices of two layers, blended with the grid's.

    Attributes:
        layer_shares: w₁ of a household's trade in its cluster, w₂ in the cluster of clusters, w₃
            with the grid.
        pricing: "sigmoid": low + (high − low)/(1 + exp(−m/width_kw)) of the net load m; or a
            bonding curve by its name, whose books balance.
        low, high: of the sigmoid, €/kWh.
        width_kw: of the sigmoid, kW per household; 1 if left out.
        blur: of bonding curves: share of the trade that counts as unbalanced within a step; none
            if left out.
    """

    layer_shares: Annotated[tuple[Share, ...], Field(strict=False), of_length(3, 3)]
    pricing: CurveName | Literal["sigmoid"] = "sigmoid"
    low: Price | None = None
    high: Price | None = None
    width_kw: Annotated[float, between(0, 1000, "kW", above=True)] | None = None
    blur: Annotated[float, between(0, 0.99)] | None = None

    @model_validator(mode="after")
    def _shares_and_sigmoid(self) -> "LayersTable":
        total = sum(self.layer_shares)
        if abs(total - 1) > 1e-9:
            raise refusal(f"must sum to 1, but the sum is {total:g}", "layer_shares")
        for key in ("low", "high"):
            if (getattr(self, key) is not None) != (self.pricing == "sigmoid"):
                raise refusal("belongs to pricing 'sigmoid', and only there must be given", key)
        for key, serves in (("width_kw", "sigmoid"), ("blur", "a bonding curve")):
            other = (self.pricing == "sigmoid") != (serves == "sigmoid")
            if getattr(self, key) is not None and other:
                raise refusal(f"belongs to pricing by {serves}", key)
        if self.low is not None and self.high is not None and self.low > self.high:
            raise refusal("must not exceed high", "low")
        return self


class TemperaturesTable(Table):
    """`[solver]`: temperatures from high to low, and when prices are good enough.

    Attributes:
        temperatures: τ of the entropy that decisions earn, €.
        tolerance: on prices, €/kWh.
        max_iterations: at each temperature.
        coarse: whether to search on a grid with half the points first.
    """

    temperatures: Annotated[
        tuple[Annotated[float, between(0, 100, "€", above=True)], ...],
        Field(strict=False),
        of_length(1),
        AfterValidator(_falling),
    ] = (0.02, 0.01, 0.005)
    tolerance: Annotated[float, between(0, 1, "€/kWh", above=True)] = 1e-5
    max_iterations: Annotated[int, between(1, 100_000)] = 200
    coarse: bool = True


class PublishedTable(Table):
    """`[published]`: what a paper found, to be set beside; money per household-day.

    Attributes:
        source: of the figures.
        stand_alone, own_cluster, cluster_of_clusters: cost of the generic household.
    """

    source: str
    stand_alone: float
    own_cluster: float
    cluster_of_clusters: float


class MeanFieldScenario(Table):
    """A mean field study in one file.

    Attributes:
        kind: tells it from a study of households with plans.
        title, description: for people.
        seed: of every random draw.
        time, tariff, household, clusters, market, solver: the tables of the file.
        published: to be compared with, if there is anything.
    """

    kind: Literal["mean-field"]
    title: Annotated[str, Field(min_length=1)]
    description: str = ""
    seed: Annotated[int, between(0, 2**63 - 1)] = 0
    time: TimeTable
    tariff: AnyTariff
    household: RandomHouseholdTable
    clusters: RandomClustersTable
    market: LayersTable
    solver: TemperaturesTable = TemperaturesTable()
    published: PublishedTable | None = None

    def as_dict(self) -> dict[str, Any]:
        """Every key with its value, defaults included, in plain types."""
        return self.model_dump(by_alias=True, exclude_none=True)

    def to_toml(self) -> str:
        """The scenario as a file's text that loads back to an equal scenario."""
        return toml_text(self.as_dict())
