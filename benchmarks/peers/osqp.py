"""OSQP: operator splitting with polishing, its factorisation kept between programs."""

import warnings

import numpy as np
import scipy.sparse as sp

from benchmarks.peers.base import Answer, LaneByLane


class Osqp(LaneByLane):
    """One workspace; the last solution starts the next."""

    name = "OSQP"
    package = "osqp"
    module = "osqp"
    batching = "loop, warm start"
    tolerances = (1e-6, 1e-7)

    def set_up(self, tolerance: float) -> None:
        self.tolerance = tolerance
        self.matrices = [self._matrix(lane) for lane in range(self.form.lanes)]
        self._make_workspace(0)

    def _make_workspace(self, lane: int) -> None:
        import osqp

        columns = self.form.shape[1]
        self.solver, self.loaded = osqp.OSQP(), lane
        self.solver.setup(
            sp.csc_matrix((columns, columns)),
            self.form.cost[lane],
            self.matrices[lane],
            *self._limits(lane),
            eps_abs=self.tolerance,
            eps_rel=self.tolerance,
            max_iter=20_000,
            polishing=True,
            verbose=False,
        )

    def _matrix(self, lane: int) -> sp.csc_matrix:
        return sp.csc_matrix(sp.vstack([self.form.matrix(lane), sp.identity(self.form.shape[1])]))

    def _limits(self, lane: int) -> tuple[np.ndarray, np.ndarray]:
        form = self.form
        return (
            np.concatenate([form.right[lane], form.lower[lane]]),
            np.concatenate([form.right[lane], form.upper[lane]]),
        )

    def solve_lane(self, lane: int) -> Answer:
        form = self.form
        if form.shares_matrix and np.array_equal(form.cost[lane], form.cost[self.loaded]):
            lower, upper = self._limits(lane)
            self.solver.update(l=lower, u=upper)
        else:
            # An update of the costs ends in wrong answers (OSQP 1.1.3, even with equal costs).
            self._make_workspace(lane)
        with warnings.catch_warnings():
            # It announces a change of its own defaults at every call.
            warnings.simplefilter("ignore")
            result = self.solver.solve(raise_error=False)
        return Answer(
            objective=result.info.obj_val,
            primal=np.asarray(result.x),
            solved=result.info.status == "solved",
            iterations=result.info.iter,
        )
