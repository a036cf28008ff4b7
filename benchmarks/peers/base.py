"""What a solver must offer to be measured."""

import importlib
import importlib.metadata
import time
from abc import ABC, abstractmethod
from typing import ClassVar, NamedTuple

import numpy as np

from benchmarks.instances import Instances
from benchmarks.measurement import peak_memory_mb
from benchmarks.standard_form import StandardForm


class Answer(NamedTuple):
    """What a solver returns for each lane.

    Attributes:
        objective: as the solver reports it, € (offset included).
        primal: columns of the standard form, `[lane, column]`.
        solved: whether the solver itself calls the lane solved.
        iterations: per lane; None where the solver has no count.
    """

    objective: np.ndarray
    primal: np.ndarray
    solved: np.ndarray
    iterations: np.ndarray | None


class Peer(ABC):
    """A solver behind the one interface. Only `solve` is timed.

    `prepare` may convert data, analyse the shared sparsity pattern and compile; it must not look
    at the numbers for a solution. `solve` solves every lane from its own numbers and returns when
    the last is done. `answer` hands the results over.
    """

    name: ClassVar[str]
    package: ClassVar[str]
    module: ClassVar[str]
    batching: ClassVar[str]
    # Tolerances to try in turn, until the common check passes.
    tolerances: ClassVar[tuple[float, ...]] = (1e-6, 1e-7, 1e-8, 1e-9, 1e-10)
    compiled: ClassVar[bool] = False
    processes: int = 1
    dtype: str = "float64"

    def available(self) -> str | None:
        """None, or why the solver cannot run here."""
        try:
            importlib.import_module(self.module)
        except Exception as error:  # a broken build can raise anything at import
            return f"not available: {type(error).__name__}: {error}"
        return None

    def version(self) -> str:
        return importlib.metadata.version(self.package)

    @abstractmethod
    def prepare(self, instances: Instances, tolerance: float) -> None: ...

    @abstractmethod
    def solve(self) -> None: ...

    @abstractmethod
    def answer(self) -> Answer: ...

    def cpu_seconds(self) -> float:
        """Processor time used so far by all of the solver's processes, s."""
        return time.process_time()

    def memory_mb(self) -> float:
        """Peak resident memory so far of all of the solver's processes, MB."""
        return peak_memory_mb()

    def close(self) -> None:
        """Give back whatever outlives a call."""
        return None


class LaneByLane(Peer):
    """A solver of one program at a time, called in a loop."""

    form: StandardForm

    def prepare(self, instances: Instances, tolerance: float) -> None:
        self.form = instances.form
        lanes, columns = self.form.cost.shape
        self.primal = np.full((lanes, columns), np.nan)
        self.objective, self.solved = np.full(lanes, np.nan), np.zeros(lanes, bool)
        self.iterations = np.zeros(lanes, int)
        self.set_up(tolerance)

    def solve(self) -> None:
        for lane in range(self.form.lanes):
            result = self.solve_lane(lane)
            self.primal[lane], self.objective[lane] = result.primal, result.objective
            self.solved[lane], self.iterations[lane] = result.solved, result.iterations

    def answer(self) -> Answer:
        objective = self.objective + self.form.offset
        return Answer(objective, self.primal.copy(), self.solved.copy(), self.iterations.copy())

    @abstractmethod
    def set_up(self, tolerance: float) -> None:
        """Convert the data and make the solver's workspace."""

    @abstractmethod
    def solve_lane(self, lane: int) -> Answer:
        """Solve one lane: an `Answer` without the lane axis."""
