"""The public face of the kernel: scale, split into chunks that fit the cache, solve, unscale."""

from functools import partial
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.sharding import Mesh
from jaxtyping import Array, Float, Int

from mfgamm.core import AbstractSolution, InvalidInput, concrete
from mfgamm.lp.implicit import (
    Stiffness,
    differentiate_solution,
    differentiate_stiffness,
    differentiate_value,
)
from mfgamm.lp.interior_point import (
    FINEST_GAP,
    Goal,
    Measures,
    is_free,
    run_interior_point,
)
from mfgamm.lp.linear_response import runs_natively
from mfgamm.lp.native import solve_natively
from mfgamm.lp.normal_form import normalise
from mfgamm.lp.partition import cached_lanes, solve_in_chunks, solve_in_shards
from mfgamm.lp.storage_program import Multipliers, StorageProgram

SINGLE_PRECISION_LIMIT = 1e-4


class ProgramPoint(eqx.Module):
    """A primal-dual answer in the program's own units.

    Attributes:
        variables: stacked primal variables; split them with `StorageProgram.split`.
        multipliers: of the equations: ∂value/∂balance and ∂value/∂inflow.
        objective: of each lane.
        stiffness: of the barrier at the point; what derivatives are made from.
    """

    variables: Float[Array, "variable time lane"]
    multipliers: Multipliers
    objective: Float[Array, " lane"]
    stiffness: Stiffness


class Batch(NamedTuple):
    """What a lane is solved from: its program, and a point to start at if there is one."""

    program: StorageProgram
    start: ProgramPoint | None


class ProgramSolution(AbstractSolution):
    """Solution of a batch of storage programs.

    Attributes:
        value: the point reached.
        status: a `Status` per lane.
        residuals: scaled measures per lane.
        history: interior point iterations per lane.
        certificate: a rigorous lower bound on each lane's optimal objective.
    """

    value: ProgramPoint
    status: Int[Array, " lane"]
    residuals: Measures
    history: Int[Array, " lane"]
    certificate: Float[Array, " lane"]


class InteriorPoint(eqx.Module):
    """Settings of the kernel. The first three are arrays: changing them does not retrace.

    Attributes:
        tolerance: relative gap of an exact solve; relative centrality of a smoothed one.
        barrier: 0 for an exact solve, else the barrier parameter μ in units of the objective:
            the point returned minimises objective − μ Σ log(slack).
        max_iterations: per lane.
        backend: "native" (compiled C++, double precision, CPU; lanes on all cores) or "xla" (any
            device and precision, same algorithm); None takes the native one where it can run
            (static).
        chunk: lanes that "xla" solves abreast (static); None takes about what a cache holds.
        mesh: devices to spread the lanes over (static); None stays where the program is.
    """

    tolerance: Float[Array, ""] = eqx.field(converter=jnp.asarray, default=1e-9)
    barrier: Float[Array, ""] = eqx.field(converter=jnp.asarray, default=0.0)
    max_iterations: Int[Array, ""] = eqx.field(converter=jnp.asarray, default=100)
    backend: str | None = eqx.field(static=True, default=None)
    chunk: int | None = eqx.field(static=True, default=None)
    mesh: Mesh | None = eqx.field(static=True, default=None)

    def __check_init__(self):
        for name in ("chunk", "max_iterations"):
            given = getattr(self, name)
            value = None if given is None else concrete(jnp.asarray(given))
            if value is not None and value < 1:
                raise InvalidInput(name, int(value), "must be at least 1")
        for name in ("tolerance", "barrier"):
            value = concrete(getattr(self, name))
            if value is not None and not (value > 0 or (name == "barrier" and value == 0)):
                raise InvalidInput(name, float(value), "must be positive")
        if self.backend not in (None, "native", "xla"):
            raise InvalidInput("backend", self.backend, "must be 'native', 'xla' or None")

    def solve(self, program: StorageProgram, start: ProgramPoint | None = None) -> ProgramSolution:
        """Solve every lane of `program`.

        Args:
            program: the batch.
            start: the solution of a similar batch at the same barrier > 0, e.g. at last round's
                prices: a handful of iterations then suffice. An exact solution is no good start,
                for it lies on the boundary.

        Raises:
            InvalidInput: if the tolerance is beyond the reach of the program's precision, or the
                native kernel is asked for where it cannot run.
        """
        tolerance = concrete(self.tolerance)
        single = program.cost.dtype == jnp.float32
        if single and tolerance is not None and tolerance < SINGLE_PRECISION_LIMIT:
            raise InvalidInput(
                "tolerance",
                float(tolerance),
                f"float32 reaches about {SINGLE_PRECISION_LIMIT}; use float64 "
                "(jax.config.update('jax_enable_x64', True)) or a looser tolerance",
            )
        if self.backend == "native" and not _runs_natively(self, program):
            raise InvalidInput(
                "backend",
                "native",
                "needs a double-precision program on a CPU and a C++ compiler; use 'xla' or None",
            )
        return _solve(self, program, start)


