"""`[sources]`: where load and generation come from: generated, or read from files."""

from typing import Annotated, Literal

import numpy as np
from pydantic import Field, model_validator

from mfgamm.scenario.schema.distribution import Constant, Distribution, Normal, Uniform
from mfgamm.scenario.schema.recording import Recording
from mfgamm.scenario.schema.table import Table, between, of_length, otherwise, refusal


class RecordedCurves(Recording):
    """Curves read from a file, one per household, in watts or kilowatts.

    Attributes:
        unit: of the values.
        layout: "rows" if a household is a row, "columns" if it is a column.
        timestamps: with layout "rows", the word "header": the column names are the timestamps.
        ignore_columns: names of columns to leave out.
        negative: refuse negative values, or take them for zero.
        draw: each household draws one curve at random, or takes the next one in the file's order.
    """

    unit: Literal["W", "kW"]
    layout: Literal["rows", "columns"] = "rows"
    ignore_columns: Annotated[tuple[str, ...], Field(strict=False)] = ()
    negative: Literal["error", "zero"] = "error"
    draw: Literal["random", "in-order"] = "random"

    @model_validator(mode="after")
    def _timestamps_fit_layout(self) -> "RecordedCurves":
        if self.layout == "rows" and self.timestamps not in (None, "header"):
            raise refusal(
                "with layout 'rows' the timestamps are the column names: timestamps = 'header'",
                "timestamps",
            )
        return self


class CsvCurves(RecordedCurves):
    """Curves from a CSV file; the delimiter (comma, semicolon, tab) is recognised.

    Attributes:
        header: whether the first line holds names; "auto" if it holds anything but numbers, or
            counts the columns (0, 1, 2, … or 1, 2, 3, …).
    """

    kind: Literal["csv"]
    header: Annotated[bool | Literal["auto"], otherwise("must be true, false or 'auto'")] = "auto"


class ParquetCurves(RecordedCurves):
    """Curves from a Parquet file."""

    kind: Literal["parquet"]


class GeneratedLoad(Table):
    """Synthetic consumption with a morning and an evening peak.

    Attributes:
        daily_energy_kwh: mean over households, kWh per day.
        spread: standard deviation of the logarithm of a household's mean.
        shift_hours: how much later than the common profile a household lives.
        noise: standard deviation of the logarithm of the load about its profile.
        noise_hours: how long a deviation lasts.
    """

    kind: Literal["generated"] = "generated"
    daily_energy_kwh: Annotated[float, between(0, 1000, "kWh", above=True)] = 12.0
    spread: Annotated[float, between(0, 2)] = 0.35
    shift_hours: Annotated[Distribution, between(-12, 12, "h")] = Normal(normal=(0.0, 1.0))
    noise: Annotated[float, between(0, 2)] = 0.35
    noise_hours: Annotated[float, between(0, 240, "h", above=True)] = 0.75


class GeneratedSolar(Table):
    """Rooftop photovoltaics under a clear sky that clouds dim.

    Attributes:
        peak_kw: rated power, kWp.
        tilt: of the panels against the horizontal, degrees.
        azimuth: they face, degrees clockwise from north.
        performance_ratio: alternating current out per nominal direct current.
        clearness: mean share of the clear sky's irradiance that comes through.
        clearness_deviation: its standard deviation.
        regional_hours, local_hours: how long clouds last, over the region and over one roof.
        regional_share: share of the variance that all roofs have in common.
        latitude, longitude: degrees.
    """

    kind: Literal["generated"] = "generated"
    peak_kw: Annotated[Distribution, between(0, 1000, "kW")] = Uniform(uniform=(2.0, 4.0))
    tilt: Annotated[Distribution, between(0, 90, "°")] = Uniform(uniform=(15.0, 45.0))
    azimuth: Annotated[Distribution, between(0, 360, "°")] = Uniform(uniform=(120.0, 240.0))
    performance_ratio: Annotated[float, between(0, 1, above=True)] = 0.8
    clearness: Annotated[float, between(0.01, 0.99)] = 0.7
    clearness_deviation: Annotated[float, between(0, 0.5, above=True)] = 0.2
    regional_hours: Annotated[float, between(0, 240, "h", above=True)] = 3.0
    local_hours: Annotated[float, between(0, 240, "h", above=True)] = 0.5
    regional_share: Annotated[float, between(0, 1)] = 0.7
    latitude: Annotated[float, between(-90, 90, "°")] = 48.8566
    longitude: Annotated[float, between(-180, 180, "°")] = 2.3522

    @model_validator(mode="after")
    def _clearness_can_vary_so_much(self) -> "GeneratedSolar":
        widest = np.sqrt(self.clearness * (1 - self.clearness))
        if self.clearness_deviation >= widest:
            raise refusal(
                f"must stay below {widest:.3g} where the mean clearness is "
                f"{self.clearness:g}, because clearness lies between 0 and 1",
                "clearness_deviation",
            )
        return self


