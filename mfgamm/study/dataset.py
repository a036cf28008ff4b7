"""Results as labelled arrays: one xarray dataset that tables, figures and files are made from."""

import dataclasses
from importlib.metadata import version
from pathlib import Path

import jax
import numpy as np
import xarray as xr
from jaxtyping import Float

from mfgamm.core import InvalidInput
from mfgamm.equilibrium import Equilibrium
from mfgamm.market import Settlement
from mfgamm.prosumer import HouseholdTypes, Plan
from mfgamm.scenario import Calendar, ClusterMap, Scenario
from mfgamm.study.cluster_dataset import (
    cluster_attributes,
    cluster_coordinates,
    cluster_variables,
    community_price,
)
from mfgamm.study.files import replacing
from mfgamm.study.labelled import variable

CONVENTIONS = "CF-1.11"
FILE_FORMAT = 2
# What says which kind of study a file holds, and in which format.
FORMATS = {"mfgamm_format": FILE_FORMAT, "mfgamm_mean_field_format": 1}


@dataclasses.dataclass(frozen=True)
class RunFacts:
    """How long a run took.

    Attributes:
        wall_s: from the scenario to the equilibrium, s.
        compile_s: of which lowering and compiling, s.
    """

    wall_s: float
    compile_s: float


def equilibrium_dataset(
    equilibrium: Equilibrium,
    scenario: Scenario,
    calendar: Calendar,
    facts: RunFacts,
    clusters: ClusterMap | None = None,
    own: Equilibrium | None = None,
) -> xr.Dataset:
    """Everything about a solved scenario that is worth keeping.

    Variables named `benchmark_…` are the same households without a community, re-optimised
    against the grid's tariff. Energy and power of the community are totals over its households;
    variables over `household` are of one household of that type, `represented` of them.

    Import and export are those of the community's connection, with a community or without: flows
    between neighbours cancel there whoever is paid for them. Bills are not netted: without a
    community, each household pays and is paid by the grid for all that it buys and sells.

    Where there are clusters, prices over `time` are means over what all of them trade, and what is
    traded inside includes what clusters trade with each other; each cluster's own variables are
    named `cluster_…`. Variables named `own_cluster_…` are the same households if every cluster
    trades by itself, re-optimised.

    Args:
        equilibrium: the answer.
        scenario: what was asked.
        calendar: its time axis.
        facts: how long it took.
        clusters: where they are; None for a single community.
        own: the equilibrium of clusters on their own; None if it was not solved.
    """
    population = equilibrium.community.population
    types = population.types
    represented = np.asarray(types.weights * population.households)
    tariff, settlement = equilibrium.community.market.tariff, equilibrium.settlement
    prices, flows = equilibrium.prices, equilibrium.flows
    hours = float(types.step_hours)
    certificate = equilibrium.certificate

    def price(long_name: str, values, flow) -> xr.Variable:
        mean = community_price(types.members, values, flow)
        return variable("time", mean, "€ kWh-1", long_name)

    variables = {
        "feed_in_price": price("feed-in tariff of the grid", tariff.feed_in, flows.supply),
        "retail_price": price("retail tariff of the grid", tariff.retail, flows.demand),
        "sell_price": price("price for selling inside the community", prices.sell, flows.supply),
        "buy_price": price("price for buying inside the community", prices.buy, flows.demand),
        "generation": _total("generation before curtailment", types.generation, represented),
        "base_load": _total("inflexible consumption", types.base_load, represented),
        **_plan_variables("", "", equilibrium.value, represented),
        **_plan_variables(
            "benchmark_", " without a community", equilibrium.benchmark.plan, represented
        ),
        **_grid_variables("", "", equilibrium.value, represented),
        **_grid_variables(
            "benchmark_", " without a community", equilibrium.benchmark.plan, represented
        ),
        "traded_inside": variable(
            "time",
            _traded_inside(settlement) * represented.sum() / hours,
            "kW",
            "traded inside the community",
        ),
        **_storage_variables(types),
        "operator_income": variable(
            "time",
            _over_clusters(settlement.operator_income) * represented.sum(),
            "€",
            "fees kept by the operator",
        ),
        "bill": _bill("bill in the community over the horizon", settlement),
        "benchmark_bill": _bill(
            "bill without a community over the horizon", equilibrium.benchmark.settlement
        ),
        "exploitability": variable(
            "household",
            certificate.exploitability_by_type,
            "€ day-1",
            "most that a household could still save by deviating",
        ),
        "round_exploitability": variable(
            "round",
            equilibrium.history.exploitability,
            "€ day-1",
            "exploitability per household after each round",
        ),
        "round_relative_exploitability": variable(
            "round",
            equilibrium.history.relative,
            "1",
            "exploitability relative to the community's gain, or to a nominal one",
        ),
        "round_elapsed": variable(
            "round",
            equilibrium.history.seconds,
            "s",
            "time since the rounds began",
        ),
    }
    coordinates = _coordinates(equilibrium, calendar, represented)
    attributes = _attributes(equilibrium, scenario, calendar, facts)
    if clusters is not None and types.clusters is not None:
        variables |= cluster_variables(equilibrium, own, clusters)
        coordinates |= cluster_coordinates(clusters, types.clusters.of_type)
        attributes |= cluster_attributes(own, clusters)
    return xr.Dataset(variables, coords=coordinates, attrs=attributes)


def save_dataset(dataset: xr.Dataset, path: Path) -> None:
    """Write results as compressed NetCDF-4.

    Raises:
        InvalidInput: if the file cannot be written.
    """
    encoding = {name: {"zlib": True, "complevel": 4} for name in dataset.data_vars}
    with replacing(path) as temporary:
        dataset.to_netcdf(temporary, engine="h5netcdf", encoding=encoding)


