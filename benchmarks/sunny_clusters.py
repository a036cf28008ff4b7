"""A small mean field game for benchmarks: clusters with a battery each, sunnier one by one."""

import jax.numpy as jnp
import numpy as np

from mfgamm import Tariff
from mfgamm.graphon import OneMinusMax, StepGraphon
from mfgamm.market import AbstractLayerPricing, TwoLayerMarket
from mfgamm.meanfield import Axis, Deviation, EnergyStorage, household
from mfgamm.meanfield_game import MeanFieldGame

STEPS, HOURS = 24, 1.0
FEED_IN, RETAIL = 0.08, 0.22


def sunny_clusters(
    clusters: int, pricing: AbstractLayerPricing, blur: float = 0.0
) -> MeanFieldGame:
    """Two layers of prices and the grid's; W = 1 − max(x, y)."""
    clock = (np.arange(STEPS) + 0.5) * HOURS
    light = np.maximum(0.0, np.sin((clock - 6) / 12 * np.pi))
    load = 0.5 + 0.8 * np.exp(-((clock - 19) ** 2) / 8)
    devices = [Deviation.stationary(0.6, 2.0, 5), EnergyStorage(Axis.lattice(0.0, 6.0, 13), 2.0)]
    home = household(devices, np.zeros(STEPS), HOURS)
    graphon = StepGraphon.from_kernel(OneMinusMax(), clusters)
    market = TwoLayerMarket(
        local_pricing=pricing,
        global_pricing=pricing,
        shares=jnp.asarray([0.4, 0.4, 0.2]),
        tariff=Tariff(jnp.full(STEPS, FEED_IN), jnp.full(STEPS, RETAIL)),
        coupling=graphon.aggregate(),
        masses=graphon.masses,
        blur=blur,
    )
    loads = load - np.outer(np.linspace(0.5, 3.0, clusters), light)
    start = home.grid.normal((0.0, 2.0), (0.6, 1.0))
    return MeanFieldGame(home, loads, start, market, graphon.masses)
