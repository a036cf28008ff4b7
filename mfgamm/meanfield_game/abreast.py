"""Every cluster by itself, as many side by side as a cache holds."""

import math
from collections.abc import Callable
from typing import TypeVar

import jax
from jaxtyping import PyTree

from mfgamm.core import Prices
from mfgamm.meanfield import ControlledDiffusion
from mfgamm.meanfield_game.game import MeanFieldGame

# Numbers in one array over clusters, choices and states: on a CPU about what its caches hold. More
# is slower, less leaves the processor's cores without work.
CACHED_NUMBERS = 300_000

Found = TypeVar("Found", bound=PyTree)


def in_every_cluster(
    game: MeanFieldGame,
    solve: Callable[[ControlledDiffusion, jax.Array, Prices], Found],
    prices: Prices,
) -> Found:
    """What `solve(household, start, prices)` finds in each cluster, clusters first."""

    def one(cluster) -> Found:
        base_load, start, seen = cluster
        return solve(game.at_home(base_load), start, seen)

    clusters = game.base_load, game.starts, prices
    abreast = _abreast(game)
    if abreast >= game.clusters:
        return jax.vmap(one)(clusters)
    return jax.lax.map(one, clusters, batch_size=abreast)


def _abreast(game: MeanFieldGame) -> int:
    if jax.default_backend() != "cpu":
        return game.clusters
    numbers = game.household.grid.size * math.prod(game.levels.shape)
    return max(CACHED_NUMBERS // numbers, 1)