@eqx.filter_jit
def _solve(
    settings: InteriorPoint, program: StorageProgram, start: ProgramPoint | None
) -> ProgramSolution:
    return _solve_differentiably(program, settings=settings, start=start)


@eqx.filter_custom_jvp
def _solve_differentiably(
    program: StorageProgram, *, settings: InteriorPoint, start: ProgramPoint | None
) -> ProgramSolution:
    chunk = cached_lanes(program) if settings.chunk is None else settings.chunk
    natively = settings.backend != "xla" and _runs_natively(settings, program)

    def solve_shard(batch: Batch) -> ProgramSolution:
        if natively:
            return _solve_compiled(settings, batch)
        return solve_in_chunks(partial(_solve_lanes, settings), batch, chunk)

    batch = Batch(program, start)
    if settings.mesh is None:
        return solve_shard(batch)
    return solve_in_shards(solve_shard, batch, settings.mesh)


def _runs_natively(settings: InteriorPoint, program: StorageProgram) -> bool:
    mesh = settings.mesh
    return runs_natively(program, None if mesh is None else mesh.devices.flat[0].platform)


@_solve_differentiably.def_jvp
def _solve_jvp(primals, tangents, *, settings: InteriorPoint, start: ProgramPoint | None):
    (program,), (tangent,) = primals, tangents
    tangent = _filled(program, tangent)
    solution = _solve_differentiably(program, settings=settings, start=start)
    point = solution.value
    move, change = differentiate_solution(
        program,
        tangent,
        point.variables,
        point.multipliers,
        point.stiffness,
        settings.backend != "xla" and _runs_natively(settings, program),
    )
    _, along = eqx.filter_jvp(StorageProgram.value, (program, point.variables), (tangent, move))
    envelope = differentiate_value(program, tangent, point.variables, point.multipliers)
    objective = jnp.where(settings.barrier > 0, along, envelope)
    stiffness = differentiate_stiffness(point.stiffness, settings.barrier, tangent, move)
    still = jax.tree.map(lambda _: None, solution)
    moved = ProgramPoint(move, change, objective, stiffness)
    return solution, eqx.tree_at(lambda s: s.value, still, moved)


def _filled(program: StorageProgram, tangent: StorageProgram) -> StorageProgram:
    """The tangent with zeros where the program does not move."""
    return jax.tree.map(
        lambda value, change: jnp.zeros_like(value) if change is None else change,
        program,
        tangent,
    )


def _solve_compiled(settings: InteriorPoint, batch: Batch) -> ProgramSolution:
    start = None
    if batch.start is not None:
        start = batch.start.variables, batch.start.multipliers
    solved = solve_natively(
        batch.program, start, settings.tolerance, settings.barrier, settings.max_iterations
    )
    stiffness = Stiffness(solved.stiffness_lower, solved.stiffness_upper)
    return ProgramSolution(
        value=ProgramPoint(solved.variables, solved.multipliers, solved.objective, stiffness),
        status=solved.status,
        residuals=solved.measures,
        history=solved.iterations,
        certificate=solved.bound,
    )


def _solve_lanes(settings: InteriorPoint, batch: Batch) -> ProgramSolution:
    program, start = batch
    normal = normalise(program)
    dtype = program.cost.dtype
    worth = normal.cost_scale * normal.size_scale
    goal = Goal(
        tolerance=settings.tolerance.astype(dtype),
        barrier=(settings.barrier / worth).astype(dtype),
        origin=program.value(program.lower) / worth,
        unit=jnp.clip(1.0 / worth, jnp.minimum(FINEST_GAP / settings.tolerance, 1.0), 1.0),
        max_iterations=settings.max_iterations,
    )
    iterate = None
    if start is not None:
        iterate = normal.start_from(start.variables, start.multipliers, goal.barrier, program)
    outcome = run_interior_point(normal.program, goal, iterate)
    point = outcome.iterate
    variables = normal.restore_variables(point.variables, program)
    multipliers = normal.restore_multipliers(point.multipliers)
    free = is_free(normal.program)
    steepness = normal.cost_scale / normal.size_scale
    stiffness = Stiffness(
        lower=steepness * point.dual_lower / jnp.where(free, point.variables, 1.0),
        upper=steepness * point.dual_upper / point.slack,
    )
    return ProgramSolution(
        value=ProgramPoint(variables, multipliers, program.value(variables), stiffness),
        status=outcome.status,
        residuals=outcome.measures,
        history=outcome.iterations,
        certificate=program.dual_bound(multipliers),
    )
