"""Ctrl-C as a request, not an accident: the round in progress is finished and kept.

An exception raised in the middle of compiled code or of a compilation leaves nothing to keep, and
may take the process down with it. The first Ctrl-C therefore only asks; the second one means it.
"""

import contextlib
import dataclasses
import os
import signal
from collections.abc import Callable, Iterator
from types import FrameType
from typing import TypeVar

from rich.console import Console

QUIT_AT_ONCE = 130
Progress = TypeVar("Progress")


@dataclasses.dataclass
class StopRequest:
    """Whether the user has asked to stop."""

    asked: bool = False

    def heeded(self, on_round: Callable[[Progress], None]) -> Callable[[Progress], None]:
        """What follows a search and ends it, by a `KeyboardInterrupt`, once that is asked for."""

        def follow(progress: Progress) -> None:
            on_round(progress)
            if self.asked:
                raise KeyboardInterrupt

        return follow


@contextlib.contextmanager
def stop_on_interrupt(console: Console) -> Iterator[StopRequest]:
    """Turn Ctrl-C into a request for as long as the block lasts."""
    request = StopRequest()

    def note(number: int, frame: FrameType | None) -> None:
        if request.asked:
            os.write(2, b"\nmfgamm: stopped at once; nothing is kept\n")
            os._exit(QUIT_AT_ONCE)
        request.asked = True
        speaker = Console(stderr=True) if console.quiet else console
        speaker.print("Stopping after this round; Ctrl-C again quits at once.")

    before = signal.signal(signal.SIGINT, note)
    try:
        yield request
    finally:
        signal.signal(signal.SIGINT, before)
