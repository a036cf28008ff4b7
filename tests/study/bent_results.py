"""Results of every kind that figures and reports have to cope with, bent from one solved study."""

import functools

import numpy as np
import pandas as pd
import xarray as xr

from mfgamm.scenario import load_scenario
from mfgamm.study import run_study


@functools.cache
def solve_small() -> xr.Dataset:
    """Results of eight households over a summer day of hourly steps; solved once, not changed."""
    scenario = load_scenario("paris-summer", ["population.size=8", "time.step_minutes=60"])
    return run_study(scenario).dataset


def many_households(solved: xr.Dataset) -> xr.Dataset:
    """Two thousand households, their gains spread a little."""
    crowd = solved.isel(household=np.arange(2000) % solved.sizes["household"])
    spread = np.linspace(0.8, 1.2, 2000)
    return crowd.assign(
        bill=crowd["bill"] * spread, benchmark_bill=crowd["benchmark_bill"] * spread
    )


def one_household(solved: xr.Dataset) -> xr.Dataset:
    return solved.isel(household=[0])


def nobody_sells(solved: xr.Dataset) -> xr.Dataset:
    """Every household is where it would be without a community."""
    alone = solved.assign(bill=solved["benchmark_bill"])
    flows = ("supply", "traded_inside", "grid_export", "benchmark_grid_export")
    silent = (*flows, "round_relative_exploitability")
    nominal = {"gain_scale_eur": 1e-4, "gain_scale_is_nominal": 1}
    return alone.assign({name: 0 * alone[name] for name in silent}).assign_attrs(nominal)


def dust_is_traded(solved: xr.Dataset) -> xr.Dataset:
    """What a solver leaves of flows that are zero."""
    flows = ("supply", "demand", "traded_inside")
    return nobody_sells(solved).assign({name: 1e-14 * solved[name] for name in flows})


def without_devices(solved: xr.Dataset) -> xr.Dataset:
    return solved.isel(device=[])


def with_every_device(solved: xr.Dataset) -> xr.Dataset:
    """A second battery, a vehicle and a thermal store."""
    names = ["battery", "flexible load", "battery 2", "vehicle", "thermal storage"]
    return solved.isel(device=[0, 1, 0, 0, 0]).assign_coords(device=names)


def over_days(days: int):
    def repeat(solved: xr.Dataset) -> xr.Dataset:
        steps = solved.sizes["time"]
        longer = solved.isel(time=np.arange(days * steps) % steps)
        return _on_clock(longer, "2023-07-12", days)

    return repeat


def clocks_change(start: str, hours: int):
    """A day of 23 or 25 hours in Paris."""

    def change(solved: xr.Dataset) -> xr.Dataset:
        steps = solved.isel(time=np.arange(hours) % solved.sizes["time"])
        return _on_clock(steps, start, hours / 24)

    return change


def unfinished(status: str, rounds: int = 3):
    """A solve that ended too early, as `status`."""

    def stop(solved: xr.Dataset) -> xr.Dataset:
        early = solved.isel(round=slice(0, rounds))
        return early.assign_attrs(status=status, relative_exploitability=0.123)

    return stop


def many_rounds(solved: xr.Dataset) -> xr.Dataset:
    """A thousand rounds that took an hour, the last of them without any exploitability."""
    rounds = np.arange(1, 1001)
    falling = np.append(1.0 / rounds[:-1], 0.0)
    short = solved.drop_dims("round").assign_coords(round=rounds)
    return short.assign(
        round_exploitability=("round", falling),
        round_relative_exploitability=("round", falling),
        round_elapsed=("round", 3.6 * rounds),
    )


def large_numbers(solved: xr.Dataset) -> xr.Dataset:
    """A city: a million times the power, energy and money."""
    city = solved.assign_coords(represented=1e6 * solved["represented"])
    totals = [n for n in solved if solved[n].dims == ("time",) and solved[n].attrs["units"] == "kW"]
    return city.assign({name: 1e6 * solved[name] for name in totals})


def _on_clock(dataset: xr.Dataset, start: str, days: float) -> xr.Dataset:
    local = pd.date_range(start, periods=dataset.sizes["time"], freq="h", tz="Europe/Paris")
    return dataset.assign_coords(
        time=local.tz_convert("UTC").tz_localize(None).to_numpy(),
        local_time=("time", local.tz_localize(None).to_numpy()),
    ).assign_attrs(days=days)


RESULTS = {
    "solved": lambda solved: solved,
    "many households": many_households,
    "one household": one_household,
    "nobody sells": nobody_sells,
    "dust is traded": dust_is_traded,
    "no devices": without_devices,
    "every device": with_every_device,
    "three days": over_days(3),
    "six days": over_days(6),
    "thirty days": over_days(30),
    "spring": clocks_change("2023-03-26", 23),
    "autumn": clocks_change("2023-10-29", 25),
    "gave up": unfinished("max iterations"),
    "interrupted": unfinished("interrupted", rounds=0),
    "many rounds": many_rounds,
    "a city": large_numbers,
}
