"""What a good market is: numbers of a smoothed equilibrium, to be made small."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from mfgamm.core import InvalidInput, Number
from mfgamm.equilibrium import Metrics

Weights = Float[Array, " type"]


def gini(savings: Float[Array, " type"], weights: Weights) -> Float[Array, ""]:
    """Gini coefficient of savings: mean difference of two households over twice the mean.

    0 if all save the same; above 1 where some lose.
    """
    apart = jnp.abs(savings[:, None] - savings[None, :])
    return weights @ apart @ weights / (2 * jnp.abs(weights @ savings))


# Each to be made small; money in € per household-day.
OBJECTIVES: Mapping[str, Callable[[Metrics, Weights], Float[Array, ""]]] = MappingProxyType(
    {
        "cost": lambda metrics, weights: metrics.cost,
        "gain": lambda metrics, weights: -metrics.gain,
        "peak-import": lambda metrics, weights: metrics.peak_import,
        "self-sufficiency": lambda metrics, weights: -metrics.self_sufficiency,
        "worst-category": lambda metrics, weights: -jnp.min(metrics.savings),
        "gini": lambda metrics, weights: gini(metrics.saving_by_type, weights),
    }
)


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
        """Each objective, not weighted."""
        return jnp.stack([OBJECTIVES[name](metrics, weights) for name in self.names])
