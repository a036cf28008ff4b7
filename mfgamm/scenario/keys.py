"""The keys of the schema: which tables and keys there may be at a place in the file."""

import typing
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from mfgamm.scenario.schema import Scenario
from mfgamm.scenario.schema.mean_field import MeanFieldScenario

Location = tuple[int | str, ...]
Root = type[Scenario] | type[MeanFieldScenario]
ROOTS: tuple[Root, ...] = (Scenario, MeanFieldScenario)


def root_of(data: Any) -> Root:
    """The schema that a whole file follows: it says if it is a mean field study."""
    mean_field = isinstance(data, Mapping) and data.get("kind") in kinds(MeanFieldScenario)
    return MeanFieldScenario if mean_field else Scenario


def location_of(key: str) -> Location:
    """A dotted key part by part; what looks like a number is a position in a list."""
    return tuple(int(part) if part.isdigit() else part for part in key.split(".") if part)


def value_at(data: Any, location: Location) -> Any:
    """What nested tables and lists hold at a location; None if nothing."""
    for part in location:
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):
            return None
    return data


def dotted_keys(root: Root = Scenario) -> list[str]:
    """Every key of the schema, dotted, with `0` standing for any position of a list."""
    return sorted(set(_keys_below(root, "")))


def models_at(
    location: Location, data: Any = None, roots: tuple[Root, ...] = ROOTS
) -> list[type[BaseModel]]:
    """The models that the table at `location` may follow, in `data` if it is given."""
    models: list[type[BaseModel]] = list(roots)
    for part in location:
        data = value_at(data, (part,))
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
            models = [model for model in models if data["kind"] in kinds(model)]
        elif isinstance(data, Mapping):
            in_common = [len(set(data) & set(key_names(model))) for model in models]
            models = [m for m, n in zip(models, in_common, strict=True) if n == max(in_common)]
    return models


def keys_of_kind(location: Location, kind: Any) -> set[str]:
    """The keys of the table at `location` if it is of this kind; none if there is no such kind."""
    models = [model for model in models_at(location) if kind in kinds(model)]
    return {key for model in models for key in key_names(model)}


def kinds(model: type[BaseModel]) -> tuple[Any, ...]:
    """What the key `kind` may say in a table that follows `model`."""
    field = model.model_fields.get("kind")
    return () if field is None else typing.get_args(field.annotation)


def key_names(model: type[BaseModel]) -> list[str]:
    """The keys of a table that follows `model`, as they are written in a file."""
    return [field.alias or name for name, field in model.model_fields.items()]


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in typing.get_args(annotation):
        yield from _models_in(argument)


def _keys_below(model: type[BaseModel], prefix: str) -> Iterator[str]:
    for name, field in model.model_fields.items():
        key = prefix + (field.alias or name)
        yield key
        below = list(_models_in(field.annotation))
        index = ".0" if typing.get_origin(field.annotation) is tuple else ""
        for each in below:
            yield from _keys_below(each, f"{key}{index}.")
