"""What a good market is: numbers of a smoothed equilibrium, to be made small."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from mfgamm.core import InvalidInput, Number
from mfgamm.equilibrium import Metrics, peak

Weights = Float[Array, " type"]


def gini(savings: Float[Array, " type"], weights: Weights) -> Float[Array, ""]:
    """Gini coefficient of savings: mean difference of two households over twice the mean.

    0 if all save the same; above 1 where some lose.
    """
    apart = jnp.abs(savings[:, None] - savings[None, :])
    return weights @ apart @ weights / (2 * jnp.abs(weights @ savings))


class Measure(NamedTuple):
    """Something that may be made good.

    Attributes:
        of: its number, from the metrics and the weights of the types.
        sign: 1 where small is good, −1 where large is.
        unit: of the number; money is per household-day, power per household.
    """

    of: Callable[[Metrics, Weights], Float[Array, ""]]
    sign: int = 1
    unit: str = ""


OBJECTIVES: Mapping[str, Measure] = MappingProxyType(
    {
        "cost": Measure(lambda metrics, weights: metrics.cost, 1, "€"),
        "gain": Measure(lambda metrics, weights: metrics.gain, -1, "€"),
        "peak-import": Measure(lambda metrics, weights: metrics.peak_import, 1, "kW"),
        "self-sufficiency": Measure(lambda metrics, weights: metrics.self_sufficiency, -1),
        "worst-category": Measure(lambda metrics, weights: -peak(-metrics.savings), -1, "€"),
        "gini": Measure(lambda metrics, weights: gini(metrics.saving_by_type, weights)),
    }
)


def objective_label(name: str) -> str:
    """An objective with its unit: "gain, €"."""
    return ", ".join(part for part in (name, OBJECTIVES[name].unit) if part)


class Objective(eqx.Module):
    """A weighted sum of named objectives, to be minimised.

    "cost": what the community pays the grid (the planner's objective); "gain" over the grid alone,
    "self-sufficiency" and the saving of the "worst-category" count negatively; "peak-import" in kW
    per household; "gini" of the households' savings.

    Attributes:
        names: of `OBJECTIVES` (static).
        weights: of each.

    Raises:
        InvalidInput: if there is none, or one is unknown.
    """

    names: tuple[str, ...] = eqx.field(static=True, converter=tuple)
    weights: Float[Array, " objective"] = eqx.field(converter=lambda x: jnp.asarray(x) * 1.0)

    def __check_init__(self):
        unknown = [name for name in self.names if name not in OBJECTIVES]
        if unknown or not self.names or self.weights.shape != (len(self.names),):
            given = unknown[0] if unknown else self.names
            raise InvalidInput(
                "objective", given, "choose among " + ", ".join(OBJECTIVES) + ", a weight for each"
            )

    @classmethod
    def of(cls, **weights: Number) -> "Objective":
        """By name: `Objective.of(cost=1, peak_import=0.1)`."""
        names = [name.replace("_", "-") for name in weights]
        return cls(names, jnp.asarray([float(weight) for weight in weights.values()]))

    def terms(self, metrics: Metrics, weights: Weights) -> Float[Array, " objective"]:
        """Each objective, not weighted; small is good."""
        measures = [OBJECTIVES[name] for name in self.names]
        return jnp.stack([each.sign * each.of(metrics, weights) for each in measures])

    @property
    def signs(self) -> Float[np.ndarray, " objective"]:
        """What turns terms back into the numbers that the objectives are named after."""
        return np.array([float(OBJECTIVES[name].sign) for name in self.names])
