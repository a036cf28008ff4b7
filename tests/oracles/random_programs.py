"""Random storage programs with a known feasible point, and their optimum by HiGHS."""

import dataclasses

import jax.numpy as jnp
import numpy as np
from scipy.optimize import linprog

from mfgamm.lp import StorageProgram

SIGN = (1, -1, 1)


def random_program(stores, time, lanes, seed):
    """Feasible by construction: the right-hand sides are those of a point inside the box."""
    random = np.random.default_rng(seed)
    count = len(SIGN) + 3 * stores
    shape = (count, time, lanes)
    lower = random.normal(size=shape).round(1)
    upper = lower + random.choice([0.0, 0.5, 2.0, 10.0], size=shape)
    program = StorageProgram(
        cost=jnp.asarray(random.normal(size=shape).round(2)),
        curvature=None,
        lower=jnp.asarray(lower),
        upper=jnp.asarray(upper),
        balance=jnp.zeros((time, lanes)),
        inflow=jnp.zeros((stores, time, lanes)),
        gain_in=jnp.asarray(random.uniform(0.2, 1, (stores, lanes))),
        gain_out=jnp.asarray(random.uniform(0.2, 1.2, (stores, lanes))),
        retention=jnp.asarray(random.choice([0.8, 1.0], (stores, lanes))),
        sign=SIGN,
    )
    left = program.apply(feasible_point(program))
    return dataclasses.replace(program, balance=left.balance, inflow=left.storage)


def feasible_point(program):
    share = np.random.default_rng(99).uniform(0, 1, program.cost.shape)
    return program.lower + share * (program.upper - program.lower)


def highs_optimum(program, lane):
    """Optimal objective of a lane from a dense matrix built column by column; None if none."""
    shape = program.cost.shape[:2]
    columns = int(np.prod(shape))
    one_lane = _lane(program, lane)
    matrix = []
    for k in range(columns):
        unit = np.zeros(columns)
        unit[k] = 1.0
        left = one_lane.apply(jnp.asarray(unit.reshape(*shape, 1)))
        matrix.append(np.concatenate([np.ravel(left.balance), np.ravel(left.storage)]))
    right = np.concatenate([np.ravel(one_lane.balance), np.ravel(one_lane.inflow)])
    bounds = np.stack([np.ravel(one_lane.lower), np.ravel(one_lane.upper)], axis=1)
    result = linprog(
        np.ravel(one_lane.cost),
        A_eq=np.array(matrix).T,
        b_eq=right,
        bounds=bounds,
        method="highs",
        options={"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10},
    )
    return float(result.fun) if result.status == 0 else None


def _lane(program, lane):
    arrays = {
        field.name: getattr(program, field.name)[..., lane : lane + 1]
        for field in dataclasses.fields(program)
        if field.name not in ("sign", "curvature")
    }
    return dataclasses.replace(program, **arrays)
