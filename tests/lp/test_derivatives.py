"""Implicit derivatives against central differences of re-solved programs."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from oracles.random_programs import random_program

from mfgamm.lp import InteriorPoint

LANES = 6
FIELDS = ("cost", "lower", "upper", "balance", "inflow", "gain_in", "gain_out", "retention")


@pytest.fixture(scope="module")
def program():
    return random_program(2, 8, LANES, seed=3)


@pytest.fixture(scope="module")
def readout(program):
    """A function of everything that a solution holds."""
    random = np.random.default_rng(0)
    primal = jnp.asarray(random.normal(size=program.cost.shape))
    balance = jnp.asarray(random.normal(size=program.balance.shape))
    storage = jnp.asarray(random.normal(size=program.inflow.shape))

    def read(point):
        return (
            jnp.sum(primal * point.variables)
            + jnp.sum(balance * point.multipliers.balance)
            + jnp.sum(storage * point.multipliers.storage)
            + jnp.sum(point.objective**2)
        )

    return read


def direction_of(program, field, seed=1):
    """A random direction that leaves closed ranges closed."""
    step = np.random.default_rng(seed).normal(size=getattr(program, field).shape)
    if field in ("lower", "upper"):
        step = step * np.asarray(program.upper > program.lower)
    return jnp.asarray(step)


def moved(program, field, step):
    return dataclasses.replace(program, **{field: getattr(program, field) + step})


def tangent_of(program, field, step):
    return dataclasses.replace(jax.tree.map(jnp.zeros_like, program), **{field: step})


@pytest.mark.parametrize(("barrier", "width"), [(1e-2, 1e-5), (1e-4, 1e-6), (1e-6, 1e-7)])
def test_gradients_of_plan_duals_and_value(program, readout, barrier, width):
    solver = InteriorPoint(barrier=barrier, tolerance=1e-11)

    def function(given):
        return readout(solver.solve(given).value)

    gradient = jax.grad(function)(program)
    for field in FIELDS:
        step = direction_of(program, field)
        ahead, behind = (function(moved(program, field, s * width * step)) for s in (1, -1))
        reverse = float(jnp.sum(getattr(gradient, field) * step))
        assert reverse == pytest.approx(float(ahead - behind) / (2 * width), rel=1e-5), field
        forward = jax.jvp(function, (program,), (tangent_of(program, field, step),))[1]
        assert float(forward) == pytest.approx(reverse, rel=1e-10), field


def test_exact_values_move_by_the_envelope_theorem(program):
    solver = InteriorPoint(tolerance=1e-11)

    def function(given):
        return jnp.sum(solver.solve(given).value.objective * jnp.arange(1.0, LANES + 1))

    gradient = jax.grad(function)(program)
    for field in FIELDS:
        step, width = direction_of(program, field), 1e-6
        ahead, behind = (function(moved(program, field, s * width * step)) for s in (1, -1))
        expected = float(ahead - behind) / (2 * width)
        assert float(jnp.sum(getattr(gradient, field) * step)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("field", ["cost", "upper", "gain_in"])
def test_second_derivatives(program, readout, field):
    solver = InteriorPoint(barrier=1e-3, tolerance=1e-12)
    gradient = jax.grad(lambda given: readout(solver.solve(given).value))
    step, width = direction_of(program, field), 1e-6
    _, second = jax.jvp(gradient, (program,), (tangent_of(program, field, step),))
    ahead, behind = (gradient(moved(program, field, s * width * step)) for s in (1, -1))
    for found, a, b in zip(*map(jax.tree.leaves, (second, ahead, behind)), strict=True):
        expected = (a - b) / (2 * width)
        np.testing.assert_allclose(found, expected, atol=1e-6 * float(jnp.max(jnp.abs(expected))))


def test_quadratic_programs_have_derivatives_too(program):
    curved = dataclasses.replace(program, curvature=jnp.full_like(program.cost, 0.5))
    solver = InteriorPoint(barrier=1e-4, tolerance=1e-11)

    def function(given):
        return jnp.sum(jnp.sin(solver.solve(given).value.variables))

    gradient = jax.grad(function)(curved)
    for field in ("curvature", "cost"):
        step, width = direction_of(curved, field), 1e-6
        ahead, behind = (function(moved(curved, field, s * width * step)) for s in (1, -1))
        expected = float(ahead - behind) / (2 * width)
        assert float(jnp.sum(getattr(gradient, field) * step)) == pytest.approx(expected, rel=1e-5)


def test_jacobian_under_jit_and_vmap(program):
    """∂plan/∂prices of all lanes at once, symmetric negative semidefinite in the costs."""
    solver = InteriorPoint(barrier=1e-3)
    small = jax.tree.map(lambda x: x[..., :1], program)

    def plan(cost):
        given = dataclasses.replace(small, cost=cost.reshape(small.cost.shape))
        return solver.solve(given).value.variables.ravel()

    jacobian = np.asarray(jax.jit(jax.jacobian(plan))(small.cost.ravel()))
    np.testing.assert_allclose(jacobian, jacobian.T, atol=1e-8)
    assert np.linalg.eigvalsh(0.5 * (jacobian + jacobian.T)).max() <= 1e-8

    costs = jnp.stack([small.cost.ravel(), 1.1 * small.cost.ravel()])
    both = jax.vmap(jax.grad(lambda cost: plan(cost)[0]))(costs)
    np.testing.assert_allclose(both[0], jacobian[0], atol=1e-8)


def test_a_derivative_costs_no_second_solve(program, readout, backend):
    """One solve in the linearised program: nothing is unrolled or solved twice."""
    solver = InteriorPoint(barrier=1e-3, backend=backend)
    traced = jax.make_jaxpr(jax.grad(lambda given: readout(solver.solve(given).value)))(program)
    solve = {"native": "target_name=mfgamm_SolvePrograms", "xla": "while["}[backend]
    assert str(traced).count(solve) == 1
