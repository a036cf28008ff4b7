"""What every table of a scenario file shares: closed, frozen, strict, with ranges spelled out."""

from collections.abc import Callable
from typing import Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    ValidationError,
    WrapValidator,
)
from pydantic_core import PydanticCustomError

NUMBERS = {"int_type": "a whole number", "float_type": "a number"}


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
) -> WrapValidator:
    """A validator that keeps a number, or a whole distribution, inside [low, high].

    Args:
        unit: named in the message.
        above: exclude `low` itself.
    """
    span = f"above {low:,} and at most" if above else f"between {low:,} and"
    allowed = f"{span} {high:,} {unit}".rstrip()

    def inside(number: float | int) -> bool:
        return (low < number if above else low <= number) and number <= high

    def check(given: Any, parse: Callable[[Any], Any]) -> Any:
        try:
            value = parse(given)
        except ValidationError as error:
            noun = _number_missed(error)
            if noun is None:
                raise
            raise _out_of_range(f"must be {noun} {allowed}") from None
        if isinstance(value, int | float):
            support = (value,)
        else:
            value = value.confined(float(low), float(high))
            support = value.support
        if not all(inside(bound) for bound in support):
            raise _out_of_range(f"must lie {allowed}")
        return value

    return WrapValidator(check)


def one_of(*choices: int) -> BeforeValidator:
    """A validator that admits a few whole numbers only."""
    allowed = f"must be one of {', '.join(str(choice) for choice in choices)}"

    def check(given: Any) -> int:
        if type(given) is int and given in choices:
            return given
        raise _out_of_range(allowed)

    return BeforeValidator(check)


def otherwise(allowed: str) -> WrapValidator:
    """A validator that answers whatever is wrong with one sentence.

    Args:
        allowed: what is, such as "must be true, false or 'auto'".
    """

    def check(given: Any, parse: Callable[[Any], Any]) -> Any:
        try:
            return parse(given)
        except ValidationError:
            raise _out_of_range(allowed) from None

    return WrapValidator(check)


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


def _out_of_range(allowed: str) -> PydanticCustomError:
    return PydanticCustomError("range", "{allowed}", {"allowed": allowed})


def _number_missed(error: ValidationError) -> str | None:
    """The number that something else was given for; None if anything else is wrong."""
    (first, *_) = error.errors()
    return None if first["loc"] else NUMBERS.get(first["type"])
