"""Files of numbers as data frames; what is not a number is named by row and column."""

import csv
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

from mfgamm.core import InvalidInput, optional_package

DELIMITERS = ";\t,"  # a comma last: where another is found, it may be the decimal sign


def read_csv(key: str, path: Path, header: bool | str = "auto") -> pd.DataFrame:
    """A CSV file as text or numbers, exactly as many columns as the file has.

    The delimiter is the semicolon or the tab if the first line holds one, else the comma; with
    the former two, a decimal comma is understood.

    Args:
        key: of the scenario, to blame.
        header: whether the first line holds names, or "auto" to find out.

    Raises:
        InvalidInput: if there is no such file, it is empty, or its lines differ in length.
    """
    first = _first_line(key, path)
    delimiter = next((each for each in DELIMITERS if each in first), ",")
    cells = next(csv.reader([first], delimiter=delimiter))
    named = _is_header(cells, delimiter) if header == "auto" else bool(header)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            return pd.read_csv(
                path,
                sep=delimiter,
                decimal="," if delimiter != "," and "," in _sample(path) else ".",
                header=0 if named else None,
                index_col=False,
                skipinitialspace=True,
                low_memory=False,
            )
    except (pd.errors.ParserError, pd.errors.ParserWarning, UnicodeDecodeError) as error:
        remedy = f"cannot be read as CSV with the delimiter {delimiter!r}: {error}"
        raise InvalidInput(key, str(path), remedy.strip()) from error


def read_parquet(key: str, path: Path) -> pd.DataFrame:
    """A Parquet file as a data frame.

    Raises:
        InvalidInput: if there is no such file, or it is not Parquet.
        MissingDependency: if pyarrow is not installed.
    """
    _require_file(key, path)
    purpose = f"{key} = {str(path)!r}: reading Parquet"
    pyarrow = optional_package("pyarrow", "parquet", purpose)
    parquet = optional_package("pyarrow.parquet", "parquet", purpose)
    try:
        frame = parquet.read_table(path).to_pandas()
    except pyarrow.lib.ArrowInvalid as error:
        raise InvalidInput(key, str(path), f"is not a Parquet file: {error}") from error
    return frame if isinstance(frame.index, pd.RangeIndex) else frame.reset_index()


def numbers(key: str, frame: pd.DataFrame, first_row: int = 1) -> np.ndarray:
    """The cells as floats, missing ones as NaN, `[row, column]`.

    Args:
        first_row: the number that the first row goes by in messages.

    Raises:
        InvalidInput: naming the first cell that is neither a number nor empty.
    """
    columns = []
    for position, name in enumerate(frame.columns, start=1):
        column = frame[name]
        parsed = pd.Series(pd.to_numeric(column, errors="coerce"))
        values = parsed.to_numpy(float, na_value=np.nan)
        wrong = ~np.isfinite(values) & column.notna().to_numpy()
        if wrong.any():
            row = int(np.argmax(wrong))
            label = "" if name == position - 1 else f" ({name!r})"
            raise InvalidInput(
                key,
                str(column.iloc[row]),
                f"is not a finite number, in row {first_row + row}, column {position}{label}",
            )
        columns.append(values)
    return np.column_stack(columns) if columns else np.empty((len(frame), 0))


def has_names(frame: pd.DataFrame) -> bool:
    """Whether the columns have names of their own rather than numbers given on reading."""
    return any(isinstance(name, str) for name in frame.columns)


def _require_file(key: str, path: Path) -> None:
    if not path.is_file():
        raise InvalidInput(key, str(path), "there is no such file")


def _first_line(key: str, path: Path) -> str:
    _require_file(key, path)
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        line = file.readline().rstrip("\r\n")
    if not line.strip():
        raise InvalidInput(key, str(path), "the file is empty, or its first line is")
    return line


def _sample(path: Path) -> str:
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        return file.read(100_000)


def _is_header(cells: list[str], delimiter: str) -> bool:
    """Names, or a count of the columns, rather than measurements."""
    texts = [cell.strip() if delimiter == "," else cell.strip().replace(",", ".") for cell in cells]
    values = pd.Series(pd.to_numeric(pd.Series(texts, dtype=object), errors="coerce"))
    if any(text and np.isnan(value) for text, value in zip(texts, values, strict=True)):
        return True
    counts = np.arange(len(cells))
    whole = np.asarray(values, float)
    return len(cells) > 2 and bool(np.all(whole == counts) or np.all(whole == counts + 1))
