"""mfgamm's own kernel, through its public face."""

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

    def prepare(self, instances: Instances, tolerance: float) -> None:
        self.form = instances.form
        self.program = jax.block_until_ready(instances.program)
        self.settings = InteriorPoint(tolerance=jnp.asarray(tolerance))

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
