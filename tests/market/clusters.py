"""Random flows of clusters, and markets that couple them."""

import jax.numpy as jnp
import numpy as np

from mfgamm import Tariff
from mfgamm.core import Clusters, Membership
from mfgamm.graphon import DenseAggregate

CLUSTERS, TYPES, STEPS = 4, 9, 5
QUARTER = jnp.asarray(0.25)
TARIFF = Tariff(jnp.full(STEPS, 0.08), jnp.linspace(0.15, 0.25, STEPS))
# The third cluster is empty.
HOMES = Clusters([0, 0, 0, 1, 1, 3, 3, 3, 3], CLUSTERS)


def random_trades(seed: int):
    """What each type sells and buys, kW, and the members; some cluster only sells, some buys."""
    random = np.random.default_rng(seed)
    net = random.normal(size=(TYPES, STEPS)) + random.choice([-3.0, 0.0, 3.0], size=(TYPES, 1))
    weights = random.uniform(0.1, 1, TYPES)
    members = Membership(jnp.asarray(weights / weights.sum()), HOMES)
    return jnp.maximum(jnp.asarray(net), 0), jnp.maximum(-jnp.asarray(net), 0), members


def random_coupling(seed: int) -> DenseAggregate:
    """Weights of clusters at random places, one on the diagonal."""
    places = np.random.default_rng(seed).random((CLUSTERS, 2))
    distance = np.linalg.norm(places[:, None] - places, axis=-1)
    return DenseAggregate(jnp.asarray(np.exp(-2 * distance)))


EVERYBODY = DenseAggregate(jnp.ones((CLUSTERS, CLUSTERS)))
NOBODY = DenseAggregate(jnp.eye(CLUSTERS))
