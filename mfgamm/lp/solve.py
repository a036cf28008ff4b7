"""The public face of the kernel: scale, split into chunks that fit the cache, solve, unscale."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from mfgamm.core import AbstractSolution, InvalidInput, concrete
from mfgamm.lp.interior_point import Measures, Outcome, is_free, run_interior_point
from mfgamm.lp.storage_program import Multipliers, StorageProgram

SINGLE_PRECISION_LIMIT = 1e-4


class ProgramPoint(eqx.Module):
    """A primal-dual answer in the program's own units.

    Attributes:
        variables: stacked primal variables; split them with `StorageProgram.split`.
        multipliers: of the equations: ∂value/∂balance and ∂value/∂inflow.
        objective: of each lane.
    """

    variables: Float[Array, "variable time lane"]
    multipliers: Multipliers
    objective: Float[Array, " lane"]


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
        chunk: lanes solved abreast (static); about what keeps the working set in cache.
    """

    tolerance: Float[Array, ""] = eqx.field(converter=jnp.asarray, default=1e-9)
    barrier: Float[Array, ""] = eqx.field(converter=jnp.asarray, default=0.0)
    max_iterations: Int[Array, ""] = eqx.field(converter=jnp.asarray, default=100)
    chunk: int = eqx.field(static=True, default=128)

    def __check_init__(self):
        for name in ("tolerance", "barrier"):
            value = concrete(getattr(self, name))
            if value is not None and not (value > 0 or (name == "barrier" and value == 0)):
                raise InvalidInput(name, float(value), "must be positive")

    def solve(self, program: StorageProgram) -> ProgramSolution:
        """Solve every lane of `program`.

        Raises:
            InvalidInput: if the tolerance is beyond the reach of the program's precision.
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
        return _solve(self, program)


@eqx.filter_jit
def _solve(settings: InteriorPoint, program: StorageProgram) -> ProgramSolution:
    lanes = program.lanes
    chunk = min(settings.chunk, lanes)
    count = -(-lanes // chunk)
    # Lanes that pad the last chunk repeat the first one, so they end when it ends.
    index = jnp.where(jnp.arange(count * chunk) < lanes, jnp.arange(count * chunk), 0)
    index = index.reshape(count, chunk)

    def solve_chunk(chosen):
        return _solve_lanes(settings, jax.tree.map(lambda x: x[..., chosen], program))

    def merge(pieces):
        return jnp.moveaxis(pieces, 0, -2).reshape(*pieces.shape[1:-1], count * chunk)[..., :lanes]

    return jax.tree.map(merge, jax.lax.map(solve_chunk, index))


def _solve_lanes(settings: InteriorPoint, program: StorageProgram) -> ProgramSolution:
    cost_scale, size_scale = _scales(program)
    scaled = _rescale(program, cost_scale, size_scale)
    dtype = program.cost.dtype
    barrier = (settings.barrier / (cost_scale * size_scale)).astype(dtype)
    outcome: Outcome = run_interior_point(
        scaled, barrier, settings.tolerance.astype(dtype), settings.max_iterations
    )
    point = outcome.iterate
    variables = jnp.clip(point.variables * size_scale, program.lower, program.upper)
    multipliers = Multipliers(
        point.multipliers.balance * cost_scale, point.multipliers.storage * cost_scale
    )
    return ProgramSolution(
        value=ProgramPoint(variables, multipliers, program.value(variables)),
        status=outcome.status,
        residuals=outcome.measures,
        history=outcome.iterations,
        certificate=program.dual_bound(multipliers),
    )


def _scales(program: StorageProgram) -> tuple[Float[Array, " lane"], Float[Array, " lane"]]:
    """A lane's typical cost and magnitude, by which it is divided.

    The magnitude is the largest imbalance plus the smallest range that any variable has:
    a huge store or an unlimited connection must not make everything else look small.
    """
    free = is_free(program)
    span = jnp.max(jnp.where(free, program.upper - program.lower, 0.0), axis=1)
    smallest = jnp.min(jnp.where(span > 0, span, jnp.inf), axis=0)
    imbalance = jnp.max(jnp.abs(program.balance), axis=0)
    size = imbalance + jnp.where(jnp.isfinite(smallest), smallest, 0.0)
    size = jnp.where(size > 0, size, 1.0)
    slope = jnp.abs(program.cost) + program.curvature * size
    steepest = jnp.max(jnp.where(free, slope, 0.0), axis=(0, 1))
    return jnp.where(steepest > 0, steepest, 1.0), size


def _rescale(program: StorageProgram, cost_scale, size_scale) -> StorageProgram:
    return StorageProgram(
        cost=program.cost / cost_scale,
        curvature=program.curvature * (size_scale / cost_scale),
        lower=program.lower / size_scale,
        upper=program.upper / size_scale,
        balance=program.balance / size_scale,
        inflow=program.inflow / size_scale,
        gain_in=program.gain_in,
        gain_out=program.gain_out,
        retention=program.retention,
        sign=program.sign,
    )
