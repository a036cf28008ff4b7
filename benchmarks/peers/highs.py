"""HiGHS's simplex: every program cold, and one model whose numbers are changed."""

import numpy as np

from benchmarks.peers.base import Answer, LaneByLane


class _Highs(LaneByLane):
    package = "highspy"
    module = "highspy"
    tolerances = (1e-6, 1e-7, 1e-9)

    def set_up(self, tolerance: float) -> None:
        import highspy

        self.optimal = highspy.HighsModelStatus.kOptimal
        self.model = highspy.Highs()
        options = {
            "output_flag": False,
            "threads": 1,
            "primal_feasibility_tolerance": tolerance,
            "dual_feasibility_tolerance": tolerance,
        }
        for name, value in options.items():
            self.model.setOptionValue(name, value)

    def _linear_program(self, lane: int):
        import highspy

        form, program = self.form, highspy.HighsLp()
        program.num_row_, program.num_col_ = form.shape
        program.col_cost_, program.col_lower_ = form.cost[lane], form.lower[lane]
        program.col_upper_ = form.upper[lane]
        program.row_lower_ = program.row_upper_ = form.right[lane]
        program.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
        program.a_matrix_.start_ = form.indptr
        program.a_matrix_.index_ = form.indices
        program.a_matrix_.value_ = form.data[lane]
        return program

    def _run(self) -> Answer:
        self.model.run()
        info = self.model.getInfo()
        return Answer(
            objective=info.objective_function_value,
            primal=np.asarray(self.model.getSolution().col_value),
            solved=self.model.getModelStatus() == self.optimal,
            iterations=info.simplex_iteration_count,
        )


class HighsCold(_Highs):
    """Each program passed anew and solved from nothing."""

    name = "HiGHS, cold"
    batching = "loop"

    def set_up(self, tolerance: float) -> None:
        super().set_up(tolerance)
        self.programs = [self._linear_program(lane) for lane in range(self.form.lanes)]

    def solve_lane(self, lane: int) -> Answer:
        self.model.passModel(self.programs[lane])
        return self._run()


class HighsReused(_Highs):
    """One model: costs, bounds and right-hand sides change, the last basis starts the next."""

    name = "HiGHS, model reused"
    batching = "loop, warm basis"

    def set_up(self, tolerance: float) -> None:
        super().set_up(tolerance)
        form = self.form
        self.model.passModel(self._linear_program(0))
        rows, columns = form.shape
        self.columns = np.arange(columns, dtype=np.int32)
        self.rows = np.arange(rows, dtype=np.int32)
        entries = np.repeat(self.rows, np.diff(form.indptr))
        changing = np.flatnonzero(np.any(form.data != form.data[0], axis=0))
        self.changing = [(k, int(entries[k]), int(form.indices[k])) for k in changing]

    def solve_lane(self, lane: int) -> Answer:
        form, model = self.form, self.model
        model.changeColsCost(self.columns.size, self.columns, form.cost[lane])
        model.changeColsBounds(self.columns.size, self.columns, form.lower[lane], form.upper[lane])
        model.changeRowsBounds(self.rows.size, self.rows, form.right[lane], form.right[lane])
        for entry, row, column in self.changing:
            model.changeCoeff(row, column, form.data[lane, entry])
        return self._run()
