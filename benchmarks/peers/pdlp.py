"""PDLP: OR-tools' restarted primal-dual hybrid gradient."""

import numpy as np

from benchmarks.peers.base import Answer, LaneByLane


class Pdlp(LaneByLane):
    """Each program from nothing: the interface keeps no workspace."""

    name = "OR-tools PDLP"
    package = "ortools"
    module = "ortools.pdlp.python.pdlp"
    batching = "loop"
    tolerances = (1e-6, 1e-7, 1e-8)

    def set_up(self, tolerance: float) -> None:
        from ortools.pdlp import solve_log_pb2, solvers_pb2

        self.optimal = solve_log_pb2.TERMINATION_REASON_OPTIMAL
        self.parameters = solvers_pb2.PrimalDualHybridGradientParams()
        criteria = self.parameters.termination_criteria
        criteria.simple_optimality_criteria.eps_optimal_absolute = tolerance
        criteria.simple_optimality_criteria.eps_optimal_relative = tolerance
        criteria.iteration_limit = 200_000
        self.programs = [self._linear_program(lane) for lane in range(self.form.lanes)]

    def _linear_program(self, lane: int):
        from ortools.pdlp.python import pdlp

        form, program = self.form, pdlp.QuadraticProgram()
        program.objective_vector = form.cost[lane]
        program.constraint_matrix = form.matrix(lane).tocsc()
        program.constraint_lower_bounds = program.constraint_upper_bounds = form.right[lane]
        program.variable_lower_bounds = form.lower[lane]
        program.variable_upper_bounds = form.upper[lane]
        return program

    def solve_lane(self, lane: int) -> Answer:
        from ortools.pdlp.python import pdlp

        result = pdlp.primal_dual_hybrid_gradient(self.programs[lane], self.parameters)
        primal = np.asarray(result.primal_solution)
        return Answer(
            objective=float(self.form.cost[lane] @ primal),
            primal=primal,
            solved=result.solve_log.termination_reason == self.optimal,
            iterations=result.solve_log.iteration_count,
        )
