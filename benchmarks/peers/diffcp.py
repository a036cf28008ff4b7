"""diffcp, the differentiable cone solver behind cvxpylayers, on its pool of threads."""

import numpy as np

from benchmarks.instances import Instances
from benchmarks.measurement import usable_cores
from benchmarks.peers.base import Answer, Peer
from benchmarks.peers.clarabel import conic_matrix, conic_right


class Diffcp(Peer):
    """The batch call that a cvxpylayers layer makes, without the layer's canonicalisation."""

    name = "cvxpylayers (diffcp)"
    package = "diffcp"
    module = "diffcp"
    batching = "thread pool"
    tolerances = (1e-6, 1e-7, 1e-8)

    def prepare(self, instances: Instances, tolerance: float) -> None:
        self.form = form = instances.form
        lanes, (rows, columns) = form.lanes, form.shape
        self.matrices = [conic_matrix(form, lane) for lane in range(lanes)]
        self.rights = [conic_right(form, lane) for lane in range(lanes)]
        self.cones = [{"z": rows, "l": 2 * columns}] * lanes
        self.settings = dict.fromkeys(("tol_feas", "tol_gap_abs", "tol_gap_rel"), tolerance)

    def solve(self) -> None:
        import diffcp

        self.result = diffcp.solve_only_batch(
            self.matrices,
            self.rights,
            list(self.form.cost),
            self.cones,
            n_jobs_forward=usable_cores(),
            solve_method="Clarabel",
            verbose=False,
            **self.settings,
        )

    def answer(self) -> Answer:
        primal = np.stack([np.asarray(x) for x in self.result[0]])
        # It raises rather than return an unsolved lane.
        return Answer(self.form.objective(primal), primal, np.ones(len(primal), bool), None)
