"""What every table of a scenario file shares: closed, frozen, strict, with ranges spelled out."""

from typing import Any

from pydantic import AfterValidator, BaseModel, ConfigDict
from pydantic_core import PydanticCustomError


class Table(BaseModel):
    """One table of the file: no unknown keys, no silent conversions, immutable once read."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        validate_default=True,
        validate_by_alias=True,
        validate_by_name=False,
    )


def between(
    low: float | int, high: float | int, unit: str = "", *, above: bool = False
) -> AfterValidator:
    """A validator that keeps a number, or a whole distribution, inside [low, high].

    Args:
        unit: named in the message.
        above: exclude `low` itself.
    """
    span = f"above {low:,.9g} and at most" if above else f"between {low:,.9g} and"
    allowed = f"must lie {span} {high:,.9g} {unit}".rstrip()

    def inside(number: float | int) -> bool:
        return (low < number if above else low <= number) and number <= high

    def check(value: Any) -> Any:
        if value is None:
            return None
        if isinstance(value, int | float):
            if inside(value):
                return value
        else:
            value = value.confined(float(low), float(high))
            if all(inside(bound) for bound in value.support):
                return value
        raise PydanticCustomError("range", "{allowed}", {"allowed": allowed})

    return AfterValidator(check)


def one_of(*choices: int) -> AfterValidator:
    """A validator that admits a few whole numbers only."""
    listed = ", ".join(str(choice) for choice in choices)

    def check(value: int) -> int:
        if value in choices:
            return value
        raise PydanticCustomError("range", "must be one of {listed}", {"listed": listed})

    return AfterValidator(check)


def of_length(least: int, most: int | None = None) -> AfterValidator:
    """A validator of how many entries a list has."""
    count = f"at least {least}" if most is None else f"exactly {least}"

    def check(entries: tuple[Any, ...]) -> tuple[Any, ...]:
        if least <= len(entries) and (most is None or len(entries) <= most):
            return entries
        raise refusal(f"must have {count} entries, but it has {len(entries)}")

    return AfterValidator(check)


def refusal(message: str, key: str = "") -> PydanticCustomError:
    """The error by which a validator of this package turns a value down.

    Args:
        message: what is allowed, or what to do.
        key: the one to blame, below the table that refuses.
    """
    return PydanticCustomError("refused", "{message}", {"message": message, "key": key})
