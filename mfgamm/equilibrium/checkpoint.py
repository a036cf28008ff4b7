"""Long searches survive their process: the search so far in one file, replaced as a whole."""

import dataclasses
import hashlib
import json
import os
import time
from pathlib import Path

import equinox as eqx
import jax
import numpy as np

from mfgamm.core import InvalidInput, Number
from mfgamm.equilibrium.community import Game
from mfgamm.equilibrium.equilibrium import Rounds
from mfgamm.equilibrium.play import Play
from mfgamm.equilibrium.solver import AbstractSolver
from mfgamm.prosumer import MixedStrategy, Plan

FILE = "search.eqx"
# Of the file's layout: one line of JSON, then the leaves of a `Play`.
FORMAT = 1


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """Where and how often to save a search.

    Attributes:
        folder: made if need be; holds one search.
        every_rounds: rounds between two saves, at most.
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


class Journal:
    """One search's checkpoint: knows which search may be taken up from it."""

    def __init__(
        self,
        checkpoint: Checkpoint,
        game: Game,
        solver: AbstractSolver,
        start: Plan | MixedStrategy,
    ):
        self._settings = checkpoint
        self._path = Path(checkpoint.folder) / FILE
        self._search = (game, solver, start)
        self._identity = fingerprint(self._search)
        self._saved_round, self._saved_at = 0, time.monotonic()

    def load(self) -> Play | None:
        """The search as it was saved, or None if nothing was.

        Raises:
            InvalidInput: if what was saved is another game, solver or start, or no search at all.
        """
        if not self._path.exists():
            return None
        with self._path.open("rb") as file:
            header = self._read_header(file.readline())
            play = eqx.tree_deserialise_leaves(file, self._blank(header["rounds"]))
        self._saved_round = header["rounds"]
        return play

    def save_if_due(self, play: Play) -> None:
        """Save the search if enough rounds have been played, or time has passed."""
        rounds = play.rounds.count - self._saved_round
        elapsed = time.monotonic() - self._saved_at
        if rounds >= self._settings.every_rounds or elapsed >= self._settings.every_seconds:
            self.save(play)

    def save(self, play: Play) -> None:
        """Save the search; whoever reads the file finds this search or the one before, whole."""
        if play.rounds.count == self._saved_round:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        header = {"format": FORMAT, "search": self._identity, "rounds": play.rounds.count}
        unfinished = self._path.with_suffix(".unfinished")
        with unfinished.open("wb") as file:
            file.write(json.dumps(header).encode() + b"\n")
            eqx.tree_serialise_leaves(file, play)
        os.replace(unfinished, self._path)
        self._saved_round, self._saved_at = play.rounds.count, time.monotonic()

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
                "was saved for another community, solver or start; undo the change, or choose "
                "another folder",
            )
        return header

    def _blank(self, rounds: int) -> Play:
        """A search of the right shape to read the saved numbers into."""
        game, solver, start = self._search
        state = eqx.filter_eval_shape(solver.init, game, start)
        return Play(state, state, Rounds.none(rounds))


def fingerprint(search) -> str:
    """A digest of a pytree: its structure and every number in it, to the last bit."""
    leaves, structure = jax.tree.flatten(search)
    digest = hashlib.sha256(str(structure).encode())
    for leaf in leaves:
        array = np.asarray(leaf)
        digest.update(f"{array.dtype}{array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()
