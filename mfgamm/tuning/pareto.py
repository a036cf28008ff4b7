"""What one objective costs in terms of another: a front, by sweeping their weights."""

from collections.abc import Sequence

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
        terms: both objectives at each weight; small is good.
        tunings: the searches.
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
) -> ParetoFront:
    """Tune for (1 − w)·first/scale + w·second/scale, each weight from the last one's answer.

    Weighted sums find the convex part of a front only.

    Args:
        communities, design, schedule, barrier, blur: as in `tune`.
        objectives: two names.
        weights: w, in [0, 1].
        scales: of the objectives, so that their numbers compare.

    Raises:
        InvalidInput: if a weight lies outside [0, 1], or a scale is not positive.
        NotConverged: if there is no equilibrium to begin with.
    """
    if not all(0 <= weight <= 1 for weight in weights):
        raise InvalidInput("weights", list(weights), "must lie in [0, 1]")
    if not all(scale > 0 for scale in scales):
        raise InvalidInput("scales", list(scales), "must be positive")
    tunings: list[Tuning] = []
    start: Parameters | None = None
    for weight in weights:
        shares = jnp.asarray([(1 - weight) / scales[0], weight / scales[1]])
        objective = Objective(objectives, shares)
        tuning = tune(
            communities, design, objective, schedule, start=start, barrier=barrier, blur=blur
        )
        tunings.append(tuning)
        start = tuning.value
    return ParetoFront(
        names=objectives,
        weights=np.array(weights, float),
        terms=np.stack([each.terms for each in tunings]),
        tunings=tuple(tunings),
    )
