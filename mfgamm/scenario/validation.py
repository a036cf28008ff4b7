"""From a parsed file to a scenario, or to one message that lists every wrong key."""

import difflib
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from mfgamm.scenario.errors import InvalidScenario, Problem
from mfgamm.scenario.keys import (
    Location,
    dotted_keys,
    key_names,
    kinds,
    location_of,
    models_at,
    root_of,
    value_at,
)
from mfgamm.scenario.schema import Scenario
from mfgamm.scenario.schema.mean_field import MeanFieldScenario

TABLE, LIST, DATE = "must be a table", "must be a list", "must be a date, such as 2023-07-12"
# What is allowed where pydantic's own words would speak of its types.
ALLOWED = {
    "model_type": TABLE,
    "model_attributes_type": TABLE,
    "dict_type": TABLE,
    "tuple_type": LIST,
    "string_type": "must be a text",
    "string_too_short": "must not be empty",
    "bool_type": "must be true or false",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "date_type": DATE,
}


def validate(data: Mapping[str, Any], source: str) -> Scenario | MeanFieldScenario:
    """The scenario that a parsed file describes, of the kind that it says.

    Args:
        data: the nested tables.
        source: the file's name, for the message.

    Raises:
        InvalidScenario: naming every wrong key, the value found and what is allowed.
    """
    try:
        return root_of(data).model_validate(data)
    except ValidationError as error:
        problems = [_problem(details, data) for details in error.errors()]
    raise InvalidScenario(source, problems)


def _problem(details: ErrorDetails, data: Mapping[str, Any]) -> Problem:
    location = _without_tags(details["loc"], data)
    field = ".".join(str(part) for part in location)
    context = details.get("ctx", {})
    value = value_at(data, location)
    match details["type"]:
        case "extra_forbidden":
            arm = str(details["loc"][-2:][0])
            return Problem(field, value, _about_unknown_key(location, arm, data))
        case "missing":
            return Problem(field, None, "is missing, and it has no default")
        case "union_tag_not_found":
            return Problem(f"{field}.kind", None, f"is missing: {_tags(location, data)}")
        case "union_tag_invalid":
            kind = value.get("kind") if isinstance(value, Mapping) else value
            return Problem(f"{field}.kind", kind, f"must be one of {context['expected_tags']}")
        case "literal_error" if details["loc"][-1] == "[key]":
            return Problem(field, None, f"unknown key; it must be one of {context['expected']}")
        case "literal_error":
            return Problem(field, value, f"must be one of {context['expected']}")
        case "refused":
            return _refused(location, context["key"], details["msg"], data)
        case "range" | "distribution":
            return Problem(field, value, details["msg"])
    return Problem(field, value, ALLOWED.get(details["type"]) or _lower_first(details["msg"]))


def _refused(location: Location, key: str, remedy: str, data: Mapping[str, Any]) -> Problem:
    location = (*location, *location_of(key))
    value = value_at(data, location)
    is_table = isinstance(value, Mapping) or (
        isinstance(value, list) and any(isinstance(each, Mapping) for each in value)
    )
    field = ".".join(str(part) for part in location)
    return Problem(field, None if is_table else value, remedy)


def _without_tags(location: Location, data: Any) -> Location:
    """The location in the file: without the names that pydantic inserts to say what failed."""
    kept: list[int | str] = []
    for part in location:
        is_tag = isinstance(part, str) and (
            part.startswith("<")
            or part == "[key]"
            or (isinstance(data, Mapping) and data.get("kind") == part)
        )
        if not is_tag:
            kept.append(part)
            data = value_at(data, (part,))
    return tuple(kept)


def _lower_first(message: str) -> str:
    return message[:1].lower() + message[1:]


def _about_unknown_key(location: Location, arm: str, data: Mapping[str, Any]) -> str:
    """Advice on an unknown key: the kind that it belongs to, else the key nearest to it.

    Args:
        location: of the key.
        arm: the kind of its table, if that is one of several kinds.
        data: the nested tables.
    """
    *way, unknown = (str(part) for part in location)
    table, root = location[:-1], root_of(data)
    owners = [model for model in models_at(table, roots=(root,)) if unknown in key_names(model)]
    if owners:
        named = " or ".join(repr((*kinds(model), model.__name__.lower())[0]) for model in owners)
        return f"belongs to kind {named}, not to {arm.strip('<>')!r}"
    here = sorted({key for model in models_at(table, data, (root,)) for key in key_names(model)})
    prefix = "".join(f"{part}." for part in way)
    near = difflib.get_close_matches(unknown, here, n=1, cutoff=0.6)
    if near:
        return f"unknown key; did you mean {prefix}{near[0]}?"
    elsewhere = [key for key in dotted_keys(root) if key.rsplit(".")[-1] == unknown]
    if elsewhere:
        return f"unknown key; did you mean {elsewhere[0]}?"
    return f"unknown key; the keys here are {', '.join(here)}"


def _tags(location: Location, data: Mapping[str, Any]) -> str:
    models = models_at(location, roots=(root_of(data),))
    return f"must be one of {', '.join(repr(kind) for model in models for kind in kinds(model))}"
