"""Files that are there whole or not at all."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from matplotlib.figure import Figure

from mfgamm.core import InvalidInput


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A path beside `path` to write to; the file written takes its place at the end.

    Whatever goes wrong on the way, a file that was there before is there after.

    Raises:
        InvalidInput: naming the file, if it cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield temporary
        temporary.replace(path)
    except OSError as error:
        # HDF5 buries the reason in its own words; its number is the system's.
        reason = os.strerror(error.errno) if error.errno else error
        raise InvalidInput("file", str(path), f"cannot be written: {reason}") from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def write_whole(path: Path, text: str) -> None:
    """Write a text in UTF-8, whole or not at all.

    Raises:
        InvalidInput: naming the file, if it cannot be written.
    """
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json_and_figure(folder: Path, name: str, text: str, figure: Figure) -> None:
    """Write `name.json` and `name.svg`, each whole or not at all.

    Raises:
        InvalidInput: naming the file that cannot be written.
    """
    write_whole(folder / f"{name}.json", text + "\n")
    with replacing(folder / f"{name}.svg") as path:
        figure.savefig(path, format="svg", metadata={"Date": None})


def require_writable(folder: Path) -> None:
    """Make the folder if need be, and try whether a file can be written there; none is left.

    Raises:
        InvalidInput: if not.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder):
            pass
    except OSError as error:
        remedy = f"cannot be written to: {error.strerror}; choose another with --out"
        raise InvalidInput("folder", str(folder), remedy) from error
