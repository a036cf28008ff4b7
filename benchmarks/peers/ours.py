"""mfgamm's own kernel, through its public face: as it comes, and held to XLA."""

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.instances import Instances
from benchmarks.peers.base import Answer, Peer
from mfgamm import Status
from mfgamm.lp import InteriorPoint


class Ours(Peer):
    """The whole batch in one call of a compiled function."""

    name = "mfgamm"
    package = "mfgamm"
    module = "mfgamm"
    batching = "one batch"
    compiled = True
    backend: str | None = None

    def prepare(self, instances: Instances, tolerance: float) -> None:
        self.form = instances.form
        self.program = jax.block_until_ready(instances.program)
        self.settings = InteriorPoint(tolerance=jnp.asarray(tolerance), backend=self.backend)

    def solve(self) -> None:
        self.solution = jax.block_until_ready(self.settings.solve(self.program))

    def answer(self) -> Answer:
        value = self.solution.value
        return Answer(
            objective=np.asarray(value.objective, float),
            primal=self.form.compress(value.variables),
            solved=np.asarray(self.solution.status) == Status.CONVERGED,
            iterations=np.asarray(self.solution.history),
        )


class OursOnXla(Ours):
    """The array version that other devices and machines without a compiler run."""

    name = "mfgamm (xla)"
    backend = "xla"
