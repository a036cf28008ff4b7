"""Numbers that differ between households: a constant, or a distribution to draw from."""

from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
from pydantic import Discriminator, Field, Tag, model_serializer, model_validator
from scipy.special import ndtr, ndtri

from mfgamm.scenario.schema.table import Table, of_length, refusal


class Constant(Table):
    """The same number for every household: `capacity_kwh = 10`."""

    value: float

    @model_validator(mode="before")
    @classmethod
    def _from_number(cls, given: Any) -> Any:
        return given if isinstance(given, Mapping) else {"value": given}

    @model_serializer
    def _as_number(self) -> float:
        return self.value

    @property
    def support(self) -> tuple[float, ...]:
        return (self.value,)

    def confined(self, low: float, high: float) -> "Constant":
        return self

    def draw(self, random: np.random.Generator) -> float:
        return self.value


class Uniform(Table):
    """Uniform between two numbers: `{ uniform = [4, 20] }`."""

    uniform: Annotated[tuple[float, float], Field(strict=False)]

    @model_validator(mode="after")
    def _ordered(self) -> "Uniform":
        if self.uniform[0] > self.uniform[1]:
            raise refusal("the first bound must not exceed the second", "uniform")
        return self

    @property
    def support(self) -> tuple[float, ...]:
        return self.uniform

    def confined(self, low: float, high: float) -> "Uniform":
        return self

    def draw(self, random: np.random.Generator) -> float:
        return float(random.uniform(*self.uniform))


class Normal(Table):
    """Normal, truncated: `{ normal = [10, 2], min = 5, max = 15 }` (mean, standard deviation).

    A bound that is left out is the end of the key's own range.
    """

    normal: Annotated[tuple[float, float], Field(strict=False)]
    min: float | None = None
    max: float | None = None

    @model_validator(mode="after")
    def _proper(self) -> "Normal":
        mean, deviation = self.normal
        if not deviation > 0:
            raise refusal("the standard deviation must exceed 0", "normal")
        low, high = self.support
        if not low < high:
            raise refusal("min must lie below max", "min")
        if not ndtr((high - mean) / deviation) - ndtr((low - mean) / deviation) > 1e-9:
            raise refusal("practically nothing of the distribution lies between min and max")
        return self

    @property
    def support(self) -> tuple[float, float]:
        return (
            -np.inf if self.min is None else self.min,
            np.inf if self.max is None else self.max,
        )

    def confined(self, low: float, high: float) -> "Normal":
        given = {"min": low, "max": high} | self.model_dump(exclude_none=True)
        return type(self).model_validate(given)

    def draw(self, random: np.random.Generator) -> float:
        mean, deviation = self.normal
        low, high = (ndtr((bound - mean) / deviation) for bound in self.support)
        return float(mean + deviation * ndtri(random.uniform(low, high)))


class Choice(Table):
    """One of a list, each equally likely: `{ choice = [3, 6, 9] }`."""

    choice: Annotated[tuple[float, ...], Field(strict=False), of_length(1)]

    @property
    def support(self) -> tuple[float, ...]:
        return self.choice

    def confined(self, low: float, high: float) -> "Choice":
        return self

    def draw(self, random: np.random.Generator) -> float:
        return float(random.choice(self.choice))


def _form(given: Any) -> str | None:
    match given:
        case bool():
            return None
        case int() | float() | Constant():
            return "<constant>"
        case Uniform() | {"uniform": _}:
            return "<uniform>"
        case Normal() | {"normal": _}:
            return "<normal>"
        case Choice() | {"choice": _}:
            return "<choice>"
    return None


Distribution = Annotated[
    Annotated[Constant, Tag("<constant>")]
    | Annotated[Uniform, Tag("<uniform>")]
    | Annotated[Normal, Tag("<normal>")]
    | Annotated[Choice, Tag("<choice>")],
    Discriminator(
        _form,
        custom_error_type="distribution",
        custom_error_message="give a number, { uniform = [a, b] }, "
        "{ normal = [mean, deviation], min = a, max = b } or { choice = [a, b, …] }",
    ),
]
