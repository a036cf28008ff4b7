"""What an audit finds: the worst violation of each axiom, and where it happens."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Witness:
    """A market in which a violation shows.

    Attributes:
        supply, demand: the aggregate flows, kW.
        step: position in the (flattened) tariff.
        remark: what goes wrong there.
        net_exports: of each household, kW; empty where the aggregates say it all.
        household: the position of the household concerned, if there is one.
    """

    supply: float
    demand: float
    step: int
    remark: str
    net_exports: tuple[float, ...] = ()
    household: int | None = None

    def __str__(self) -> str:
        where = f"supply {self.supply:.4g} kW, demand {self.demand:.4g} kW, step {self.step}"
        if self.net_exports:
            flows = ", ".join(f"{flow:.3g}" for flow in self.net_exports)
            where = f"net exports ({flows}) kW, step {self.step}"
        if self.household is not None:
            where += f", household {self.household}"
        return f"{self.remark} at {where}"


@dataclass(frozen=True)
class Violation:
    """How far an axiom is from holding, €/kWh (infinite for prices that are not finite)."""

    size: float
    witness: Witness


@dataclass(frozen=True)
class Finding:
    """The verdict on one axiom.

    Attributes:
        axiom: its name.
        worst: the largest violation among the samples, €/kWh.
        witness: where it occurs.
        tolerance: the violation that still counts as rounding, €/kWh.
        remark: in what sense the axiom holds, where there is more than one.
    """

    axiom: str
    worst: float
    witness: Witness
    tolerance: float
    remark: str = ""

    @property
    def passed(self) -> bool:
        return self.worst <= self.tolerance

    def __str__(self) -> str:
        verdict = "holds" if self.passed else "VIOLATED"
        detail = self.remark if self.passed else str(self.witness)
        return f"{self.axiom:<24}{verdict:<10}{self.worst:>10.1e}  {detail}".rstrip()


@dataclass(frozen=True)
class Audit:
    """The verdicts on the seven axioms.

    Attributes:
        mechanism: the name of what was audited.
        findings: axiom -> verdict.
        flat_prices: the (price, regime) pairs in which the price does not respond at all to
            the imbalance, such as ("sell", "deficit"); empty for strict responsiveness.
        largest_surplus: the most that the operator keeps, € per kWh of the larger side.
    """

    mechanism: str
    findings: Mapping[str, Finding]
    flat_prices: tuple[tuple[str, str], ...]
    largest_surplus: float

    def __getitem__(self, axiom: str) -> Finding:
        return self.findings[axiom]

    @property
    def passed(self) -> bool:
        """Whether every axiom holds (responsiveness at least weakly)."""
        return all(finding.passed for finding in self.findings.values())

    @property
    def violated(self) -> tuple[str, ...]:
        """The axioms that do not hold."""
        return tuple(name for name, finding in self.findings.items() if not finding.passed)

    @property
    def strictly_responsive(self) -> bool:
        """Whether both prices respond to every imbalance, short and long."""
        return self["responsiveness"].passed and not self.flat_prices

    def summary(self) -> str:
        """The verdicts as a table, one axiom a line; violations in €/kWh."""
        held = sum(finding.passed for finding in self.findings.values())
        title = f"{self.mechanism}: {held} of {len(self.findings)} axioms hold"
        header = f"{'axiom':<24}{'verdict':<10}{'€/kWh':>10}  detail"
        return "\n".join([title, header, *map(str, self.findings.values())])

    def __str__(self) -> str:
        return self.summary()


def worst_of(*violations: Violation) -> Violation:
    """The largest of several violations of one axiom."""
    return max(violations, key=lambda violation: violation.size)


def worst_index(
    violation: np.ndarray, applies: np.ndarray | bool = True
) -> tuple[float, tuple[int, ...]]:
    """The largest entry where the axiom applies, and its position; not finite counts as ∞."""
    sizes = np.where(np.isfinite(violation), violation, np.inf)
    sizes = np.where(applies, sizes, -np.inf)
    index = np.unravel_index(int(np.argmax(sizes)), sizes.shape)
    return max(float(sizes[index]), 0.0), tuple(int(each) for each in index)
