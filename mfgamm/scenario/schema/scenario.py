"""The whole scenario file."""

from typing import Annotated, Any

from pydantic import Field, model_validator

from mfgamm.scenario.schema.clusters import AnyClusters, TabledClusters
from mfgamm.scenario.schema.market import MarketTable, SolverTable
from mfgamm.scenario.schema.population import PopulationTable
from mfgamm.scenario.schema.sources import SourcesTable
from mfgamm.scenario.schema.table import Table, between, refusal
from mfgamm.scenario.schema.tariff import AnyTariff, TimeOfUseTariff, minute_of_day
from mfgamm.scenario.schema.time_axis import TimeTable
from mfgamm.scenario.toml_text import toml_text


class Scenario(Table):
    """A study in one file: everything that a community and its solve are made from.

    Attributes:
        title, description: for people.
        seed: of every random draw.
        time, tariff, market, population, sources, solver: the tables of the file.
        clusters: the table that splits the population; one community if left out.
    """

    title: Annotated[str, Field(min_length=1)]
    description: str = ""
    seed: Annotated[int, between(0, 2**63 - 1)] = 0
    time: TimeTable
    tariff: AnyTariff
    market: MarketTable = MarketTable()
    population: PopulationTable
    sources: SourcesTable = SourcesTable()
    solver: SolverTable = SolverTable()
    clusters: AnyClusters | None = None

    @model_validator(mode="after")
    def _periods_fall_on_steps(self) -> "Scenario":
        step = self.time.step_minutes
        if isinstance(self.tariff, TimeOfUseTariff):
            for index, period in enumerate(self.tariff.periods):
                for key, clock in (("from", period.start), ("to", period.stop)):
                    if minute_of_day(clock) % step:
                        raise refusal(
                            f"lies inside a step of time.step_minutes = {step}; "
                            "move it, or shorten the step",
                            f"tariff.periods.{index}.{key}",
                        )
        return self

    @model_validator(mode="after")
    def _clusters_can_be_served(self) -> "Scenario":
        if self.clusters is None:
            return self
        if self.market.curve == "monotone":
            raise refusal("does not serve clusters; choose a bonding curve", "market.curve")
        if self.clusters.market == "two-layer" and self.market.fee > 0:
            raise refusal("must be 0: the two-layer market keeps no fee", "market.fee")
        if self.solver.method == "column-generation":
            raise refusal("does not serve clusters; choose 'path-following'", "solver.method")
        return self

    @model_validator(mode="after")
    def _shares_are_of_categories(self) -> "Scenario":
        if isinstance(self.clusters, TabledClusters) and self.clusters.rows:
            names = {category.name for category in self.population.categories}
            for index, row in enumerate(self.clusters.rows):
                for unknown in set(row.shares or ()) - names:
                    listed = ", ".join(repr(name) for name in sorted(names))
                    raise refusal(
                        f"is no category; choose among {listed}",
                        f"clusters.rows.{index}.shares.{unknown}",
                    )
        return self

    def as_dict(self) -> dict[str, Any]:
        """Every key with its value, defaults included, in plain types."""
        return self.model_dump(by_alias=True, exclude_none=True)

    def to_toml(self) -> str:
        """The scenario as a file's text that loads back to an equal scenario."""
        return toml_text(self.as_dict())
