"""The study in numbers: who gains what, what the grid sees, how sure we are."""

import dataclasses
import json
import math

import numpy as np
import xarray as xr

from mfgamm.study.cluster_summary import ClustersSummary, has_clusters, summarise_clusters

# Best replies are solved and averaged: a trickle below 0.1 W per household is nobody trading.
TRICKLE_KW = 1e-4


@dataclasses.dataclass(frozen=True)
class CategorySummary:
    """One category of households, totals over the horizon.

    Attributes:
        name: of the category.
        households: how many.
        benchmark_bill_eur: paid without a community, €.
        amm_bill_eur: paid within, €.
        gain_eur: the difference, €.
        gain_per_household_day_eur: mean gain, € per household-day.
        worst_gain_eur, best_gain_eur: of a single household, € per day.
        exploitability_eur: what its households could still save on average, € per household-day.
    """

    name: str
    households: float
    benchmark_bill_eur: float
    amm_bill_eur: float
    gain_eur: float
    gain_per_household_day_eur: float
    worst_gain_eur: float
    best_gain_eur: float
    exploitability_eur: float


@dataclasses.dataclass(frozen=True)
class Summary:
    """A study's totals over the horizon, for the whole community unless said otherwise.

    Attributes:
        status: how the solve ended.
        exploitability_eur: mean saving still possible by deviating, € per household-day.
        exploitability_relative: the same relative to `exploitability_scale_eur`.
        exploitability_scale_eur: the community's gain, or a nominal one, € per household-day.
        exploitability_scale_is_nominal: whether the community gains too little to be a scale.
        benchmark_bill_eur, amm_bill_eur: households' bills without and within, €.
        gain_eur: the difference, €.
        operator_income_eur: fees kept by the operator, €.
        traded_inside_kwh, grid_import_kwh, grid_export_kwh: energies, kWh.
        peak_import_kw: largest import from the grid, kW.
        benchmark_…: the same without a community, where flows between neighbours cancel just so.
        mean_sell_price, mean_buy_price: weighted by what is sold and bought, €/kWh; nan if that
            never exceeds `TRICKLE_KW` per household.
        price_residual: stated against induced prices, €/kWh.
        money_residual_eur: of the community's books at the worst step, €.
        energy_residual_kwh: worst imbalance of a household, or of the settlement per household,
            at a step, kWh.
        feasibility_residual: worst violation of any household's limits, kW or kWh.
        rounds: of the solver.
        wall_s, compile_s: seconds in all, and of which compiling.
        categories: the same households by category.
        clusters: the same households by cluster; None if they are one community.
    """

    title: str
    status: str
    curve: str
    households: float
    days: float
    exploitability_eur: float
    exploitability_relative: float
    exploitability_scale_eur: float
    exploitability_scale_is_nominal: bool
    tolerance: float
    benchmark_bill_eur: float
    amm_bill_eur: float
    gain_eur: float
    operator_income_eur: float
    traded_inside_kwh: float
    grid_import_kwh: float
    grid_export_kwh: float
    peak_import_kw: float
    benchmark_grid_import_kwh: float
    benchmark_grid_export_kwh: float
    benchmark_peak_import_kw: float
    mean_sell_price: float
    mean_buy_price: float
    price_residual: float
    money_residual_eur: float
    energy_residual_kwh: float
    feasibility_residual: float
    rounds: int
    wall_s: float
    compile_s: float
    categories: tuple[CategorySummary, ...]
    clusters: ClustersSummary | None = None

    def to_json(self) -> str:
        """One JSON object; numbers that do not exist are null."""
        plain = dataclasses.asdict(self)
        if self.clusters is None:
            del plain["clusters"]
        return json.dumps(_without_nan(plain), indent=2, ensure_ascii=False, allow_nan=False)


