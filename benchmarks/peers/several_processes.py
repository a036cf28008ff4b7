"""A peer that keeps to one core, given as many processes as there are cores."""

import contextlib
import dataclasses
import multiprocessing
from multiprocessing.connection import Connection

import numpy as np

from benchmarks.instances import Instances
from benchmarks.measurement import usable_cores
from benchmarks.peers.base import Answer, Peer
from benchmarks.standard_form import StandardForm


class SeveralProcesses(Peer):
    """Workers hold their share of the lanes; a solve sends "go" and waits for "done".

    The solutions stay in the workers until `answer`, so that no copying is timed.
    """

    def __init__(self, peer: Peer, processes: int | None = None):
        self.peer, self.processes = peer, processes or usable_cores()
        self.name = peer.name
        self.batching = f"{peer.batching}, {self.processes} processes"
        self.package, self.module, self.tolerances = peer.package, peer.module, peer.tolerances
        self.lines: list[Connection] = []
        self.workers: list[multiprocessing.Process] = []

    def prepare(self, instances: Instances, tolerance: float) -> None:
        self.close()
        context = multiprocessing.get_context("spawn")
        self.form = instances.form
        for lanes in np.array_split(np.arange(self.form.lanes), self.processes):
            ours, theirs = context.Pipe()
            share = _Share(_lanes(self.form, lanes))
            worker = context.Process(target=_work, args=(theirs, self.peer, share, tolerance))
            worker.start()
            self.lines.append(ours)
            self.workers.append(worker)
        self._ask("ready")

    def solve(self) -> None:
        self._ask("solve")

    def answer(self) -> Answer:
        parts = self._ask("answer")
        objective, primal, solved, iterations = zip(*parts, strict=True)
        return Answer(
            np.concatenate(objective),
            np.concatenate(primal),
            np.concatenate(solved),
            None if iterations[0] is None else np.concatenate(iterations),
        )

    def cpu_seconds(self) -> float:
        return sum(self._ask("cpu"))

    def memory_mb(self) -> float:
        return sum(self._ask("memory"))

    def close(self) -> None:
        for line, worker in zip(self.lines, self.workers, strict=True):
            line.send("stop")
            worker.join()
        self.lines, self.workers = [], []

    def _ask(self, what: str) -> list:
        for line in self.lines:
            line.send(what)
        return [line.recv() for line in self.lines]


@dataclasses.dataclass(frozen=True)
class _Share:
    """What a worker needs of `Instances`."""

    form: StandardForm


def _lanes(form: StandardForm, lanes: np.ndarray) -> StandardForm:
    per_lane = ("cost", "lower", "upper", "right", "offset", "data")
    return dataclasses.replace(form, **{name: getattr(form, name)[lanes] for name in per_lane})


def _work(line: Connection, peer: Peer, share, tolerance: float) -> None:
    peer.prepare(share, tolerance)
    replies = {
        "ready": lambda: True,
        "solve": peer.solve,
        "answer": peer.answer,
        "cpu": peer.cpu_seconds,
        "memory": peer.memory_mb,
    }
    # The end of the line, too, is an order to stop.
    with contextlib.suppress(EOFError):
        while (what := line.recv()) != "stop":
            line.send(replies[what]())
