"""What each cluster sees of all others, as linear operators with their transpose.

Flows carry their cluster's mass: x_q = mass_q·ξ_q, kW per household of the whole community, so
that Σ_q x_q is the community's average and no operator needs the masses.
"""

import abc

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from mfgamm.core import InvalidInput
from mfgamm.graphon.kernel import AbstractSeparableKernel
from mfgamm.graphon.parameter import as_number


def local_aggregate(
    exchange: Float[Array, "cluster *rest"], masses: Float[Array, " cluster"]
) -> Float[Array, "cluster *rest"]:
    """m_p = ∫_{I_p} ξ, what a cluster exchanges (GMFG paper, eq. 16).

    Args:
        exchange: ξ_p, of a cluster's households on average, kW.
        masses: share of households of each cluster.

    Returns:
        The flow with its mass, kW per household of the community.
    """
    return exchange * masses.reshape(-1, *(1,) * (exchange.ndim - 1))


def scalar_aggregate(
    seen: Float[Array, "cluster *rest"], masses: Float[Array, " cluster"]
) -> Float[Array, "*rest"]:
    """M_g = ∫A(x)dx = Σ_p mass_p·A_p, the coupling of the whole community (GMFG paper, eq. 18).

    Args:
        seen: A_p, the aggregate as seen from each cluster (`AbstractAggregate.apply`).
        masses: share of households of each cluster.
    """
    return jnp.tensordot(masses, seen, axes=1, precision="highest")


class AbstractAggregate(eqx.Module):
    """A linear operator on the leading (cluster) axis; further axes are carried along."""

    @abc.abstractmethod
    def apply(self, carried: Float[Array, "cluster *rest"]) -> Float[Array, "cluster *rest"]:
        """A_p = Σ_q W_pq·x_q, the community as seen from cluster p (GMFG paper, eq. 17).

        Args:
            carried: x_q = mass_q·ξ_q (`local_aggregate`).
        """

    @abc.abstractmethod
    def transpose(self, seen: Float[Array, "cluster *rest"]) -> Float[Array, "cluster *rest"]:
        """Σ_p W_pq·a_p: how what clusters see depends on what cluster q exchanges."""


class DenseAggregate(AbstractAggregate):
    """The whole matrix, symmetric or not: O(clusters²) an application.

    Attributes:
        weights: W_pq, how much p sees of q.
    """

    weights: Float[Array, "cluster cluster"] = eqx.field(converter=jnp.asarray)

    def apply(self, carried: Float[Array, "cluster *rest"]) -> Float[Array, "cluster *rest"]:
        return jnp.tensordot(self.weights, carried, axes=1, precision="highest")

    def transpose(self, seen: Float[Array, "cluster *rest"]) -> Float[Array, "cluster *rest"]:
        return jnp.tensordot(self.weights.T, seen, axes=1, precision="highest")


class SeparableAggregate(AbstractAggregate):
    """W_pq = scale·f_p·f_q, exactly and in O(clusters).

    Attributes:
        scale: in front, dimensionless.
        factor: f_p, dimensionless.
    """

    scale: Float[Array, ""] = eqx.field(converter=as_number)
    factor: Float[Array, " cluster"] = eqx.field(converter=jnp.asarray)

    @classmethod
    def of_kernel(
        cls, kernel: AbstractSeparableKernel, positions: Float[Array, " cluster"]
    ) -> "SeparableAggregate":
        """The aggregate of clusters at `positions` in [0, 1].

        Raises:
            InvalidInput: if the kernel is not separable.
        """
        if not isinstance(kernel, AbstractSeparableKernel):
            raise InvalidInput(
                "kernel", kernel, "is not separable; discretise it with StepGraphon.from_kernel"
            )
        return cls(kernel.scale, kernel.factor(positions))

    def apply(self, carried: Float[Array, "cluster *rest"]) -> Float[Array, "cluster *rest"]:
        total = jnp.tensordot(self.factor, carried, axes=1, precision="highest")
        return self.scale * jnp.tensordot(self.factor, total, axes=0)

    def transpose(self, seen: Float[Array, "cluster *rest"]) -> Float[Array, "cluster *rest"]:
        return self.apply(seen)
