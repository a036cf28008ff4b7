"""One check for every solver, after the fact: is the point it returned feasible and optimal?

The yardstick is a rigorous bound: any multipliers give a lower bound on a program's optimum, by
minimising its Lagrangian over the box in closed form. Which solver found the multipliers does not
matter; they come from mfgamm's kernel, and a sample is compared with HiGHS.
"""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from scipy.optimize import linprog

from benchmarks.standard_form import StandardForm
from mfgamm.lp import InteriorPoint, StorageProgram

GAP_LIMIT = 1e-6
VIOLATION_LIMIT = 1e-6


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What the check found.

    Attributes:
        gap: |objective − bound| / (1 + |objective|) of each lane.
        violation: largest missed equation or bound of each lane, kW or kWh.
        unsolved: lanes that the solver itself gave up, or that miss a limit.
    """

    gap: np.ndarray
    violation: np.ndarray
    unsolved: np.ndarray

    @property
    def passed(self) -> bool:
        return not np.any(self.unsolved)

    @property
    def reason(self) -> str:
        """What is missed, in words; "ok" if nothing is."""
        if self.passed:
            return "ok"
        lanes = f"{int(self.unsolved.sum())} of {self.unsolved.size} lanes"
        return f"inaccurate: {lanes} given up or outside the limits"


def check(
    form: StandardForm,
    bound: np.ndarray,
    primal: np.ndarray,
    solved: np.ndarray,
    gap_limit: float = GAP_LIMIT,
    violation_limit: float = VIOLATION_LIMIT,
) -> Verdict:
    """Hold a solver's points against the bound and the equations.

    A solver's own word counts only against it: a lane that it gives up is unsolved.
    """
    finite = np.all(np.isfinite(primal), axis=1)
    objective = form.objective(np.where(finite[:, None], primal, 0.0))
    gap = np.where(finite, np.abs(objective - bound) / (1 + np.abs(objective)), np.inf)
    violation = form.violation(primal)
    missed = (gap > gap_limit) | (violation > violation_limit)
    return Verdict(gap, violation, missed | ~np.asarray(solved, bool))


def reference_bound(program: StorageProgram, tolerance: float = 1e-9) -> np.ndarray:
    """A rigorous lower bound on every lane's optimum, €.

    A lane whose bound is not tight to ten times `tolerance` gets HiGHS's optimum in its place.
    """
    solution = InteriorPoint(tolerance=jnp.asarray(tolerance)).solve(program)
    bound, objective = np.array(solution.certificate), np.asarray(solution.value.objective)
    loose = np.flatnonzero(~(objective - bound <= 10 * tolerance * (1 + np.abs(objective))))
    if loose.size:
        form = StandardForm.from_program(jax.tree.map(lambda x: x[..., loose], program))
        optima = [highs_optimum(form, lane) for lane in range(loose.size)]
        bound[loose] = [np.nan if optimum is None else optimum for optimum in optima]
    return bound


def highs_optimum(form: StandardForm, lane: int) -> float | None:
    """A lane's optimum by HiGHS, €; None where it finds the program infeasible."""
    result = linprog(
        form.cost[lane],
        A_eq=form.matrix(lane) if form.shape[0] else None,
        b_eq=form.right[lane] if form.shape[0] else None,
        bounds=np.stack([form.lower[lane], form.upper[lane]], axis=1),
        method="highs",
        options={"primal_feasibility_tolerance": 1e-9, "dual_feasibility_tolerance": 1e-9},
    )
    if result.status not in (0, 2):
        raise RuntimeError(f"HiGHS could not decide lane {lane}: {result.message}")
    return float(result.fun) + float(form.offset[lane]) if result.status == 0 else None


def worst_disagreement(form: StandardForm, bound: np.ndarray, lanes: np.ndarray) -> float:
    """Largest relative distance between the bound and HiGHS's optimum over some lanes."""
    distances = []
    for lane in lanes:
        optimum = highs_optimum(form, int(lane))
        distance = np.inf if optimum is None else abs(optimum - bound[lane]) / (1 + abs(optimum))
        distances.append(distance)
    return max(distances)
