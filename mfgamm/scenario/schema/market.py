"""`[market]` and `[solver]`: how the community clears, and how its equilibrium is sought."""

from typing import Annotated, Literal

from pydantic import model_validator

from mfgamm.scenario.schema.table import Table, between, refusal

CurveName = Literal["mid-market", "geometric", "hyperbolic"]


class MarketTable(Table):
    """The automated market maker.

    Attributes:
        curve: the bonding curve's name.
        anchor: of the linear curve: the price inside, within the tariff, €/kWh.
        weights: of the blended curve: curve name -> weight, summing to 1.
        curvature: of the monotone market maker, which gives its surplus back in equal shares.
        fee: share that the operator keeps of the matched energy times the tariff's spread, which
            is what given plans gain over the grid.
    """

    curve: Literal["mid-market", "geometric", "hyperbolic", "linear", "blended", "monotone"] = (
        "mid-market"
    )
    anchor: Annotated[float, between(-10, 10, "€/kWh")] | None = None
    weights: dict[CurveName, Annotated[float, between(0, 1)]] | None = None
    curvature: Annotated[float, between(0, 1e6)] | None = None
    fee: Annotated[float, between(0, 1)] = 0.0

    @model_validator(mode="after")
    def _parameters_belong_to_curve(self) -> "MarketTable":
        owners = (("anchor", "linear"), ("weights", "blended"), ("curvature", "monotone"))
        for key, curve in owners:
            given = getattr(self, key) is not None
            if given and self.curve != curve:
                raise refusal(f"belongs to curve '{curve}', not to '{self.curve}'", key)
            if not given and self.curve == curve:
                raise refusal(f"is missing: curve '{curve}' needs it", key)
        if self.weights is not None and abs(sum(self.weights.values()) - 1) > 1e-9:
            total = sum(self.weights.values())
            raise refusal(f"must sum to 1, but the sum is {total:g}", "weights")
        if self.curve == "monotone" and self.fee > 0:
            raise refusal("must be 0: the monotone market maker gives its surplus back", "fee")
        return self


class SolverTable(Table):
    """The equilibrium's solver.

    Attributes:
        method: its name.
        step: of fictitious play: weight of each reply, "line-search" (as if left out), or
            "harmonic" for 2/(k + 2) in round k.
        tolerance: exploitability at which to stop, relative to the community's gain.
        max_rounds: rounds after which to give up.
    """

    method: Literal["path-following", "column-generation", "fictitious-play"] = "path-following"
    step: Literal["line-search", "harmonic"] | None = None
    tolerance: Annotated[float, between(0, 1, above=True)] = 1e-4
    max_rounds: Annotated[int, between(1, 1_000_000)] = 1000

    @model_validator(mode="after")
    def _step_belongs_to_fictitious_play(self) -> "SolverTable":
        if self.step is not None and self.method != "fictitious-play":
            raise refusal(f"belongs to method 'fictitious-play', not to '{self.method}'", "step")
        return self
