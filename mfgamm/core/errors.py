"""Typed errors: each names what is wrong, the value found, and the remedy."""

from collections.abc import Mapping
from typing import Any


class MfgammError(Exception):
    """Base of every error that mfgamm raises on purpose."""


class InvalidInput(MfgammError, ValueError):
    """An argument lies outside its domain.

    Attributes:
        field: dotted name of the offending field or argument.
        value: what was given (or a summary of it).
        remedy: what to do instead.
    """

    def __init__(self, field: str, value: Any, remedy: str):
        self.field, self.value, self.remedy = field, value, remedy
        super().__init__(f"{field} = {value!r}: {remedy}")


class InfeasibleHousehold(MfgammError, ValueError):
    """Some households cannot meet their own constraints, whatever the prices.

    Attributes:
        reasons: household name -> why no plan exists.
    """

    def __init__(self, reasons: Mapping[str, str], shown: int = 5):
        self.reasons = dict(reasons)
        lines = [f"  {name}: {reason}" for name, reason in list(self.reasons.items())[:shown]]
        if len(self.reasons) > shown:
            lines.append(f"  … and {len(self.reasons) - shown} more")
        super().__init__(
            f"{len(self.reasons)} household(s) have no feasible plan:\n" + "\n".join(lines)
        )


class NotConverged(MfgammError, RuntimeError):
    """A solver stopped before its tolerance was met.

    Attributes:
        solution: the best iterate found, with its status and certificate.
    """

    def __init__(self, message: str, solution: Any):
        self.solution = solution
        super().__init__(message)
