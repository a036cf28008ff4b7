"""From a parsed file to a `Scenario`, or to one message that lists every wrong key."""

import difflib
import typing
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from mfgamm.scenario.errors import InvalidScenario, Problem
from mfgamm.scenario.schema import Scenario

Location = tuple[int | str, ...]


def validate(data: Mapping[str, Any], source: str) -> Scenario:
    """The scenario that a parsed file describes.

    Args:
        data: the nested tables.
        source: the file's name, for the message.

    Raises:
        InvalidScenario: naming every wrong key, the value found and what is allowed.
    """
    try:
        return Scenario.model_validate(data)
    except ValidationError as error:
        problems = [_problem(details, data) for details in error.errors()]
    raise InvalidScenario(source, problems)


def dotted_keys() -> list[str]:
    """Every key of the schema, dotted, with `0` standing for any position of a list."""
    return sorted(set(_keys_below(Scenario, "")))


def _problem(details: ErrorDetails, data: Mapping[str, Any]) -> Problem:
    location = _without_tags(details["loc"], data)
    field = ".".join(str(part) for part in location)
    context = details.get("ctx", {})
    value = _value_at(data, location)
    match details["type"]:
        case "extra_forbidden":
            return Problem(field, value, f"unknown key; {_nearest_key(location, data)}")
        case "missing":
            return Problem(field, None, "is missing, and it has no default")
        case "union_tag_not_found":
            return Problem(f"{field}.kind", None, f"is missing: {_tags(location)}")
        case "union_tag_invalid":
            kind = value.get("kind") if isinstance(value, Mapping) else value
            return Problem(f"{field}.kind", kind, f"must be one of {context['expected_tags']}")
        case "literal_error":
            return Problem(field, value, f"must be one of {context['expected']}")
        case "refused":
            return _refused(location, context["key"], details["msg"], data)
        case "range" | "distribution":
            return Problem(field, value, details["msg"])
    return Problem(field, value, _lower_first(details["msg"]))


def _refused(location: Location, key: str, remedy: str, data: Mapping[str, Any]) -> Problem:
    blamed = (int(part) if part.isdigit() else part for part in key.split(".") if part)
    location = (*location, *blamed)
    value = _value_at(data, location)
    is_table = isinstance(value, Mapping) or (
        isinstance(value, list) and any(isinstance(each, Mapping) for each in value)
    )
    field = ".".join(str(part) for part in location)
    return Problem(field, None if is_table else value, remedy)


def _without_tags(location: Location, data: Any) -> Location:
    """The location in the file: without the names that unions insert to say which arm failed."""
    kept: list[int | str] = []
    for part in location:
        is_arm = isinstance(part, str) and (
            part.startswith("<") or (isinstance(data, Mapping) and data.get("kind") == part)
        )
        if not is_arm:
            kept.append(part)
            data = _value_at(data, (part,))
    return tuple(kept)


def _value_at(data: Any, location: Location) -> Any:
    for part in location:
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):
            return None
    return data


def _lower_first(message: str) -> str:
    return message[:1].lower() + message[1:]


def _nearest_key(location: Location, data: Mapping[str, Any]) -> str:
    """Advice on an unknown key: the nearest in its table, else the nearest anywhere."""
    *table, unknown = (str(part) for part in location)
    here = sorted({key for model in _models_at(location[:-1], data) for key in _names(model)})
    prefix = "".join(f"{part}." for part in table)
    near = difflib.get_close_matches(unknown, here, n=1, cutoff=0.6)
    if near:
        return f"did you mean {prefix}{near[0]}?"
    elsewhere = [key for key in dotted_keys() if key.rsplit(".")[-1] == unknown]
    if elsewhere:
        return f"did you mean {elsewhere[0]}?"
    return f"the keys here are {', '.join(here)}"


def _models_at(location: Location, data: Any) -> list[type[BaseModel]]:
    """The models that the table at `location` may follow."""
    models: list[type[BaseModel]] = [Scenario]
    for part in location:
        data = _value_at(data, (part,))
        if isinstance(part, int):
            continue
        annotations = [
            field.annotation
            for model in models
            for name, field in model.model_fields.items()
            if part == (field.alias or name)
        ]
        models = [model for each in annotations for model in _models_in(each)]
        if isinstance(data, Mapping) and "kind" in data:
            models = [model for model in models if data["kind"] in _kinds(model)]
        elif isinstance(data, Mapping):
            in_common = [len(set(data) & set(_names(model))) for model in models]
            models = [m for m, n in zip(models, in_common, strict=True) if n == max(in_common)]
    return models


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in typing.get_args(annotation):
        yield from _models_in(argument)


def _kinds(model: type[BaseModel]) -> tuple[Any, ...]:
    field = model.model_fields.get("kind")
    return () if field is None else typing.get_args(field.annotation)


def _names(model: type[BaseModel]) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()]


def _tags(location: Location) -> str:
    models = _models_at(location, None)
    kinds: Sequence[str] = [repr(kind) for model in models for kind in _kinds(model)]
    return f"must be one of {', '.join(kinds)}"


def _keys_below(model: type[BaseModel], prefix: str) -> Iterator[str]:
    for name, field in model.model_fields.items():
        key = prefix + (field.alias or name)
        yield key
        below = list(_models_in(field.annotation))
        index = ".0" if typing.get_origin(field.annotation) is tuple else ""
        for each in below:
            yield from _keys_below(each, f"{key}{index}.")
