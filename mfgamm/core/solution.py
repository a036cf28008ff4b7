"""One result type for every solver, and the enumeration of how a solve can end."""

import enum

import equinox as eqx
import numpy as np
from jaxtyping import Array, Int, PyTree


class Status(enum.IntEnum):
    """How a solve, or one lane of a batch, ended."""

    CONVERGED = 0
    MAX_ITERATIONS = 1
    INTERRUPTED = 2
    INFEASIBLE = 3
    BREAKDOWN = 4

    @property
    def label(self) -> str:
        return self.name.lower().replace("_", " ")


class AbstractSolution(eqx.Module):
    """What every solver returns.

    Attributes:
        value: the answer (the best iterate if the solve did not converge).
        status: a `Status` code, per lane for batched solvers.
        residuals: how far the optimality conditions are from holding.
        history: how the solve went (iterations, certificate per round).
        certificate: a bound on the distance from optimality that needs no trust in the solver.
    """

    value: eqx.AbstractVar[PyTree]
    status: eqx.AbstractVar[Int[Array, "*lane"]]
    residuals: eqx.AbstractVar[PyTree]
    history: eqx.AbstractVar[PyTree]
    certificate: eqx.AbstractVar[PyTree]

    @property
    def converged(self) -> bool:
        """Whether every lane converged."""
        return bool(np.all(np.asarray(self.status) == Status.CONVERGED))
