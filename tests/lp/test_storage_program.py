import dataclasses

import jax.numpy as jnp
import numpy as np
from hypothesis import given, strategies as st
from oracles.random_programs import feasible_point, random_program

from mfgamm.lp.newton import factorise_newton, solve_newton
from mfgamm.lp.storage_program import Multipliers

SHAPES = st.tuples(st.sampled_from([0, 1, 2]), st.sampled_from([1, 5]))


def random_multipliers(program, random):
    return Multipliers(
        jnp.asarray(random.normal(size=program.balance.shape)),
        jnp.asarray(random.normal(size=program.inflow.shape)),
    )


@given(SHAPES, st.integers(0, 10_000))
def test_transpose_is_the_adjoint_of_apply(shape, seed):
    random = np.random.default_rng(seed)
    program = random_program(*shape, lanes=2, seed=seed)
    variables = jnp.asarray(random.normal(size=program.cost.shape))
    multipliers = random_multipliers(program, random)
    left, right = program.apply(variables), program.transpose(multipliers)
    inner = sum(float(jnp.sum(a * b)) for a, b in zip(left, multipliers, strict=True))
    np.testing.assert_allclose(inner, float(jnp.sum(variables * right)), rtol=1e-12, atol=1e-12)


@given(SHAPES, st.integers(0, 10_000), st.booleans())
def test_dual_bound_holds_for_any_multipliers(shape, seed, curved):
    random = np.random.default_rng(seed)
    program = random_program(*shape, lanes=2, seed=seed)
    if curved:
        curvature = jnp.asarray(random.uniform(0, 2, program.cost.shape).round(1))
        program = dataclasses.replace(program, curvature=curvature)
    bound = program.dual_bound(random_multipliers(program, random))
    value = program.value(feasible_point(program))
    assert np.all(np.asarray(bound) <= np.asarray(value) + 1e-9)
    assert np.all(np.asarray(value) <= np.asarray(program.box_maximum()) + 1e-9)


def test_newton_step_solves_the_full_system():
    random = np.random.default_rng(4)
    for stores, time in ((0, 3), (1, 4), (2, 4), (3, 2)):
        program = random_program(stores, time, lanes=3, seed=stores)
        variance = jnp.asarray(10.0 ** random.uniform(-4, 4, program.cost.shape))
        r1 = jnp.asarray(random.normal(size=program.cost.shape))
        r2 = random_multipliers(program, random)
        factor = factorise_newton(program, variance)
        move, multipliers = solve_newton(program, factor, r1, r2)
        stationarity = move / variance - program.transpose(multipliers)
        np.testing.assert_allclose(stationarity, r1, rtol=1e-7, atol=1e-7)
        for got, wanted in zip(program.apply(move), r2, strict=True):
            np.testing.assert_allclose(got, wanted, rtol=1e-7, atol=1e-7)


def test_shifted_program_has_the_same_feasible_set():
    program = random_program(2, 5, lanes=2, seed=0)
    point = feasible_point(program)
    origin = jnp.asarray(np.random.default_rng(0).normal(size=point.shape))
    shifted = program.shifted(origin)
    for residual in shifted.residual(point - origin):
        np.testing.assert_allclose(residual, 0, atol=1e-12)
    assert bool(jnp.all(point - origin >= shifted.lower - 1e-12))
