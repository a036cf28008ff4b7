"""Loading scenarios: built-in or from a file, with overrides and data paths resolved."""

import importlib.resources
import os
import re
import tomllib
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mfgamm.scenario.errors import InvalidScenario, Problem
from mfgamm.scenario.keys import keys_of_kind, location_of, value_at
from mfgamm.scenario.schema import Scenario
from mfgamm.scenario.schema.mean_field import MeanFieldScenario
from mfgamm.scenario.validation import validate

Overrides = Mapping[str, Any] | Sequence[str]


@dataclass(frozen=True)
class BuiltinScenario:
    """A scenario that comes with the package."""

    name: str
    title: str
    description: str


def load_scenario(source: str | Path, overrides: Overrides = ()) -> Scenario:
    """A scenario of households with plans, validated; see `load_study`.

    Raises:
        InvalidScenario: as `load_study` does, or if it is a mean field study.
    """
    study = load_study(source, overrides)
    if isinstance(study, Scenario):
        return study
    remedy = "is a study of densities: `mfgamm solve` solves it, or `load_study` in Python"
    raise InvalidScenario(str(source), [Problem("kind", study.kind, remedy)])


def load_study(source: str | Path, overrides: Overrides = ()) -> Scenario | MeanFieldScenario:
    """A scenario of any kind, validated.

    Args:
        source: path of a TOML file, or the name of a built-in scenario.
        overrides: dotted keys with the values that replace the file's: a mapping, or texts such
            as "population.size=50", "population.categories.0.share=0.5", "market.curve=geometric",
            read as TOML values, or else as plain text. Another `kind` of a table drops the keys
            that only its former kind knows.

    Data paths may hold `$VARIABLE`s of the environment. They are relative to the scenario's file;
    those of a built-in scenario or of an override, to the working directory.

    Raises:
        InvalidScenario: listing every wrong key, the value found and what is allowed; or naming
            the line of a syntax error, an unknown scenario, or an unset variable.
    """
    text, name, folder = _read(source)
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidScenario(name, [Problem("", None, f"is not TOML: {error}")]) from error
    replaced = _pairs(overrides)
    _switch_kinds(data, replaced)
    data = _with_resolved_paths(data, folder, name, unless={key for key, _ in replaced})
    for key, value in replaced:
        _set(data, key, value, name)
    return validate(_with_resolved_paths(data, Path.cwd(), name), name)


def builtin_scenarios() -> list[BuiltinScenario]:
    """The scenarios that come with the package, by name."""
    found = []
    for file in sorted(_builtin_folder().iterdir(), key=lambda each: each.name):
        if file.name.endswith(".toml"):
            data = tomllib.loads(file.read_text("utf-8"))
            name = file.name.removesuffix(".toml")
            found.append(BuiltinScenario(name, data["title"], data["description"]))
    return found


def builtin_text(name: str) -> str:
    """The commented text of a built-in scenario.

    Raises:
        InvalidScenario: if there is none of that name.
    """
    file = _builtin_folder() / f"{name}.toml"
    if not re.fullmatch(r"[\w-]+", name) or not file.is_file():
        names = ", ".join(each.name for each in builtin_scenarios())
        remedy = f"is neither a file nor a built-in scenario ({names})"
        raise InvalidScenario(name, [Problem("", None, remedy)])
    return file.read_text("utf-8")


def _builtin_folder():
    return importlib.resources.files("mfgamm.scenario") / "builtin"


def _read(source: str | Path) -> tuple[str, str, Path]:
    """Text, name, and the folder that data paths are relative to."""
    path = Path(source)
    if not path.is_file():
        return builtin_text(str(source)), str(source), Path.cwd()
    try:
        return path.read_text("utf-8"), str(source), path.resolve().parent
    except UnicodeDecodeError as error:
        problem = Problem("", None, f"is not a text file in UTF-8: {error}")
        raise InvalidScenario(str(source), [problem]) from error


def _pairs(overrides: Overrides) -> list[tuple[str, Any]]:
    if isinstance(overrides, Mapping):
        return list(overrides.items())
    if isinstance(overrides, str):
        overrides = [overrides]
    return [_parse(text) for text in overrides]


def _parse(text: str) -> tuple[str, Any]:
    key, equals, value = (part.strip() for part in text.partition("="))
    if not (key and equals):
        remedy = "an override reads key=value, such as population.size=50"
        raise InvalidScenario("override", [Problem(text, None, remedy)])
    try:
        parsed = tomllib.loads(f"value = {value}")
    except tomllib.TOMLDecodeError:
        return key, value
    return key, parsed["value"] if set(parsed) == {"value"} else value


def _switch_kinds(data: dict[str, Any], replaced: Sequence[tuple[str, Any]]) -> None:
    """Drop from each table that gets another kind the keys that only its former kind knows."""
    for key, kind in replaced:
        *way, last = location_of(key)
        table = value_at(data, tuple(way))
        known = keys_of_kind(tuple(way), kind)
        if last == "kind" and isinstance(table, dict) and known:
            for lost in keys_of_kind(tuple(way), table.get("kind")) - known:
                table.pop(lost, None)


def _set(data: Any, key: str, value: Any, name: str) -> None:
    """Put a value at a dotted key, making the tables on the way."""
    *way, last = key.split(".")
    for depth, part in enumerate(way):
        if isinstance(data, list):
            data = data[_position(data, part, key, name)]
        elif isinstance(data, dict):
            data = data.setdefault(part, {})
        if not isinstance(data, dict | list):
            inner = ".".join(way[: depth + 1])
            raise InvalidScenario(name, [Problem(key, value, f"{inner} holds no further keys")])
    if isinstance(data, list):
        data[_position(data, last, key, name)] = value
    else:
        data[last] = value


def _position(entries: list[Any], part: str, key: str, name: str) -> int:
    if part.isdigit() and int(part) < len(entries):
        return int(part)
    remedy = f"no entry {part!r} in this list: choose 0 to {len(entries) - 1}"
    raise InvalidScenario(name, [Problem(key, None, remedy)])


def _with_resolved_paths(
    data: dict[str, Any], folder: Path, name: str, unless: Set[str] = frozenset()
) -> dict[str, Any]:
    """The tables with their data paths absolute, leaving out those about to be replaced."""
    tables = {name: data.get(name) for name in ("tariff", "clusters")}
    sources = data.get("sources")
    if isinstance(sources, Mapping):
        tables |= {f"sources.{kind}": table for kind, table in sources.items()}
    for table_key, table in tables.items():
        key = f"{table_key}.path"
        replaced = {key, table_key} & unless
        if isinstance(table, dict) and isinstance(table.get("path"), str) and not replaced:
            table["path"] = str(folder / Path(_expanded(table["path"], key, name)).expanduser())
    return data


def _expanded(path: str, key: str, name: str) -> str:
    """The path with the environment's variables filled in."""

    def value(match: re.Match[str]) -> str:
        variable = match[1] or match[2]
        if variable in os.environ:
            return os.environ[variable]
        remedy = (
            f"the environment variable {variable} is not set; set it to the folder of the data, "
            f"or give the path itself: --set {key}=…"
        )
        raise InvalidScenario(name, [Problem(key, path, remedy)])

    return re.sub(r"\$(?:\{(\w+)\}|(\w+))", value, path)
