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


def hair_thin_program(lanes, seed):
    """One step, two stores: what the first is given it must give back but for 1e-9."""
    random = np.random.default_rng(seed)
    sell, buy, given_to, served_by, given_back, state = 0, 1, 3, 4, 5, 7
    point = np.zeros((9, 1, lanes))
    point[sell] = 1e-9
    point[given_to] = random.uniform(0.5, 5, lanes)
    point[served_by] = random.uniform(0.05, 0.3, lanes)
    point[given_back] = point[given_to] - 1e-9
    point[state] = random.uniform(1, 8, lanes)
    lower, upper = point.copy(), point.copy()
    lower[served_by], upper[served_by] = 0.0, 2.5
    lower[given_back] = 0.0
    lower[state] -= 1e-9
    upper[state] += np.where(random.random(lanes) < 0.5, 1e-6, 10.0)
    cost = np.zeros_like(point)
    cost[sell], cost[buy] = -3.55, 3.99
    gain_in, gain_out = np.array([22.8, 24.0]), np.array([25.3, 24.0])
    program = StorageProgram(
        cost=jnp.asarray(cost),
        curvature=None,
        lower=jnp.asarray(lower),
        upper=jnp.asarray(upper),
        balance=jnp.zeros((1, lanes)),
        inflow=jnp.zeros((2, 1, lanes)),
        gain_in=jnp.asarray(gain_in[:, None] * np.ones(lanes)),
        gain_out=jnp.asarray(gain_out[:, None] * np.ones(lanes)),
        retention=jnp.ones((2, lanes)),
        sign=SIGN,
    )
    left = program.apply(jnp.asarray(point))
    return dataclasses.replace(program, balance=left.balance, inflow=left.storage)


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