def _seasonal_scale() -> tuple[float, ...]:
    """A windy winter and a calm summer, fitted to Paris, m/s at 10 m, week by week."""
    season = 2 * np.pi * np.arange(52) / 52
    return tuple(np.round(4.43 + 0.76 * np.cos(season) + 0.15 * np.sin(season), 2).tolist())


class GeneratedWind(Table):
    """Small wind turbines in a Weibull wind.

    Attributes:
        rated_kw: of the turbines.
        weibull_scale: of the wind at 10 m in each of the 52 weeks of the year, m/s.
        weibull_shape: of the wind, 2 for Rayleigh.
        hub_height_m: of the turbines.
        roughness_m: length of the ground's roughness, for the logarithmic profile.
        cut_in, rated_speed, cut_out: of the power curve, m/s at the hub.
        regional_hours, local_hours: how long winds last, over the region and at one site.
        regional_share: share of the variance that all sites have in common.
    """

    kind: Literal["generated"] = "generated"
    rated_kw: Annotated[Distribution, between(0, 1000, "kW")] = Uniform(uniform=(1.0, 2.5))
    weibull_scale: Annotated[
        tuple[Annotated[float, between(0, 30, "m/s", above=True)], ...],
        Field(strict=False),
        of_length(52, 52),
    ] = _seasonal_scale()
    weibull_shape: Annotated[float, between(0.5, 10)] = 2.2
    hub_height_m: Annotated[Distribution, between(2, 200, "m")] = Constant(value=18.0)
    roughness_m: Annotated[float, between(0, 1.5, "m", above=True)] = 0.1
    cut_in: Annotated[float, between(0, 30, "m/s")] = 2.5
    rated_speed: Annotated[float, between(0, 40, "m/s", above=True)] = 10.0
    cut_out: Annotated[float, between(0, 60, "m/s", above=True)] = 25.0
    regional_hours: Annotated[float, between(0, 240, "h", above=True)] = 16.0
    local_hours: Annotated[float, between(0, 240, "h", above=True)] = 0.5
    regional_share: Annotated[float, between(0, 1)] = 0.8

    @model_validator(mode="after")
    def _speeds_in_order(self) -> "GeneratedWind":
        if not self.cut_in < self.rated_speed < self.cut_out:
            raise refusal(
                f"must lie above cut_in = {self.cut_in:g} and below cut_out = {self.cut_out:g} m/s",
                "rated_speed",
            )
        return self


class SourcesTable(Table):
    """Where each kind of curve comes from; what is left out is generated."""

    load: Annotated[GeneratedLoad | CsvCurves | ParquetCurves, Field(discriminator="kind")] = (
        GeneratedLoad()
    )
    solar: Annotated[GeneratedSolar | CsvCurves | ParquetCurves, Field(discriminator="kind")] = (
        GeneratedSolar()
    )
    wind: Annotated[GeneratedWind | CsvCurves | ParquetCurves, Field(discriminator="kind")] = (
        GeneratedWind()
    )
