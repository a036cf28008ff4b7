"""Who counts for how much, and where: types of households, and the clusters that they live in."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from mfgamm.core.errors import InvalidInput
from mfgamm.core.numerics import concrete


class Clusters(eqx.Module):
    """A partition of household types: each type lives in one cluster.

    Types are sorted by cluster, so that a cluster is a range of neighbours; it may be empty.

    Attributes:
        of_type: number of each type's cluster, from 0.
        count: how many clusters there are (static).

    Raises:
        InvalidInput: if a number is out of range, or types are not sorted by cluster.
    """

    of_type: Int[Array, " type"] = eqx.field(converter=jnp.asarray)
    count: int = eqx.field(static=True)

    def __check_init__(self):
        numbers = concrete(self.of_type)
        if self.count < 1:
            raise InvalidInput("clusters.count", self.count, "must be at least 1")
        if numbers is None or numbers.size == 0:
            return
        if numbers.min() < 0 or numbers.max() >= self.count:
            raise InvalidInput(
                "clusters.of_type",
                int(numbers[(numbers < 0) | (numbers >= self.count)][0]),
                f"clusters are numbered from 0 to {self.count - 1}",
            )
        if np.any(np.diff(numbers) < 0):
            raise InvalidInput(
                "clusters.of_type", "not sorted", "list the types cluster by cluster"
            )

    @property
    def starts(self) -> Int[Array, " boundary"]:
        """Where each cluster begins among the types, and after the last one their number."""
        return jnp.searchsorted(self.of_type, jnp.arange(self.count + 1)).astype(jnp.int32)


class Membership(eqx.Module):
    """Shares of household types in the population, by cluster if there are any.

    Attributes:
        weights: share of each type; over all clusters they sum to one.
        clusters: where types live; None if there is one community.
    """

    weights: Float[Array, " type"]
    clusters: Clusters | None = None

    def total(self, each: Float[Array, "type *rest"]) -> Float[Array, "..."]:
        """Weighted sums over types, `[*rest]`, or `[cluster, *rest]`: per household overall."""
        if self.clusters is None:
            return jnp.tensordot(self.weights, each, axes=1, precision="highest")
        weights = self.weights.reshape(-1, *(1,) * (each.ndim - 1))
        return jax.ops.segment_sum(
            weights * each,
            self.clusters.of_type,
            num_segments=self.clusters.count,
            indices_are_sorted=True,
        )

    def largest(self, each: Float[Array, " type"]) -> Float[Array, " cluster"]:
        """The largest number of each cluster's types, −∞ where there is none; one for all types."""
        if self.clusters is None:
            return jnp.max(each, keepdims=True)
        return jax.ops.segment_max(
            each, self.clusters.of_type, self.clusters.count, indices_are_sorted=True
        )

    def at_home(self, quoted: Float[Array, "..."]) -> Float[Array, "..."]:
        """What holds for each type: `[type, time]` from `[cluster, time]`; `[time]` for all."""
        if self.clusters is None or quoted.ndim < 2:
            return quoted
        return quoted[self.clusters.of_type]

    @property
    def starts(self) -> Int[Array, " boundary"]:
        """Where each cluster begins among the types, and after the last one their number."""
        if self.clusters is None:
            return jnp.asarray([0, self.weights.size], jnp.int32)
        return self.clusters.starts

    @property
    def count(self) -> int:
        """How many clusters there are; one community is one."""
        return 1 if self.clusters is None else self.clusters.count

    @property
    def masses(self) -> Float[Array, " cluster"]:
        """Share of the households that live in each cluster."""
        return jnp.atleast_1d(self.total(jnp.ones_like(self.weights)))
