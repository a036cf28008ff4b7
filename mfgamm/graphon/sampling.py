"""Finite networks drawn from a kernel: the communities whose limit a graphon is."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from mfgamm.core import InvalidInput
from mfgamm.graphon.kernel import AbstractKernel
from mfgamm.graphon.step_graphon import StepGraphon


class SampledNetwork(eqx.Module):
    """Nodes with their places in [0, 1] and the weights of their ties.

    Attributes:
        positions: of the nodes, ascending.
        weights: symmetric, in [0, 1]; 0 or 1 if the network is a simple graph.
    """

    positions: Float[Array, " node"]
    weights: Float[Array, "node node"]

    def step_graphon(self) -> StepGraphon:
        """The network's own graphon: every node a cell of equal mass, in order of place."""
        return StepGraphon.from_matrix(self.weights)


def regular_positions(nodes: int) -> Float[Array, " node"]:
    """The midpoints of equal cells."""
    _require_nodes(nodes)
    return (jnp.arange(nodes) + 0.5) / nodes


def uniform_positions(key: PRNGKeyArray, nodes: int) -> Float[Array, " node"]:
    """Independent uniform draws, sorted, so that step graphons of different networks compare."""
    _require_nodes(nodes)
    return jnp.sort(jax.random.uniform(key, (nodes,), dtype=float))


def weighted_network(kernel: AbstractKernel, positions: Float[Array, " node"]) -> SampledNetwork:
    """Ties as strong as the kernel says, W(x_i, x_j), a node's tie to itself among them.

    Differentiable in the kernel's parameters.
    """
    return SampledNetwork(positions, kernel(positions[:, None], positions[None, :]))


def bernoulli_network(
    key: PRNGKeyArray, kernel: AbstractKernel, positions: Float[Array, " node"]
) -> SampledNetwork:
    """A simple graph: i and j ≠ i are tied with probability W(x_i, x_j), independently.

    Ties are drawn, hence not differentiable.
    """
    chance = kernel(positions[:, None], positions[None, :])
    drawn = jnp.triu(jax.random.uniform(key, chance.shape, dtype=float) < chance, 1)
    return SampledNetwork(positions, (drawn | drawn.T).astype(chance.dtype))


def _require_nodes(nodes: int) -> None:
    if nodes < 1:
        raise InvalidInput("nodes", nodes, "a network needs at least one node")