def summarise(dataset: xr.Dataset) -> Summary:
    """The totals of a study's results."""
    attributes = dataset.attrs
    hours = attributes["step_hours"]
    represented = dataset["represented"]

    def energy(name: str) -> float:
        return float(dataset[name].sum()) * hours

    def community(name: str) -> float:
        return float((dataset[name] * represented).sum())

    benchmark, bill = community("benchmark_bill"), community("bill")
    return Summary(
        title=attributes["title"],
        status=attributes["status"],
        curve=attributes["curve"],
        households=float(represented.sum()),
        days=float(attributes["days"]),
        exploitability_eur=float(attributes["exploitability"]),
        exploitability_relative=float(attributes["relative_exploitability"]),
        exploitability_scale_eur=float(attributes["gain_scale_eur"]),
        exploitability_scale_is_nominal=bool(attributes["gain_scale_is_nominal"]),
        tolerance=float(attributes["tolerance"]),
        benchmark_bill_eur=benchmark,
        amm_bill_eur=bill,
        gain_eur=benchmark - bill,
        operator_income_eur=float(dataset["operator_income"].sum()),
        traded_inside_kwh=energy("traded_inside"),
        grid_import_kwh=energy("grid_import"),
        grid_export_kwh=energy("grid_export"),
        peak_import_kw=float(dataset["grid_import"].max()),
        benchmark_grid_import_kwh=energy("benchmark_grid_import"),
        benchmark_grid_export_kwh=energy("benchmark_grid_export"),
        benchmark_peak_import_kw=float(dataset["benchmark_grid_import"].max()),
        mean_sell_price=mean_price(dataset, "sell_price", "supply"),
        mean_buy_price=mean_price(dataset, "buy_price", "demand"),
        price_residual=float(attributes["price_residual"]),
        money_residual_eur=float(attributes["money_residual_eur"]),
        energy_residual_kwh=float(attributes["energy_residual_kwh"]),
        feasibility_residual=float(attributes["feasibility_residual"]),
        rounds=dataset.sizes["round"],
        wall_s=float(attributes["wall_s"]),
        compile_s=float(attributes["compile_s"]),
        categories=_by_category(dataset),
        clusters=summarise_clusters(dataset) if has_clusters(dataset) else None,
    )


def mean_price(dataset: xr.Dataset, price: str, flow: str) -> float:
    """Mean of a price weighted by a flow, €/kWh; nan if there is never more than a trickle."""
    flows = dataset[flow].values
    weights = np.where(flows > trickle(dataset), flows, 0.0)
    total = weights.sum()
    return float(dataset[price].values @ weights / total) if total > 0 else math.nan


def trickle(dataset: xr.Dataset) -> float:
    """The power of the whole community that is not worth mentioning, kW."""
    return TRICKLE_KW * float(dataset["represented"].sum())


def _by_category(dataset: xr.Dataset) -> tuple[CategorySummary, ...]:
    names = dataset["category"].values
    days = float(dataset.attrs["days"])
    summaries = []
    for name in dict.fromkeys(names.tolist()):
        rows = names == name
        weight = dataset["represented"].values[rows]
        benchmark = dataset["benchmark_bill"].values[rows]
        bill = dataset["bill"].values[rows]
        daily = (benchmark - bill) / days
        count = float(weight.sum())
        summaries.append(
            CategorySummary(
                name=name,
                households=count,
                benchmark_bill_eur=float(weight @ benchmark),
                amm_bill_eur=float(weight @ bill),
                gain_eur=float(weight @ (benchmark - bill)),
                gain_per_household_day_eur=float(weight @ daily) / count,
                worst_gain_eur=float(daily.min()),
                best_gain_eur=float(daily.max()),
                exploitability_eur=float(weight @ dataset["exploitability"].values[rows]) / count,
            )
        )
    return tuple(summaries)


def _without_nan(value):
    match value:
        case dict():
            return {key: _without_nan(entry) for key, entry in value.items()}
        case list() | tuple():
            return [_without_nan(entry) for entry in value]
        case float() if not np.isfinite(value):
            return None
    return value
