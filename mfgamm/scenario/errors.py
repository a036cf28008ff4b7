"""What is wrong with a scenario, key by key."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mfgamm.core import InvalidInput


@dataclass(frozen=True)
class Problem:
    """One key that is wrong.

    Attributes:
        field: the dotted key, such as `population.categories.0.share`.
        value: what was found there; `None` if nothing.
        remedy: what is allowed, or what to do.
    """

    field: str
    value: Any
    remedy: str

    def __str__(self) -> str:
        if not self.field:
            return self.remedy
        return (
            f"{self.field}: {self.remedy}"
            if self.value is None
            else (f"{self.field} = {_brief(self.value)}: {self.remedy}")
        )


class InvalidScenario(InvalidInput):
    """A scenario file says something that it must not.

    Attributes:
        source: the file's name.
        problems: every key that is wrong; `field`, `value` and `remedy` are the first's.
    """

    def __init__(self, source: str, problems: Sequence[Problem]):
        first = problems[0]
        super().__init__(first.field, first.value, first.remedy)
        self.source, self.problems = source, tuple(problems)
        lines = "".join(f"\n  {problem}" for problem in self.problems)
        self.args = (f"{source}:{lines}",)


def _brief(value: Any, longest: int = 60) -> str:
    text = repr(value)
    return text if len(text) <= longest else text[: longest - 1] + "…"
