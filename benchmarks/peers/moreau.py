"""Moreau: a batched differentiable conic interior point."""

import numpy as np
import scipy.sparse as sp

from benchmarks.instances import Instances
from benchmarks.peers.base import Answer, Peer


class Moreau(Peer):
    """One compiled structure for the batch; lower bounds as direct cones on x − lower."""

    name = "Moreau"
    package = "moreau"
    module = "moreau"
    batching = "one batch"

    def prepare(self, instances: Instances, tolerance: float) -> None:
        import moreau

        self.form = form = instances.form
        rows, columns = form.shape
        matrices = [
            sp.csr_matrix(sp.vstack([form.matrix(lane), sp.identity(columns)]))
            for lane in range(1 if form.shares_matrix else form.lanes)
        ]
        values = np.stack([m.data for m in matrices])
        cones = moreau.Cones(
            num_zero_cones=rows,
            num_nonneg_cones=columns,
            dir_cones=[moreau.DirectConeSpec(kind="nonneg", indices=list(range(columns)))],
        )
        accuracy = moreau.IPMSettings(
            tol_feas=tolerance, tol_gap_abs=tolerance, tol_gap_rel=tolerance
        )
        settings = moreau.Settings(
            device="cpu", solver="ipm", batch_size=form.lanes, ipm_settings=accuracy
        )
        self.solver = moreau.CompiledSolver(
            n=columns,
            m=rows + columns,
            P_row_offsets=np.zeros(columns + 1, int),
            P_col_indices=np.zeros(0, int),
            A_row_offsets=matrices[0].indptr,
            A_col_indices=matrices[0].indices,
            cones=cones,
            settings=settings,
        )
        self.solver.setup(np.zeros(0), values[0] if form.shares_matrix else values)
        moved = np.stack([form.matrix(k) @ form.lower[k] for k in range(form.lanes)])
        self.rights = np.concatenate([form.right - moved, form.upper - form.lower], axis=1)

    def solve(self) -> None:
        self.solution = self.solver.solve(self.form.cost, self.rights)

    def answer(self) -> Answer:
        import moreau

        primal = np.asarray(self.solution.x) + self.form.lower
        info = self.solver.info
        solved = np.array([status == moreau.SolverStatus.Solved for status in info.status])
        iterations = np.broadcast_to(np.asarray(info.iterations), solved.shape)
        return Answer(self.form.objective(primal), primal, solved, iterations)
