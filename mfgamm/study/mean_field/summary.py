"""What came out of a mean field study, in a few numbers."""

import dataclasses
import json

import numpy as np
import xarray as xr

CONVERGED = "converged"
COUPLED = "cluster of clusters"
WAYS = ("stand-alone", "own cluster", COUPLED)


@dataclasses.dataclass(frozen=True)
class WaySummary:
    """One way to trade; money in € per household-day.

    Attributes:
        name: stand-alone, or with whom.
        cost: that a household expects, on average over clusters.
        operators_income: left to those who run the layers; negative where they pay.
        published: cost that a paper found; None if there is none.
        status, price_residual, exploitability: how well it is solved, €/kWh for prices;
            stand-alone is solved exactly.
        share_of_cost: exploitability as a share of the cost stand-alone.
    """

    name: str
    cost: float
    operators_income: float
    published: float | None
    status: str
    price_residual: float
    exploitability: float
    share_of_cost: float

    @property
    def place(self) -> str:
        """Where trade takes place, in a sentence."""
        return f"the {self.name}" if self.name == COUPLED else f"its {self.name}"


@dataclasses.dataclass(frozen=True)
class MeanFieldSummary:
    """A mean field study.

    Attributes:
        title: of the study.
        clusters, households: how many.
        days: of the horizon.
        ways: to trade, stand-alone first.
        unreached: ways to trade that were asked for when the study was interrupted before them.
        tolerance: on prices, €/kWh.
        wall_s, compile_s: how long it took.
    """

    title: str
    clusters: int
    households: int
    days: float
    ways: tuple[WaySummary, ...]
    unreached: tuple[str, ...]
    tolerance: float
    wall_s: float
    compile_s: float

    @property
    def converged(self) -> bool:
        return not self.unreached and all(way.status == CONVERGED for way in self.ways)

    def to_json(self) -> str:
        """All numbers as one JSON object."""
        return json.dumps(dataclasses.asdict(self), indent=2)


def summarise_mean_field(dataset: xr.Dataset) -> MeanFieldSummary:
    """The numbers of a dataset that a reader wants first."""
    attributes = dataset.attrs
    return MeanFieldSummary(
        title=str(attributes["title"]),
        clusters=dataset.sizes["cluster"],
        households=int(attributes["households"]),
        days=float(attributes["days"]),
        ways=tuple(_way(dataset, position) for position in range(dataset.sizes["way"])),
        unreached=tuple(np.ravel(attributes.get("unreached", [])).tolist()),
        tolerance=float(attributes["tolerance"]),
        wall_s=float(attributes["wall_s"]),
        compile_s=float(attributes["compile_s"]),
    )


def _way(dataset: xr.Dataset, position: int) -> WaySummary:
    name = str(dataset["way"].values[position])
    # Clusters are of one size.
    costs = dataset["cost"].values.mean(axis=1)
    published = dataset.attrs.get("published_costs")
    known = {} if published is None else dict(zip(WAYS, np.ravel(published), strict=True))
    solved = {
        "status": CONVERGED,
        "price_residual": 0.0,
        "exploitability": 0.0,
        "share_of_cost": 0.0,
    }
    if position > 0:
        mode = dataset.isel(mode=position - 1)
        solved = {
            "status": str(np.ravel(dataset.attrs["status"])[position - 1]),
            "price_residual": float(mode["mode_price_residual"]),
            "exploitability": float(mode["mode_exploitability"]),
            "share_of_cost": float(mode["mode_exploitability"]) / abs(float(costs[0])),
        }
    return WaySummary(
        name=name,
        cost=float(costs[position]),
        operators_income=float(dataset["operators_income"][position]),
        published=float(known[name]) if name in known else None,
        **solved,
    )
