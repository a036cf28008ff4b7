"""Writing TOML: the standard library only reads it."""

import datetime
import json
from collections.abc import Mapping
from typing import Any

INLINE = {"uniform", "normal", "choice"}


def toml_text(table: Mapping[str, Any], prefix: str = "") -> str:
    """The text of a TOML document that reads back as `table`.

    Distributions stay on one line; every other table gets a heading.
    """
    own = [f"{_key(key)} = {_value(item)}" for key, item in table.items() if not _has_heading(item)]
    blocks = ["\n".join(own)] if own else []
    for key, item in table.items():
        name = prefix + _key(key)
        if _has_heading(item):
            heading, tables = (f"[[{name}]]", item) if _is_list(item) else (f"[{name}]", [item])
            blocks += [_under(heading, toml_text(each, name + ".")) for each in tables]
    return "\n\n".join(block.rstrip("\n") for block in blocks) + "\n"


def _under(heading: str, text: str) -> str:
    """The heading is implied where nothing but further tables follows."""
    implied = text.startswith("[") and not heading.startswith("[[")
    return text if implied else f"{heading}\n{text}"


def _is_list(item: Any) -> bool:
    return isinstance(item, list | tuple)


def _has_heading(item: Any) -> bool:
    if _is_list(item):
        return bool(item) and all(isinstance(each, Mapping) for each in item)
    return isinstance(item, Mapping) and not INLINE & set(item)


def _key(key: str) -> str:
    bare = key.replace("-", "").replace("_", "")
    return key if bare.isascii() and bare.isalnum() else json.dumps(key, ensure_ascii=False)


def _value(value: Any) -> str:
    match value:
        case bool():
            return str(value).lower()
        case int():
            return str(value)
        case float():
            return repr(value)
        case str():
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
        case datetime.date() | datetime.time():
            return value.isoformat()
        case list() | tuple():
            return f"[{', '.join(_value(each) for each in value)}]"
        case Mapping():
            return f"{{ {', '.join(f'{_key(k)} = {_value(v)}' for k, v in value.items())} }}"
    raise TypeError(f"TOML has no form for {type(value).__name__}")
