"""What one objective costs in terms of another: a front, by sweeping their weights."""

from collections.abc import Callable, Sequence

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float

from mfgamm.core import InvalidInput, Number
from mfgamm.equilibrium import Community
from mfgamm.tuning.knobs import Design, Parameters
from mfgamm.tuning.objectives import Objective
from mfgamm.tuning.tune import Schedule, Tuning, tune


class ParetoFront(eqx.Module):
    """Tuned markets from all weight on one objective to all weight on the other.

    Attributes:
        names: of the two objectives (static).
        weights: of the second, in [0, 1].
        terms: both objectives at each weight, in exact equilibria, averaged over the communities;
            small is good.
        tunings: the searches, which look at smoothed equilibria: a point need not be efficient.
    """

    names: tuple[str, str] = eqx.field(static=True)
    weights: Float[np.ndarray, " point"]
    terms: Float[np.ndarray, "point 2"]
    tunings: tuple[Tuning, ...]

    @property
    def efficient(self) -> Bool[np.ndarray, " point"]:
        """Which points no other one beats in both objectives."""
        no_worse = np.all(self.terms[:, None] <= self.terms[None], axis=-1)
        better = np.any(self.terms[:, None] < self.terms[None], axis=-1)
        return ~np.any(no_worse & better, axis=0)


def pareto_front(
    communities: Community | Sequence[Community],
    design: Design,
    objectives: tuple[str, str],
    weights: Sequence[Number] = (0.0, 0.25, 0.5, 0.75, 1.0),
    *,
    scales: tuple[Number, Number] = (1.0, 1.0),
    schedule: Schedule | None = None,
    barrier: Number = 1e-4,
    blur: Number = 1e-3,
    on_point: Callable[[int, Tuning], None] | None = None,
) -> ParetoFront:
    """Tune for (1 − w)·first/scale + w·second/scale, each weight from what was best for it so far.

    Weighted sums find the convex part of a front only.

    Args:
        communities, design, barrier, blur: as in `tune`.
        objectives: two names.
        weights: w, in [0, 1].
        scales: of the objectives, so that their numbers compare.
        schedule: of each search; only the first one's start is jittered.
        on_point: called after every search with how many there were, and the last.

    Raises:
        InvalidInput: if a weight lies outside [0, 1], or a scale is not positive.
        NotConverged: if there is no equilibrium to begin with.
    """
    if not all(0 <= weight <= 1 for weight in weights):
        raise InvalidInput("weights", list(weights), "must lie in [0, 1]")
    if not all(scale > 0 for scale in scales):
        raise InvalidInput("scales", list(scales), "must be positive")
    given = (communities,) if isinstance(communities, Community) else tuple(communities)
    schedule = Schedule() if schedule is None else schedule
    tunings: list[Tuning] = []
    for weight in weights:
        shares = np.array([(1 - weight) / scales[0], weight / scales[1]], float)
        objective, start = Objective(objectives, shares), _best_so_far(tunings, shares)
        tuning = tune(given, design, objective, schedule, start=start, barrier=barrier, blur=blur)
        tunings.append(tuning)
        schedule = schedule._replace(jitter=0.0)
        if on_point is not None:
            on_point(len(tunings), tuning)
    return ParetoFront(
        names=objectives,
        weights=np.array(weights, float),
        terms=np.stack([_exact(objectives, each, given) for each in tunings]),
        tunings=tuple(tunings),
    )


def _best_so_far(
    tunings: list[Tuning], shares: Float[np.ndarray, " objective"]
) -> Parameters | None:
    """Among where searches began and what they found, the best by these weights; None at first."""
    seen = [(shares @ each.history.terms[0], each.start) for each in tunings]
    seen += [(shares @ each.terms, each.value) for each in tunings]
    return min(seen, key=lambda one: one[0])[1] if seen else None


def _exact(
    names: tuple[str, str], tuning: Tuning, communities: Sequence[Community]
) -> Float[np.ndarray, " objective"]:
    objective = Objective(names, jnp.ones(2))
    terms = [
        objective.terms(metrics, each.population.types.weights)
        for metrics, each in zip(tuning.metrics, communities, strict=True)
    ]
    return np.mean(terms, axis=0)
