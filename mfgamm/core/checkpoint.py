"""Long searches survive their process: the search so far in one file, replaced as a whole."""

import dataclasses
import hashlib
import json
import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import numpy as np

from mfgamm.core.errors import InvalidInput
from mfgamm.core.numerics import Number

FILE = "search.eqx"
# Of the file's layout: one line of JSON, then the leaves of what is saved.
FORMAT = 2


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """Where and how often to save a search.

    Attributes:
        folder: made if need be; holds one search.
        every_rounds: rounds, or iterations, between two saves, at most.
        every_seconds: seconds between two saves, at most.

    Raises:
        InvalidInput: if an interval is not positive.
    """

    folder: Path
    every_rounds: int = 25
    every_seconds: Number = 60.0

    def __post_init__(self):
        for name in ("every_rounds", "every_seconds"):
            if not getattr(self, name) > 0:
                raise InvalidInput(f"checkpoint.{name}", getattr(self, name), "must be positive")

    def within(self, name: str) -> "Checkpoint":
        """The same for a search that is a part of this one, in a folder of its own."""
        return dataclasses.replace(self, folder=Path(self.folder) / name)


class Journal:
    """One search's checkpoint: knows which search may be taken up from it."""

    def __init__(
        self, checkpoint: Checkpoint, search: Any, blank: Callable[[int], Any], told_by: str
    ):
        """Nothing is read or written yet.

        Args:
            checkpoint: where and how often.
            search: everything that tells this search from others, as a pytree.
            blank: what is saved after so many rounds, as shapes to read numbers into.
            told_by: the parts of `search`, as a message names them.
        """
        self._settings = checkpoint
        self._path = Path(checkpoint.folder) / FILE
        self._identity, self._told_by = fingerprint(search), told_by
        self._blank = blank
        self._saved_round, self._saved_at = 0, time.monotonic()

    def load(self) -> Any | None:
        """The search as it was saved, or None if nothing was.

        Raises:
            InvalidInput: if what was saved is another search, or no search at all.
        """
        if not self._path.exists():
            return None
        with self._path.open("rb") as file:
            header = self._read_header(file.readline())
            saved = eqx.tree_deserialise_leaves(file, self._blank(header["rounds"]))
        self._saved_round = header["rounds"]
        return saved

    def save_if_due(self, state: Any, rounds: int) -> None:
        """Save a search of so many rounds, if enough were played, or time has passed, since."""
        elapsed = time.monotonic() - self._saved_at
        played = rounds - self._saved_round
        if played >= self._settings.every_rounds or elapsed >= self._settings.every_seconds:
            self.save(state, rounds)

    def save(self, state: Any, rounds: int) -> None:
        """Save the search; whoever reads the file finds this search or the one before, whole."""
        if rounds == self._saved_round:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        header = {"format": FORMAT, "search": self._identity, "rounds": rounds}
        unfinished = self._path.with_suffix(".unfinished")
        with unfinished.open("wb") as file:
            file.write(json.dumps(header).encode() + b"\n")
            eqx.tree_serialise_leaves(file, state)
        os.replace(unfinished, self._path)
        self._saved_round, self._saved_at = rounds, time.monotonic()

    def _read_header(self, line: bytes) -> dict:
        try:
            header = json.loads(line)
        except ValueError:
            header = None
        if not isinstance(header, dict) or header.get("format") != FORMAT:
            raise InvalidInput(
                "checkpoint", str(self._path), "is no search that can be read; remove it"
            )
        if header["search"] != self._identity:
            raise InvalidInput(
                "checkpoint",
                str(self._path),
                f"was saved for another {self._told_by}; undo the change, or choose another folder",
            )
        return header


def fingerprint(search: Any) -> str:
    """A digest of a pytree: its structure and every number in it, to the last bit.

    Functions count by their names.
    """
    leaves, structure = jax.tree.flatten(search)
    digest = hashlib.sha256(_named(structure))
    for leaf in leaves:
        array = np.asarray(leaf)
        digest.update(f"{array.dtype}{array.shape}".encode())
        digest.update(_named(leaf) if array.dtype == object else array.tobytes())
    return digest.hexdigest()


def _named(each: Any) -> bytes:
    """Its text without addresses, which change from one process to the next."""
    return re.sub(r" at 0x[0-9a-f]+", "", str(each)).encode()
