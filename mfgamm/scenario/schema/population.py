"""`[population]`: how many households, of which categories, with which devices."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from mfgamm.scenario.schema.distribution import Constant, Distribution, Uniform
from mfgamm.scenario.schema.table import Table, between, of_length, otherwise, refusal

Share = Annotated[float, between(0, 1)]
DrawnShare = Annotated[Distribution, between(0, 1)]
Efficiency = Annotated[Distribution, between(0.1, 1)]
Power = Annotated[Distribution, between(0, 10_000, "kW")]
Capacity = Annotated[Distribution, between(0, 100_000, "kWh")]
Terminal = Annotated[
    Literal["initial", "free"] | Annotated[float, between(0, 100_000)],
    otherwise("must be 'initial', 'free', or lie between 0 and 100,000 kWh"),
]
EnergyValue = Annotated[float, between(-10, 10, "€/kWh")]


class StorageTable(Table):
    """What every device that stores energy says.

    Attributes:
        share: of the category's households that own one, on average.
        capacity_kwh: of the store.
        initial_share: charge at the beginning, as a share of the capacity.
        terminal: least charge at the end of the horizon: "initial" for as much as at its
            beginning, so that bills compare, "free" for none, or kWh.
        terminal_value: credit per kWh left at the end, €/kWh.
    """

    share: Share = 1.0
    capacity_kwh: Capacity
    initial_share: DrawnShare = Constant(value=0.5)
    terminal: Terminal = "initial"
    terminal_value: EnergyValue = 0.0


class BatteryTable(StorageTable):
    """A home battery.

    Attributes:
        power_kw: it charges and discharges at, at most.
        round_trip_efficiency: kWh out per kWh in.
    """

    power_kw: Power
    round_trip_efficiency: Efficiency = Constant(value=0.9)


class VehicleTable(StorageTable):
    """An electric car, home at night and away from departure to arrival every day.

    Attributes:
        power_kw: of the charger at home.
        discharge_power_kw: back to the house; 0 for a charger of one direction.
        round_trip_efficiency: kWh out per kWh in.
        departure_hour, arrival_hour: by the local wall clock, rounded to steps; at least one lies
            between them.
        departure_share: least charge at departure, as a share of the capacity.
        trip_kwh: drawn by driving, per day.
    """

    power_kw: Power
    discharge_power_kw: Power = Constant(value=0.0)
    round_trip_efficiency: Efficiency = Constant(value=0.9)
    departure_hour: Annotated[Distribution, between(0, 24, "h")] = Uniform(uniform=(6.5, 9.0))
    arrival_hour: Annotated[Distribution, between(0, 24, "h")] = Uniform(uniform=(16.5, 19.5))
    departure_share: DrawnShare = Constant(value=0.6)
    trip_kwh: Annotated[Distribution, between(0, 1000, "kWh")] = Uniform(uniform=(3.0, 10.0))

    @model_validator(mode="after")
    def _leaves_before_it_returns(self) -> "VehicleTable":
        if max(self.departure_hour.support) >= min(self.arrival_hour.support):
            raise refusal(
                "must come before every arrival_hour, whatever is drawn", "departure_hour"
            )
        return self


class HeatPumpTable(StorageTable):
    """A heat pump that heats a water tank; capacity in kWh of heat.

    Attributes:
        power_kw: electric.
        coefficient_of_performance: kWh of heat per kWh of electricity.
        retention_per_hour: share of the stored heat that is left after an hour.
        heat_demand_kw: mean over the day.
        night_excess: how far demand at 5 in the morning exceeds the mean, as a share of it.
    """

    power_kw: Power
    coefficient_of_performance: Annotated[Distribution, between(1, 10)] = Constant(value=3.0)
    retention_per_hour: Annotated[Distribution, between(0, 1, above=True)] = Constant(value=0.98)
    heat_demand_kw: Annotated[Distribution, between(0, 10_000, "kW")]
    night_excess: Share = 0.3


class CategoryTable(Table):
    """Households of one kind.

    Attributes:
        name: of the category; part of its households' names.
        share: of all households; the categories' shares sum to 1.
        generation: "solar", "wind" or "none".
        battery, vehicle, heat_pump: the devices that they may own.
    """

    name: Annotated[str, Field(min_length=1)]
    share: Share
    generation: Literal["solar", "wind", "none"] = "none"
    battery: BatteryTable | None = None
    vehicle: VehicleTable | None = None
    heat_pump: HeatPumpTable | None = None


class PopulationTable(Table):
    """The community's households, of all clusters together if there are any.

    Attributes:
        size: number of households.
        generation_scale: factor on all generation.
        trade_limit_kw: of each household's connection, either way.
        flexible_share: of consumption, free to move within its local day.
        flexible_power_kw: at which the moved consumption may run, at most.
        curtailable: whether generation may be thrown away.
        discount_per_day: weight of tomorrow's euro.
    """

    size: Annotated[int, between(1, 1_000_000)]
    generation_scale: Annotated[float, between(0, 1000)] = 1.0
    trade_limit_kw: Annotated[float, between(0, 10_000, "kW", above=True)] = 2.5
    flexible_share: Share = 0.0
    flexible_power_kw: Annotated[float, between(0, 10_000, "kW", above=True)] = 2.0
    curtailable: bool = True
    discount_per_day: Annotated[float, between(0, 1, above=True)] = 1.0
    categories: Annotated[tuple[CategoryTable, ...], Field(strict=False), of_length(1)]

    @model_validator(mode="after")
    def _categories_partition(self) -> "PopulationTable":
        total = sum(category.share for category in self.categories)
        if abs(total - 1) > 1e-9:
            listed = " + ".join(f"{c.share:g} ({c.name})" for c in self.categories)
            raise refusal(f"the shares must sum to 1, but {listed} = {total:g}", "categories")
        names = [category.name for category in self.categories]
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise refusal(
                f"two are named {min(twice)!r}; each needs a name of its own", "categories"
            )
        return self
