"""Solvers written in JAX for one program, batched by a transformation and compiled as a whole."""

from abc import abstractmethod
from collections.abc import Callable
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.instances import Instances
from benchmarks.peers.base import Answer, Peer


class InJax(Peer):
    """A pure function of one program's numbers, mapped over lanes."""

    compiled = True
    # Abreast (`jax.vmap`) or in a compiled loop (`jax.lax.map`), whichever the solver likes more:
    # on a CPU, dense factorisations are faster one by one.
    abreast: ClassVar[bool]

    def prepare(self, instances: Instances, tolerance: float) -> None:
        self.form = form = instances.form
        self.numbers = tuple(
            jnp.asarray(x, self.dtype) for x in (form.cost, form.right, form.lower, form.upper)
        )
        if not form.shares_matrix:
            raise ValueError(f"{self.name} is set up for programs that share their matrix")
        # Lower and compile at the first solve, where it is timed as compilation.
        function, self.shared = self.one_lane(tolerance)
        abreast = jax.vmap(function, in_axes=(None, 0, 0, 0, 0))

        def one_by_one(shared, *numbers):
            return jax.lax.map(lambda lane: function(shared, *lane), numbers)

        self.function = jax.jit(abreast if self.abreast else one_by_one)

    def solve(self) -> None:
        self.result = jax.block_until_ready(self.function(self.shared, *self.numbers))

    def answer(self) -> Answer:
        primal, solved, iterations = (np.asarray(x) for x in self.result)
        primal = primal.astype(float)
        return Answer(self.form.objective(primal), primal, solved, iterations)

    @abstractmethod
    def one_lane(self, tolerance: float) -> tuple[Callable, tuple]:
        """(shared, cost, right, lower, upper) -> (primal, solved, iterations), and `shared`.

        What all lanes share is passed in: as a constant, the compiler would fold it for minutes.
        """


class Mpax(InJax):
    """MPAX's r2HPDHG on the sparse matrix."""

    name = "MPAX r2HPDHG"
    package = "mpax"
    module = "mpax"
    batching = "vmap, sparse"
    abreast = True
    tolerances = (1e-6, 1e-7, 1e-8)

    def one_lane(self, tolerance: float) -> tuple[Callable, tuple]:
        import mpax
        from jax.experimental.sparse import BCOO
        from mpax.utils import TerminationStatus

        matrix = BCOO.from_scipy_sparse(self.form.matrix(0)).astype(self.dtype)
        nothing = jnp.zeros((0, self.form.shape[1]), self.dtype)
        solver = mpax.r2HPDHG(eps_abs=tolerance, eps_rel=tolerance, iteration_limit=100_000)

        def solve(shared, cost, right, lower, upper):
            matrix, nothing = shared
            empty = jnp.zeros(0, cost.dtype)
            program = mpax.create_lp(cost, matrix, right, nothing, empty, lower, upper)
            result = solver.optimize(program)
            solved = result.termination_status == TerminationStatus.OPTIMAL
            return result.primal_solution, solved, result.iteration_count

        return solve, (matrix, nothing)


class JaxoptBoxOsqp(InJax):
    """jaxopt's BoxOSQP with conjugate gradients: its LU is several times slower here."""

    name = "jaxopt BoxOSQP"
    package = "jaxopt"
    module = "jaxopt"
    batching = "vmap, dense"
    abreast = True
    tolerances = (1e-6, 1e-7)

    def one_lane(self, tolerance: float) -> tuple[Callable, tuple]:
        import jaxopt

        columns = self.form.shape[1]
        equations = jnp.asarray(self.form.matrix(0).toarray())
        matrix = jnp.concatenate([equations, jnp.eye(columns)])
        quadratic = jnp.zeros((columns, columns))
        solver = jaxopt.BoxOSQP(tol=tolerance, maxiter=4_000, eq_qp_solve="cg")

        def solve(shared, cost, right, lower, upper):
            quadratic, matrix = shared
            limits = (jnp.concatenate([right, lower]), jnp.concatenate([right, upper]))
            parameters, state = solver.run(
                None, params_obj=(quadratic, cost), params_eq=matrix, params_ineq=limits
            )
            solved = state.status == jaxopt.BoxOSQP.SOLVED
            return parameters.primal[0], solved, state.iter_num

        return solve, (quadratic, matrix)


class Qpax(InJax):
    """qpax's dense interior point."""

    name = "qpax"
    package = "qpax"
    module = "qpax"
    batching = "compiled loop, dense"
    abreast = False
    # At 1e-7 it never calls itself converged: it keeps slacks and duals above 1.5e-8.
    tolerances = (1e-6,)

    def one_lane(self, tolerance: float) -> tuple[Callable, tuple]:
        import qpax

        columns = self.form.shape[1]
        equations = jnp.asarray(self.form.matrix(0).toarray())
        quadratic = jnp.zeros((columns, columns))
        bounds = jnp.concatenate([jnp.eye(columns), -jnp.eye(columns)])

        def solve(shared, cost, right, lower, upper):
            quadratic, equations, bounds = shared
            limits = jnp.concatenate([upper, -lower])
            primal, _, _, _, converged, iterations = qpax.solve_qp(
                quadratic,
                cost,
                equations,
                right,
                bounds,
                limits,
                solver_tol=tolerance,
                max_iter=60,
            )
            return primal, converged == 1, iterations

        return solve, (quadratic, equations, bounds)
