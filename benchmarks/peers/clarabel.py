"""Clarabel: interior point on conic form, bounds as rows; its analysis kept between programs."""

import numpy as np
import scipy.sparse as sp

from benchmarks.peers.base import Answer, LaneByLane
from benchmarks.standard_form import StandardForm


def conic_matrix(form: StandardForm, lane: int) -> sp.csc_matrix:
    """Equations above, then x ≤ upper, then −x ≤ −lower: b − A·x in {0} × ℝ₊."""
    identity = sp.identity(form.shape[1])
    return sp.csc_matrix(sp.vstack([form.matrix(lane), identity, -identity]))


def conic_right(form: StandardForm, lane: int) -> np.ndarray:
    return np.concatenate([form.right[lane], form.upper[lane], -form.lower[lane]])


class Clarabel(LaneByLane):
    """One workspace, updated with each program's numbers."""

    name = "Clarabel"
    package = "clarabel"
    module = "clarabel"
    batching = "loop, one analysis"

    def set_up(self, tolerance: float) -> None:
        import clarabel

        form = self.form
        rows, columns = form.shape
        settings = clarabel.DefaultSettings()
        settings.verbose = False
        # Presolve would forbid updates, and has nothing to remove here.
        settings.presolve_enable = False
        settings.max_threads = 1
        settings.tol_feas = settings.tol_gap_abs = settings.tol_gap_rel = tolerance
        self.optimal = clarabel.SolverStatus.Solved
        self.matrices = [
            None if form.shares_matrix and lane else conic_matrix(form, lane)
            for lane in range(form.lanes)
        ]
        self.rights = [conic_right(form, lane) for lane in range(form.lanes)]
        cones = [clarabel.ZeroConeT(rows), clarabel.NonnegativeConeT(2 * columns)]
        self.solver = clarabel.DefaultSolver(
            sp.csc_matrix((columns, columns)),
            form.cost[0],
            self.matrices[0],
            self.rights[0],
            cones,
            settings,
        )

    def solve_lane(self, lane: int) -> Answer:
        changes = {"q": self.form.cost[lane], "b": self.rights[lane]}
        if self.matrices[lane] is not None:
            changes["A"] = self.matrices[lane]
        self.solver.update(**changes)
        solution = self.solver.solve()
        return Answer(
            objective=solution.obj_val,
            primal=np.asarray(solution.x),
            solved=solution.status == self.optimal,
            iterations=solution.iterations,
        )