def load_dataset(path: Path) -> xr.Dataset:
    """Read results of a study of any kind, written by `save_dataset`.

    Raises:
        InvalidInput: if there is no such file, or it holds something else.
    """
    if not path.is_file():
        raise InvalidInput("results", str(path), "no such file; run `mfgamm solve … --out` first")
    try:
        with xr.open_dataset(path, engine="h5netcdf") as opened:
            dataset = opened.load()
    except (OSError, ValueError) as error:
        raise InvalidInput("results", str(path), f"is not a NetCDF file: {error}") from error
    if not any(dataset.attrs.get(name) == known for name, known in FORMATS.items()):
        raise InvalidInput("results", str(path), "was not written by this version of mfgamm")
    return dataset


def _over_clusters(each) -> Float[np.ndarray, " time"]:
    """The sum over clusters if there are any."""
    return np.atleast_2d(np.asarray(each)).sum(axis=0)


def _traded_inside(settlement: Settlement) -> Float[np.ndarray, " time"]:
    """Between households of one cluster and of two, kWh per household."""
    inside, network = _over_clusters(settlement.traded_inside), settlement.network
    if network is None:
        return inside
    sales, purchases = _over_clusters(network.sales), _over_clusters(network.purchases)
    return inside + np.minimum(sales, purchases)


def _total(long_name: str, values, represented) -> xr.Variable:
    return variable("time", represented @ np.asarray(values), "kW", long_name)


def _bill(long_name: str, settlement: Settlement) -> xr.Variable:
    return variable("household", np.asarray(settlement.payments).sum(axis=-1), "€", long_name)


def _plan_variables(prefix: str, where: str, plan: Plan, represented) -> dict[str, xr.Variable]:
    device = ("household", "device", "time")
    per_household = ("household", "time")
    return {
        f"{prefix}sell": variable(per_household, plan.sell, "kW", f"power sold{where}"),
        f"{prefix}buy": variable(per_household, plan.buy, "kW", f"power bought{where}"),
        f"{prefix}charge": variable(device, plan.charge, "kW", f"power into the device{where}"),
        f"{prefix}discharge": variable(
            device, plan.discharge, "kW", f"power out of the device{where}"
        ),
        f"{prefix}state_of_charge": variable(
            device, plan.state_of_charge, "kWh", f"energy stored at the end of the step{where}"
        ),
        f"{prefix}supply": _total(f"offered by households{where}", plan.sell, represented),
        f"{prefix}demand": _total(f"asked for by households{where}", plan.buy, represented),
        f"{prefix}curtailed": _total(f"generation turned down{where}", plan.curtailed, represented),
    }


def _grid_variables(prefix: str, where: str, plan: Plan, represented) -> dict[str, xr.Variable]:
    lacking = represented @ (np.asarray(plan.buy) - np.asarray(plan.sell))
    netted = f"{where}, flows between households netted"
    return {
        f"{prefix}grid_import": variable(
            "time", np.maximum(lacking, 0.0), "kW", f"imported from the grid{netted}"
        ),
        f"{prefix}grid_export": variable(
            "time", np.maximum(-lacking, 0.0), "kW", f"exported to the grid{netted}"
        ),
    }


def _storage_variables(types: HouseholdTypes) -> dict[str, xr.Variable]:
    device = ("household", "device")
    return {
        "initial_state_of_charge": variable(
            device, types.storage.initial, "kWh", "energy stored before the first step"
        ),
        "storage_capacity": variable(
            device,
            np.max(types.storage.state_upper, axis=-1),
            "kWh",
            "most energy that may ever be stored",
        ),
    }


def _coordinates(equilibrium: Equilibrium, calendar: Calendar, represented) -> dict:
    population = equilibrium.community.population
    return {
        "time": ("time", calendar.utc.tz_localize(None).to_numpy(), {"long_name": "start, UTC"}),
        "local_time": (
            "time",
            calendar.local.tz_localize(None).to_numpy(),
            {"long_name": f"start of the step by the wall clock, {calendar.timezone}"},
        ),
        "household": ("household", np.array(population.names, str)),
        "category": ("household", np.array(population.categories, str)),
        "represented": (
            "household",
            represented,
            {"units": "1", "long_name": "number of households that the type stands for"},
        ),
        "device": ("device", np.array(population.devices, str)),
        "round": ("round", np.arange(1, equilibrium.history.relative.size + 1)),
    }


def _attributes(
    equilibrium: Equilibrium, scenario: Scenario, calendar: Calendar, facts: RunFacts
) -> dict:
    certificate = equilibrium.certificate
    households = float(equilibrium.community.population.households)
    return {
        "Conventions": CONVENTIONS,
        "mfgamm_format": FILE_FORMAT,
        "source": f"mfgamm {version('mfgamm')}, jax {jax.__version__}",
        "title": scenario.title,
        "description": scenario.description,
        "timezone": calendar.timezone,
        "step_hours": calendar.step_hours,
        "days": equilibrium.community.population.days,
        "status": equilibrium.outcome.label,
        "curve": scenario.market.curve,
        "fee": scenario.market.fee,
        "tolerance": scenario.solver.tolerance,
        "exploitability": float(certificate.exploitability),
        "relative_exploitability": float(certificate.relative),
        "gain_scale_eur": float(certificate.scale),
        "gain_scale_is_nominal": int(certificate.nominal),
        "price_residual": float(certificate.residuals.price),
        "energy_residual_kwh": float(certificate.residuals.energy),
        "money_residual_eur": float(certificate.residuals.money) * households,
        "feasibility_residual": float(certificate.residuals.feasibility),
        "wall_s": facts.wall_s,
        "compile_s": facts.compile_s,
        "scenario": scenario.to_toml(),
    }
