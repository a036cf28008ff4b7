"""Clusters listed in a CSV file, one a row."""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import ValidationError

from mfgamm.core import InvalidInput
from mfgamm.scenario.schema import ClusterRow
from mfgamm.scenario.schema.clusters import unfit_rows

FIELD = "clusters.path"
SHARE = "share_"


def read_clusters(path: Path, categories: Sequence[str]) -> tuple[ClusterRow, ...]:
    """The clusters of a file: columns are the keys of a row, and `share_<category>`.

    An empty cell is a key that is left out.

    Raises:
        InvalidInput: naming the file, or the row and the column that are wrong.
    """
    if not path.is_file():
        raise InvalidInput(FIELD, str(path), "there is no such file")
    try:
        frame = pd.read_csv(path, comment="#", dtype={"name": str}, skipinitialspace=True)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise InvalidInput(FIELD, str(path), f"is no table: {error}") from error
    known = set(ClusterRow.model_fields) - {"shares"} | {SHARE + name for name in categories}
    for column in frame.columns:
        if column not in known:
            listed = ", ".join(sorted(known))
            raise InvalidInput(FIELD, column, f"is no column; choose among {listed}")
    rows = tuple(_rows(frame))
    problem = unfit_rows(rows) if rows else "give at least one cluster"
    if problem:
        raise InvalidInput(FIELD, str(path), problem)
    return rows


def _rows(frame: pd.DataFrame) -> Iterator[ClusterRow]:
    for index, cells in enumerate(frame.to_dict("records")):
        given = {str(key): _plain(value) for key, value in cells.items() if not _is_empty(value)}
        shares = {key: given.pop(key) for key in list(given) if key.startswith(SHARE)}
        if shares:
            given["shares"] = {key.removeprefix(SHARE): share for key, share in shares.items()}
        try:
            yield ClusterRow.model_validate(given)
        except ValidationError as error:
            first = error.errors()[0]
            key = ".".join(str(part) for part in first["loc"]) or "cells"
            field = f"{FIELD}, row {index + 1}, {key}"
            raise InvalidInput(field, given.get(key), first["msg"]) from error


def _is_empty(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)


def _plain(value: Any) -> Any:
    return value if isinstance(value, str) else float(value)
