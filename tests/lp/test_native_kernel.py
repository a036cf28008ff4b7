"""The compiled kernel: the same algorithm as the array version, and what only it promises."""

import dataclasses
import os
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from oracles.random_programs import random_program

from mfgamm.core import Status
from mfgamm.lp import InteriorPoint
from mfgamm.lp.native import is_available

pytestmark = pytest.mark.skipif(not is_available(), reason="no C++ compiler on this machine")
LANES = 13


def solve_both(program, start=None, **settings):
    return [
        InteriorPoint(backend=backend, **settings).solve(program, start)
        for backend in ("native", "xla")
    ]


def assert_same(native, array):
    np.testing.assert_array_equal(native.status, array.status)
    np.testing.assert_array_equal(native.history, array.history)
    solved = np.asarray(native.status) == Status.CONVERGED
    for found, expected in zip(*map(jax.tree.leaves, (native, array)), strict=True):
        found, expected = (np.asarray(x)[..., solved] for x in (found, expected))
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("stores", [0, 1, 3])
def test_iterates_are_those_of_the_array_kernel(stores):
    program = random_program(stores, 7, LANES, seed=stores)
    assert_same(*solve_both(program))
    assert_same(*solve_both(program, barrier=1e-3))


def test_quadratic_programs_too():
    program = random_program(1, 7, LANES, seed=1)
    bent = np.random.default_rng(0).uniform(-1, 1, program.cost.shape).clip(0)
    assert_same(*solve_both(dataclasses.replace(program, curvature=jnp.asarray(bent))))


def test_warm_starts_too():
    program = random_program(1, 7, LANES, seed=1)
    start = InteriorPoint(barrier=1e-3, backend="xla").solve(program).value
    moved = dataclasses.replace(program, cost=1.01 * program.cost)
    assert_same(*solve_both(moved, start, barrier=1e-3))


def test_infeasible_and_broken_lanes_too():
    program = random_program(1, 7, LANES, seed=5)
    program = dataclasses.replace(
        program,
        balance=program.balance.at[:, 3].add(1e3),
        cost=program.cost.at[0, 0, 2].set(jnp.nan),
    )
    native, array = solve_both(program)
    np.testing.assert_array_equal(native.status, array.status)
    assert native.status[3] == Status.INFEASIBLE and native.status[2] == Status.BREAKDOWN


def test_a_lane_is_solved_alike_in_any_company():
    """To the last bit: whoever its neighbours are, and wherever it sits among them."""
    program = random_program(2, 7, 40, seed=2)
    order = np.random.default_rng(0).permutation(40)[:29]
    chosen = jax.tree.map(lambda x: x[..., order], program)
    whole, some = (InteriorPoint(backend="native").solve(p) for p in (program, chosen))
    for all_lanes, few in zip(*map(jax.tree.leaves, (whole, some)), strict=True):
        np.testing.assert_array_equal(np.asarray(all_lanes)[..., order], few)


def test_batches_of_batches():
    program = random_program(1, 7, LANES, seed=1)
    stacked = jax.tree.map(lambda x: jnp.stack([x, x]), program)
    single = InteriorPoint(backend="native").solve(program)
    both = jax.vmap(InteriorPoint(backend="native").solve)(stacked)
    for one, two in zip(*map(jax.tree.leaves, (single, both)), strict=True):
        np.testing.assert_array_equal(two, np.stack([one, one]))


def test_derivatives_are_those_of_the_array_kernel():
    program = random_program(2, 7, LANES, seed=3)
    start = random_program(2, 7, LANES, seed=4).cost

    def read(program, backend):
        point = InteriorPoint(barrier=1e-4, tolerance=1e-10, backend=backend).solve(program).value
        return jnp.sum(jnp.sin(point.variables) + start * point.variables)

    gradients = [jax.grad(read)(program, backend) for backend in ("native", "xla")]
    for native, array in zip(*map(jax.tree.leaves, gradients), strict=True):
        np.testing.assert_allclose(native, array, rtol=1e-7, atol=1e-7)


SCRIPT = """
import jax, warnings
jax.config.update("jax_enable_x64", True)
from oracles.random_programs import random_program
from mfgamm.lp import InteriorPoint
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    solution = InteriorPoint().solve(random_program(1, 4, 3, seed=0))
print(solution.converged, [str(w.message).split(":")[0] for w in caught])
try:
    InteriorPoint(backend="native").solve(random_program(1, 4, 3, seed=0))
except ValueError as error:
    print(type(error).__name__)
"""


@pytest.mark.parametrize(
    ("compiler", "warned"),
    [("no-such-compiler", []), ("false", ["falling back to the slower kernel"])],
)
def test_a_machine_without_a_working_compiler_still_solves(compiler, warned, tmp_path):
    path = os.pathsep.join(p for p in sys.path if p)
    environment = os.environ | {"CXX": compiler, "MFGAMM_CACHE": str(tmp_path), "PYTHONPATH": path}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, env=environment
    )
    assert done.stdout.splitlines() == [f"True {warned}", "InvalidInput"], done.stderr
