"""The same answers on one device and on four: in a process of its own, for it needs devices."""

import os
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).parent.parent
SCRIPT = """
import jax
jax.config.update("jax_enable_x64", True)
jax.config.update("jax_num_cpu_devices", 4)
import jax.numpy as jnp
import numpy as np
from oracles.random_programs import random_program
from mfgamm.lp import InteriorPoint

assert len(jax.devices()) == 4
mesh = jax.make_mesh((4,), ("household",))
for lanes, backend in ((12, "xla"), (13, "xla"), (13, None)):
    program = random_program(1, 6, lanes, seed=lanes)
    alone = InteriorPoint(backend=backend, chunk=5).solve(program)
    spread = InteriorPoint(backend=backend, chunk=2, mesh=mesh).solve(program)
    assert spread.converged and len(spread.value.variables.sharding.device_set) > 1
    np.testing.assert_allclose(spread.value.objective, alone.value.objective, rtol=1e-8)
    np.testing.assert_allclose(spread.value.variables, alone.value.variables, atol=1e-6)
    np.testing.assert_array_equal(spread.history.shape, (lanes,))

def total(program, solver):
    return jnp.sum(solver.solve(program).value.variables**2)

smoothed = InteriorPoint(barrier=1e-3, backend="xla"), InteriorPoint(barrier=1e-3, mesh=mesh)
gradients = [jax.grad(total)(program, solver) for solver in smoothed]
np.testing.assert_allclose(gradients[0].cost, gradients[1].cost, rtol=1e-6, atol=1e-8)
print("same answers")
"""


def test_four_devices_give_the_answers_of_one():
    environment = os.environ | {"PYTHONPATH": str(TESTS), "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "same answers"
