"""Fixed points: every method finds them, says so honestly, and has exact derivatives."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from mfgamm.core import InvalidInput, NotConverged, Status
from mfgamm.fixed_point import Anderson, NewtonKrylov, Picard, solve_fixed_point
from mfgamm.study import measure_compilation

METHODS = {
    "picard": Picard(tolerance=1e-11),
    "anderson": Anderson(tolerance=1e-11),
    "newton": NewtonKrylov(tolerance=1e-11),
}
every_method = pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)


def kepler(x, parameters):
    """E = M + e·sin E, with known answers, and a linear part with an answer by elimination."""
    mean, eccentricity, matrix, offset = parameters
    return {"angle": mean + eccentricity * jnp.sin(x["angle"]), "line": matrix @ x["line"] + offset}


MATRIX = jnp.asarray([[0.2, -0.7, 0.0], [0.5, 0.1, 0.3], [0.0, -0.4, -0.6]])
PARAMETERS = (jnp.asarray([0.5, 2.0]), jnp.asarray(0.3), MATRIX, jnp.asarray([1.0, -2.0, 0.5]))
START = {"angle": jnp.zeros(2), "line": jnp.zeros(3)}


@every_method
def test_known_answers_in_a_pytree(method):
    solution = solve_fixed_point(kepler, START, PARAMETERS, method)
    line = np.linalg.solve(np.eye(3) - MATRIX, PARAMETERS[3])
    np.testing.assert_allclose(solution.value["line"], line, atol=1e-10)
    angle = np.asarray(solution.value["angle"])
    np.testing.assert_allclose(angle - 0.3 * np.sin(angle), PARAMETERS[0], atol=1e-10)
    assert solution.converged and float(solution.certificate) <= 1e-11
    taken = int(solution.iterations)
    assert np.all(np.isfinite(solution.history[: taken + 1]))
    assert np.all(np.isnan(solution.history[taken + 1 :]))


def test_acceleration_pays():
    taken = {
        name: int(solve_fixed_point(kepler, START, PARAMETERS, method).iterations)
        for name, method in METHODS.items()
    }
    assert taken["newton"] < taken["anderson"] < taken["picard"] / 3


def steep(x, gain):
    return -gain * x + 0.2 * jnp.sin(3 * x) + jnp.arange(1.0, 4.0)


def test_a_gain_above_one_needs_damping_or_acceleration():
    """Picard with damping θ contracts where |1 − θ(1 + gain)| < 1."""
    start, gain = jnp.zeros(3), jnp.asarray(4.0)
    undamped = solve_fixed_point(steep, start, gain, Picard(damping=1.0), throw=False)
    assert undamped.status != Status.CONVERGED
    answers = [
        solve_fixed_point(steep, start, gain, method).value
        for method in (Picard(damping=0.2), Anderson(), NewtonKrylov())
    ]
    for answer in answers[1:]:
        np.testing.assert_allclose(answer, answers[0], atol=1e-7)


def test_the_safeguard_survives_an_explosive_map():
    """Plain steps from the start leave the region where F is moderate."""
    solution = solve_fixed_point(lambda x, _: x - 0.05 * jnp.sinh(3 * x), jnp.asarray([2.5, -1.0]))
    np.testing.assert_allclose(solution.value, 0, atol=1e-6)


@pytest.mark.parametrize(
    ("method", "derivative"),
    [
        (Anderson(tolerance=1e-11), jax.grad),
        (NewtonKrylov(), lambda function: lambda at: jax.jvp(function, (at,), (1.0,))[1]),
    ],
    ids=["reverse", "forward"],
)
def test_derivatives_are_those_of_solutions_solved_anew(method, derivative):
    def summed(scale):
        moved = (PARAMETERS[0] * scale, PARAMETERS[1], MATRIX * scale, PARAMETERS[3])
        value = solve_fixed_point(kepler, START, moved, method).value
        return jnp.sum(value["angle"] ** 2) + value["line"] @ jnp.arange(1.0, 4.0)

    step, at = 1e-4, 1.0
    difference = (summed(at + step) - summed(at - step)) / (2 * step)
    np.testing.assert_allclose(derivative(summed)(at), difference, rtol=1e-6)


def test_a_loose_solve_has_the_derivative_of_the_map_not_of_its_iterations():
    """At a linear map the implicit derivative is exact wherever the search stopped."""

    def line(offset):
        loose = Picard(tolerance=1e-1)
        return solve_fixed_point(lambda x, b: 0.9 * x + b, jnp.zeros(1), offset, loose).value[0]

    np.testing.assert_allclose(jax.grad(line)(1.0), 10.0, rtol=1e-12)


def test_failure_is_said_aloud():
    with pytest.raises(NotConverged, match=r"max iterations.*damp more") as caught:
        solve_fixed_point(steep, jnp.zeros(3), 4.0, Picard(damping=1.0, max_iterations=7))
    found = caught.value.solution
    assert found.status == Status.MAX_ITERATIONS and int(found.iterations) == 7
    assert float(found.certificate) == np.nanmin(found.history)


def test_no_fixed_point_is_a_breakdown_of_newton():
    solution = solve_fixed_point(
        lambda x, _: x + jnp.exp(x) + 1, jnp.zeros(1), None, NewtonKrylov(), throw=False
    )
    assert solution.status in (Status.BREAKDOWN, Status.MAX_ITERATIONS)
    nothing = solve_fixed_point(lambda x, _: jnp.log(x), -jnp.ones(1), throw=False)
    assert nothing.status == Status.BREAKDOWN


def test_one_failed_lane_spares_the_others():
    gains = jnp.asarray([0.3, 4.0, 0.2])
    method = Picard(damping=1.0, max_iterations=200)
    values = jax.vmap(lambda gain: solve_fixed_point(steep, jnp.zeros(3), gain, method).value)(
        gains
    )
    assert np.all(np.isnan(values[1]))
    for lane in (0, 2):
        alone = solve_fixed_point(steep, jnp.zeros(3), gains[lane], method).value
        np.testing.assert_allclose(values[lane], alone, atol=1e-12)


def test_new_tolerances_and_parameters_compile_nothing():
    solve_fixed_point(steep, jnp.zeros(3), jnp.asarray(0.5), Anderson(tolerance=1e-6))
    with measure_compilation() as clock:
        solve_fixed_point(
            steep, jnp.ones(3), jnp.asarray(0.7), Anderson(tolerance=1e-9, mixing=0.5)
        )
    assert clock.seconds == 0


@settings(max_examples=15)
@given(st.integers(0, 2**32 - 1), st.floats(0.1, 5.0))
def test_anderson_solves_random_monotone_systems(seed, strength):
    """F = x − A·x + b with A positive definite, however skew: Picard alone may diverge."""
    random = np.random.default_rng(seed)
    square, skew = random.normal(size=(2, 4, 4))
    matrix = strength * (square @ square.T / 4 + np.eye(4) + (skew - skew.T))
    solution = solve_fixed_point(_affine, jnp.zeros(4), (jnp.asarray(matrix), jnp.ones(4)))
    np.testing.assert_allclose(matrix @ solution.value, np.ones(4), atol=1e-7)


def _affine(x, parameters):
    matrix, offset = parameters
    return x - matrix @ x + offset


def test_single_precision():
    start = jnp.zeros(3, jnp.float32)
    solution = solve_fixed_point(
        lambda x, gain: 0.5 * jnp.cos(x) + gain, start, jnp.float32(0.3), Anderson(tolerance=1e-6)
    )
    assert solution.value.dtype == jnp.float32 and solution.converged


@pytest.mark.parametrize(
    ("field", "make"),
    [
        ("method.tolerance", lambda: Anderson(tolerance=0.0)),
        ("method.max_iterations", lambda: NewtonKrylov(max_iterations=0)),
        ("method.damping", lambda: Picard(damping=1.5)),
        ("method.mixing", lambda: Anderson(mixing=0.0)),
        ("method.memory", lambda: Anderson(memory=0)),
        ("method.regularisation", lambda: Anderson(regularisation=-1.0)),
        ("method.krylov", lambda: NewtonKrylov(krylov=0)),
        ("start", lambda: solve_fixed_point(steep, jnp.asarray([jnp.nan] * 3), 1.0)),
        ("start", lambda: solve_fixed_point(steep, jnp.arange(3), 1.0)),
        ("function", lambda: solve_fixed_point(lambda x, _: x[:1], jnp.zeros(3))),
    ],
)
def test_bad_input_is_named(field, make):
    with pytest.raises(InvalidInput) as caught:
        make()
    assert caught.value.field == field and caught.value.remedy
