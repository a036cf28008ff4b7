"""The result of an equilibrium solve."""

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
        monotonicity: cosine, in [-1, 1], of the angle between how flows and how prices changed
            since the round before, (ΔS, ΔD) and (−Δr, Δc); 0 in the first round. Where it is
            negative the price map is not monotone, and equilibria need not be unique.
    """

    exploitability: Float[np.ndarray, " round"]
    relative: Float[np.ndarray, " round"]
    seconds: Float[np.ndarray, " round"]
    monotonicity: Float[np.ndarray, " round"]

    @classmethod
    def none(cls, count: int = 0) -> "Rounds":
        """Room for so many rounds, not yet filled in."""
        return cls(*(np.zeros(count) for _ in range(4)))

    @property
    def count(self) -> int:
        return len(self.relative)

    def with_round(self, certificate: Certificate, seconds: float, monotonicity: float) -> "Rounds":
        """One round more, ended so many seconds after the first began."""
        return Rounds(
            np.append(self.exploitability, float(certificate.exploitability)),
            np.append(self.relative, float(certificate.relative)),
            np.append(self.seconds, seconds),
            np.append(self.monotonicity, monotonicity),
        )


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
