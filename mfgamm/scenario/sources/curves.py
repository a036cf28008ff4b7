"""Recorded curves of load and generation, and recorded prices, on a study's calendar."""

from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Float

from mfgamm.core import InvalidInput
from mfgamm.scenario.calendar import Calendar
from mfgamm.scenario.schema import (
    CsvCurves,
    ParquetCurves,
    RecordedCurves,
    Recording,
    SeriesTariff,
    TimeTable,
)
from mfgamm.scenario.sources.alignment import align
from mfgamm.scenario.sources.numeric_table import has_names, numbers, read_csv, read_parquet

KILOWATTS = {"W": 1e-3, "kW": 1.0}


def read_curves(
    key: str, source: CsvCurves | ParquetCurves, calendar: Calendar, time: TimeTable
) -> Float[np.ndarray, "curve time"]:
    """Every curve of a file, kW, at the calendar's steps.

    Args:
        key: of the source in the scenario, such as "sources.load"; errors name it.

    Raises:
        InvalidInput: if the file is missing, malformed, does not fit the calendar, or holds
            missing or negative values that the source does not say how to treat.
        MissingDependency: for Parquet without pyarrow.
    """
    frame = _read(key, source)
    first_row = 2 if isinstance(source, CsvCurves) and has_names(frame) else 1
    frame = _without_ignored(key, source, frame)
    stamps, frame = _split_stamps(key, source, frame)
    values = numbers(key, frame, first_row)
    if source.layout == "columns":
        values = values.T
    if values.size == 0:
        raise InvalidInput(f"{key}.path", source.path, "holds no curve")
    curves = align(key, source, values * KILOWATTS[source.unit], stamps, calendar, time)
    return _without_negatives(key, source, curves)


def read_prices(
    key: str, source: SeriesTariff, calendar: Calendar, time: TimeTable
) -> Float[np.ndarray, "2 time"]:
    """The columns feed_in and retail of a CSV file, €/kWh, at the calendar's steps.

    Raises:
        InvalidInput: as `read_curves`, and if a column is missing.
    """
    frame = read_csv(f"{key}.path", Path(source.path), header=True)
    stamps, frame = _stamp_column(key, source, frame)
    absent = [name for name in ("feed_in", "retail") if name not in frame.columns]
    if absent:
        raise InvalidInput(
            f"{key}.path", source.path, f"needs a column {absent[0]}; it has {_listed(frame)}"
        )
    values = numbers(key, frame.filter(["feed_in", "retail"]), first_row=2).T
    return align(key, source, values, stamps, calendar, time)


def _read(key: str, source: CsvCurves | ParquetCurves) -> pd.DataFrame:
    path = Path(source.path)
    if isinstance(source, CsvCurves):
        return read_csv(f"{key}.path", path, source.header)
    return read_parquet(f"{key}.path", path)


def _without_ignored(key: str, source: RecordedCurves, frame: pd.DataFrame) -> pd.DataFrame:
    for name in source.ignore_columns:
        if name not in frame.columns:
            raise InvalidInput(
                f"{key}.ignore_columns", name, f"no such column; there are {_listed(frame)}"
            )
    return frame.drop(columns=list(source.ignore_columns))


def _split_stamps(
    key: str, source: RecordedCurves, frame: pd.DataFrame
) -> tuple[pd.Index | None, pd.DataFrame]:
    """The timestamps, from a column or from the header, and the frame of values alone."""
    if source.layout == "columns":
        return _stamp_column(key, source, frame)
    if source.timestamps is None:
        return None, frame
    if not has_names(frame):
        raise InvalidInput(f"{key}.timestamps", source.timestamps, "the file has no header")
    return frame.columns, frame


def _stamp_column(
    key: str, source: Recording, frame: pd.DataFrame
) -> tuple[pd.Index | None, pd.DataFrame]:
    name = source.timestamps
    if name is None:
        return None, frame
    if name not in frame.columns:
        raise InvalidInput(f"{key}.timestamps", name, f"no such column; there are {_listed(frame)}")
    return pd.Index(frame[name]), frame.drop(columns=name)


def _without_negatives(
    key: str, source: RecordedCurves, curves: Float[np.ndarray, "curve time"]
) -> Float[np.ndarray, "curve time"]:
    if source.negative == "error" and np.any(curves < 0):
        curve, step = (int(index) for index in np.argwhere(curves < 0)[0])
        raise InvalidInput(
            key,
            f"{curves[curve, step]:g} kW",
            f"is negative, in curve {curve + 1} at step {step + 1}; mend the data, or set "
            "negative = 'zero' to take negative values for zero",
        )
    return np.maximum(curves, 0.0)


def _listed(frame: pd.DataFrame, shown: int = 8) -> str:
    names = [str(name) for name in frame.columns]
    return ", ".join(names[:shown]) + (", …" if len(names) > shown else "")
