"""A small game of three clusters, and its solution."""

import functools

import jax.numpy as jnp
import numpy as np

from mfgamm.core import Tariff
from mfgamm.fixed_point import Anderson
from mfgamm.graphon import DenseAggregate
from mfgamm.market import NetLoadPricing, TwoLayerMarket
from mfgamm.meanfield import Axis, Deviation, EnergyStorage, household
from mfgamm.meanfield_game import MeanFieldGame, solve_mean_field_game

STEPS, HOURS, CLUSTERS = 8, 3.0, 3
HOUR = (np.arange(STEPS) + 0.5) * HOURS
SUN = np.maximum(np.sin(np.pi * (HOUR - 6) / 12), 0)
LOADS = 0.6 + 0.5 * np.exp(-((HOUR - 19) ** 2) / 8) - np.outer([0.2, 1.5, 3.0], SUN)
DISTANCE = np.array([[0, 0.4, 1.0], [0.4, 0, 0.7], [1.0, 0.7, 0]])
MASSES = jnp.asarray([0.5, 0.3, 0.2])
SLOPED = NetLoadPricing(lambda load: 0.09 + 0.05 * jnp.tanh(load))
METHOD = Anderson(tolerance=1e-9, mixing=0.5, memory=20, regularisation=1e-5)


def two_layers(decay=1.0, first=0.4, dearer=0.0):
    """A market whose share for the grid stays a fifth; `dearer` in €/kWh at every step."""
    return TwoLayerMarket(
        SLOPED,
        SLOPED,
        jnp.asarray([0.0, 0.8, 0.2]) + first * jnp.asarray([1.0, -1.0, 0.0]),
        Tariff(jnp.full(STEPS, 0.04), 0.14 + dearer + jnp.zeros(STEPS)),
        DenseAggregate(jnp.exp(-decay * DISTANCE)),
        MASSES,
        blur=0.05,
    )


def small_game(capacity=5.3, market=None, loads=LOADS):
    home = household(
        [
            Deviation.stationary(0.5, 2.0, 3),
            EnergyStorage(Axis.lattice(0.0, capacity, 5), 1.1, round_trip_efficiency=0.9),
        ],
        np.zeros(STEPS),
        HOURS,
    )
    start = home.grid.normal((0.0, 2.0), (0.5, 1.0))
    return MeanFieldGame(home, loads, start, two_layers() if market is None else market, MASSES)


GAME = small_game()


@functools.cache
def solved_game():
    """The equilibrium of `GAME`, to 1e-9 €/kWh."""
    return solve_mean_field_game(GAME, (0.02, 0.005), METHOD)
