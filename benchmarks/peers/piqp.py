"""PIQP: proximal interior point with a sparse LDLᵀ, its analysis kept between programs."""

import numpy as np
import scipy.sparse as sp

from benchmarks.peers.base import Answer, LaneByLane


class Piqp(LaneByLane):
    """One workspace, updated with each program's numbers."""

    name = "PIQP"
    package = "piqp"
    module = "piqp"
    batching = "loop, one analysis"

    def set_up(self, tolerance: float) -> None:
        import piqp

        form, columns = self.form, self.form.shape[1]
        self.optimal = piqp.PIQP_SOLVED
        self.matrices = [
            None if form.shares_matrix and lane else form.matrix(lane).tocsc()
            for lane in range(form.lanes)
        ]
        self.solver = piqp.SparseSolver()
        settings = self.solver.settings
        settings.eps_abs = settings.eps_duality_gap_abs = tolerance
        settings.eps_rel = settings.eps_duality_gap_rel = tolerance
        quadratic = sp.csc_matrix((columns, columns))
        self.solver.setup(
            quadratic,
            form.cost[0],
            A=self.matrices[0],
            b=form.right[0],
            x_l=form.lower[0],
            x_u=form.upper[0],
        )

    def solve_lane(self, lane: int) -> Answer:
        form, solver = self.form, self.solver
        solver.update(
            c=form.cost[lane],
            A=self.matrices[lane],
            b=form.right[lane],
            x_l=form.lower[lane],
            x_u=form.upper[lane],
        )
        status, result = solver.solve(), solver.result
        return Answer(
            objective=result.info.primal_obj,
            primal=np.asarray(result.x),
            solved=status == self.optimal,
            iterations=result.info.iter,
        )
