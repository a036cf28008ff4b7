import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from oracles.random_programs import hair_thin_program, highs_optimum, random_program

from mfgamm.core import InvalidInput, Status
from mfgamm.lp import InteriorPoint

LANES = 12


@pytest.mark.parametrize(("stores", "time"), [(0, 1), (0, 6), (1, 8), (2, 8)])
def test_optimum_agrees_with_highs(stores, time, backend):
    program = random_program(stores, time, LANES, seed=17 + stores)
    solution = InteriorPoint(backend=backend).solve(program)
    assert solution.converged
    expected = np.array([highs_optimum(program, lane) for lane in range(LANES)])
    objective = np.asarray(solution.value.objective)
    np.testing.assert_allclose(objective, expected, rtol=1e-7, atol=1e-7)
    np.testing.assert_allclose(np.asarray(solution.certificate), expected, rtol=1e-7, atol=1e-7)
    assert np.all(np.asarray(solution.certificate) <= expected + 1e-9)


def test_an_infeasible_lane_is_proven_so_and_spoils_no_other(backend):
    program = random_program(1, 8, LANES, seed=5)
    alone = InteriorPoint(backend=backend).solve(program)
    broken = dataclasses.replace(program, balance=program.balance.at[:, 3].add(1e3))
    solution = InteriorPoint(backend=backend).solve(broken)
    status = np.asarray(solution.status)
    assert status[3] == Status.INFEASIBLE
    assert highs_optimum(broken, 3) is None
    others = np.arange(LANES) != 3
    assert np.all(status[others] == Status.CONVERGED)
    np.testing.assert_allclose(
        np.asarray(solution.value.objective)[others],
        np.asarray(alone.value.objective)[others],
        rtol=1e-12,
    )


def test_a_lane_of_nan_is_reported_and_spoils_no_other(backend):
    program = random_program(1, 8, LANES, seed=5)
    program = dataclasses.replace(program, cost=program.cost.at[0, 0, 2].set(jnp.nan))
    status = np.asarray(InteriorPoint(backend=backend).solve(program).status)
    assert status[2] == Status.BREAKDOWN
    assert np.sum(status != Status.CONVERGED) == 1


def test_running_out_of_iterations_is_not_success(backend):
    program = random_program(2, 8, LANES, seed=1)
    solution = InteriorPoint(backend=backend, max_iterations=2).solve(program)
    assert not solution.converged
    assert np.all(np.asarray(solution.status) == Status.MAX_ITERATIONS)
    # The bound needs no convergence.
    exact = InteriorPoint(backend=backend).solve(program)
    assert np.all(np.asarray(solution.certificate) <= np.asarray(exact.value.objective) + 1e-9)


@pytest.mark.parametrize("barrier", [1e-2, 1e-4, 1e-6])
def test_smoothed_optimum_lies_on_the_central_path(barrier, backend):
    program = random_program(1, 8, LANES, seed=3)
    smoothed = InteriorPoint(backend=backend, barrier=barrier).solve(program)
    assert smoothed.converged
    variables = smoothed.value.variables
    free = program.upper > program.lower
    slack_lower = jnp.where(free, variables - program.lower, 1.0)
    slack_upper = jnp.where(free, program.upper - variables, 1.0)
    reduced = program.cost - program.transpose(smoothed.value.multipliers)
    stationarity = reduced - barrier / slack_lower + barrier / slack_upper
    scale = 1 + barrier / jnp.minimum(slack_lower, slack_upper)
    np.testing.assert_allclose(jnp.where(free, stationarity / scale, 0), 0, atol=1e-6)
    excess = np.asarray(smoothed.value.objective) - np.asarray(smoothed.certificate)
    pairs = 2 * np.asarray(free.sum((0, 1)))
    assert np.all(excess <= 1.01 * barrier * pairs + 1e-8)


def test_quadratic_program_meets_its_optimality_conditions(backend):
    program = random_program(1, 8, LANES, seed=8)
    program = dataclasses.replace(program, curvature=jnp.ones_like(program.cost))
    solution = InteriorPoint(backend=backend, tolerance=1e-12).solve(program)
    assert solution.converged
    variables = solution.value.variables
    gradient = program.cost + variables - program.transpose(solution.value.multipliers)
    projected = jnp.clip(variables - gradient, program.lower, program.upper)
    np.testing.assert_allclose(projected, variables, atol=1e-5)


def test_feasible_sets_as_thin_as_a_hair_are_no_obstacle(backend):
    """Equations that leave a store a billionth to move: the Newton matrix is all but singular."""
    program = hair_thin_program(lanes=40, seed=0)
    solution = InteriorPoint(backend=backend, tolerance=1e-8).solve(program)
    assert solution.converged
    assert int(solution.history.max()) <= 6
    expected = np.array([highs_optimum(program, lane) for lane in range(40)])
    np.testing.assert_allclose(solution.value.objective, expected, rtol=1e-7)


def test_chunks_do_not_change_the_answer():
    program = random_program(2, 8, LANES, seed=2)
    whole = InteriorPoint(backend="xla", chunk=LANES).solve(program)
    parts = InteriorPoint(backend="xla", chunk=5).solve(program)
    np.testing.assert_allclose(whole.value.objective, parts.value.objective, rtol=1e-9)
    np.testing.assert_allclose(whole.value.variables, parts.value.variables, atol=1e-6)


def test_bad_settings_are_refused():
    with pytest.raises(InvalidInput, match=r"tolerance = -1.0: must be positive"):
        InteriorPoint(tolerance=-1.0)
    with pytest.raises(InvalidInput, match="barrier"):
        InteriorPoint(barrier=-1e-3)
    with pytest.raises(InvalidInput, match=r"backend = 'cuda': must be 'native', 'xla' or None"):
        InteriorPoint(backend="cuda")


def test_single_precision_refuses_what_it_cannot_reach():
    program = jax.tree.map(lambda x: x.astype(jnp.float32), random_program(1, 4, 2, seed=0))
    with pytest.raises(InvalidInput, match="float32 reaches about"):
        InteriorPoint(tolerance=1e-6).solve(program)
    with pytest.raises(InvalidInput, match="needs a double-precision program"):
        InteriorPoint(tolerance=1e-3, backend="native").solve(program)


@pytest.mark.parametrize("change", [1e-4, 1e-2])
def test_a_warm_start_reaches_the_same_point_sooner(change, backend):
    program = random_program(1, 8, LANES, seed=3)
    solver = InteriorPoint(backend=backend, barrier=1e-3, tolerance=1e-8)
    first = solver.solve(program)
    noise = np.random.default_rng(0).normal(size=program.cost.shape)
    moved = dataclasses.replace(program, cost=program.cost + change * noise)
    cold, warm = solver.solve(moved), solver.solve(moved, first.value)
    assert warm.converged
    np.testing.assert_allclose(warm.value.variables, cold.value.variables, atol=1e-6)
    assert int(warm.history.max()) <= 6 < int(cold.history.max())


def test_a_warm_start_that_does_not_fit_still_converges(backend):
    program = random_program(1, 8, LANES, seed=3)
    solver = InteriorPoint(backend=backend, barrier=1e-3)
    other = solver.solve(random_program(1, 8, LANES, seed=4))
    cold, warm = solver.solve(program), solver.solve(program, other.value)
    assert warm.converged
    np.testing.assert_allclose(warm.value.variables, cold.value.variables, atol=1e-6)
