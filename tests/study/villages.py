"""Four villages, one of them empty and one with a single household, and results bent from them."""

import datetime
import functools

import numpy as np
import xarray as xr

from mfgamm.scenario.validation import validate
from mfgamm.study import Study, compare_clusters, run_study

BATTERY = {"capacity_kwh": 6, "power_kw": 3}
VILLAGES = {
    "title": "four villages",
    "seed": 5,
    "time": {"start": datetime.date(2023, 7, 12), "step_minutes": 60},
    "tariff": {"kind": "flat", "feed_in": 0.08, "retail": 0.2},
    "market": {"fee": 0.1},
    "population": {
        "size": 90,
        "categories": [
            {"name": "solar", "share": 0.5, "generation": "solar", "battery": BATTERY},
            {"name": "consumer", "share": 0.5},
        ],
    },
    "clusters": {
        "kind": "table",
        "alpha": 1.5,
        "types_per_cluster": 3,
        "rows": [
            {"name": "mill", "households": 40, "shares": {"solar": 1.0}, "generation_scale": 1.2},
            {"name": "ruin", "households": 0, "x": 2},
            {"name": "hill", "households": 49, "x": 1, "y": 1, "shares": {"consumer": 1.0}},
            {"name": "farm", "households": 1, "x": 3},
        ],
    },
    "solver": {"tolerance": 1e-3, "max_rounds": 60},
}


@functools.cache
def solve_villages() -> Study:
    """The villages together and each on its own; solved once, not changed."""
    return compare_clusters(run_study(validate(VILLAGES, "villages.toml")))


def not_compared(solved: xr.Dataset) -> xr.Dataset:
    """Clusters on their own were not solved for."""
    bare = solved.drop_vars([name for name in solved if str(name).startswith("own_cluster")])
    kept = {key: value for key, value in solved.attrs.items() if "own_cluster" not in key}
    return bare.drop_attrs(deep=False).assign_attrs(kept)


def on_their_own(solved: xr.Dataset) -> xr.Dataset:
    """The scenario's own market couples nothing."""
    between = ["cluster_sales", "cluster_purchases", "cluster_payments", "network_income"]
    between += ["network_grid_import", "network_grid_export"]
    return not_compared(solved).drop_vars(between).assign_attrs(cluster_market="own")


def nobody_trades(solved: xr.Dataset) -> xr.Dataset:
    """Clusters have nothing for each other, and no household gains."""
    between = ["cluster_sales", "cluster_purchases", "cluster_payments", "network_income"]
    still = solved.assign({name: 0 * solved[name] for name in between})
    return still.assign(bill=solved["benchmark_bill"], own_cluster_bill=solved["benchmark_bill"])


def many_villages(solved: xr.Dataset) -> xr.Dataset:
    """Sixty clusters on a grid of places, each a copy of one of the four."""
    rows = np.arange(60) % 4
    names = np.array([f"village {row}" for row in range(60)])
    types = [np.flatnonzero(solved["home"] == solved["cluster"][row]) for row in rows]
    crowd = solved.isel(
        cluster=rows, other_cluster=rows, household=np.concatenate(types)
    ).assign_coords(
        cluster=names,
        other_cluster=names,
        cluster_x=("cluster", np.arange(60) % 8 / 7),
        cluster_y=("cluster", np.arange(60) // 8 / 7),
        home=("household", np.repeat(names, [some.size for some in types])),
    )
    return crowd


def on_a_feeder(solved: xr.Dataset) -> xr.Dataset:
    """Buses and lines below the villages, the grid at one end."""
    return solved.assign_coords(
        bus=("bus", ["1", "2", "3", "grid"]),
        bus_x=("bus", [0.0, 0.3, 0.6, 0.0]),
        bus_y=("bus", [0.0, 0.2, 0.3, 0.3]),
        bus_cluster=("bus", ["mill", "mill", "hill", ""]),
        line_ends=(("line", "end"), [[0, 1], [1, 2], [3, 0]]),
    )


CLUSTERED = {
    "solved": lambda solved: solved,
    "not compared": not_compared,
    "on their own": on_their_own,
    "nobody trades": nobody_trades,
    "many villages": many_villages,
    "on a feeder": on_a_feeder,
}
