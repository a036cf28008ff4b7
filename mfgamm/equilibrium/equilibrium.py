"""The result of an equilibrium solve."""

from collections.abc import Sequence

import equinox as eqx
import numpy as np
from jaxtyping import Array, Float, Int

from mfgamm.core import AbstractSolution, Flows, Prices, Status
from mfgamm.equilibrium.certificate import Certificate, Residuals
from mfgamm.equilibrium.community import Community
from mfgamm.market import Settlement
from mfgamm.prosumer import MixedStrategy, Plan


class Benchmark(eqx.Module):
    """Life without the community: every household re-optimised against the grid's tariff.

    Attributes:
        plan: each type's best plan.
        cost: its objective, €.
        settlement: the books with the grid.
    """

    plan: Plan
    cost: Float[Array, " type"]
    settlement: Settlement


class Rounds(eqx.Module):
    """What happened in each round, for the record and for figures.

    Attributes:
        exploitability: € per household-day.
        relative: the same relative to the community's gain.
        seconds: since the rounds began.
    """

    exploitability: Float[np.ndarray, " round"]
    relative: Float[np.ndarray, " round"]
    seconds: Float[np.ndarray, " round"]

    @classmethod
    def of(cls, records: Sequence[tuple[float, float, float]]) -> "Rounds":
        return cls(*np.asarray(records, float).reshape(-1, 3).T)


class Equilibrium(AbstractSolution):
    """An approximate equilibrium, with everything needed to judge and to use it.

    Attributes:
        value: each type's strategy, as its average plan (a mixture of pure plans).
        mixture: the pure plans that the strategy mixes; None from a solver that keeps averages
            only.
        community: the game solved.
        prices: €/kWh.
        flows: aggregate supply and demand, kW per household.
        settlement: energy and money, per step.
        benchmark: the same households without a community.
        status: a `Status` code.
        residuals: of prices, energy, money and feasibility.
        certificate: the bound on the distance from equilibrium.
        history: the rounds.
    """

    value: Plan
    mixture: MixedStrategy | None
    community: Community
    prices: Prices
    flows: Flows
    settlement: Settlement
    benchmark: Benchmark
    status: Int[Array, ""]
    residuals: Residuals
    certificate: Certificate
    history: Rounds

    @property
    def outcome(self) -> Status:
        """The status as an enumeration member."""
        return Status(int(self.status))
