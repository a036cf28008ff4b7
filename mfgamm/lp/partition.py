"""Which lanes are solved where: shards on the devices of a mesh, chunks that fit a cache.

Lanes are the last axis of every array of a batch, and of what solving it gives.
"""

from collections.abc import Callable
from typing import TypeVar

import jax
import jax.numpy as jnp
from jax.sharding import AxisType, Mesh, PartitionSpec

from mfgamm.lp.storage_program import StorageProgram

Batch = TypeVar("Batch")
Solved = TypeVar("Solved")


# Numbers in one array of variables of a chunk: half a megabyte in double precision, measured to be
# about the best from a day of hours to a week of quarter-hours.
CHUNK_SIZE = 60_000
FEWEST_LANES, MOST_LANES = 8, 256


def cached_lanes(program: StorageProgram) -> int:
    """How many lanes of a program to solve abreast: wide enough for vectors, small for a cache."""
    variables, time, _ = program.cost.shape
    fitting = CHUNK_SIZE // (variables * time)
    return min(max(fitting, FEWEST_LANES), MOST_LANES) // 8 * 8


def solve_in_chunks(solve: Callable[[Batch], Solved], batch: Batch, size: int) -> Solved:
    """Solve `size` lanes abreast, one chunk after another.

    Lanes wait for the slowest of their chunk only, and a chunk's arrays stay in cache.
    """
    lanes = _lanes(batch)
    size = min(size, lanes)
    count = -(-lanes // size)
    index = _padded(lanes, count * size).reshape(count, size)
    pieces = jax.lax.map(lambda chosen: solve(_take(batch, chosen)), index)

    def merge(pieces):
        return jnp.moveaxis(pieces, 0, -2).reshape(*pieces.shape[1:-1], count * size)[..., :lanes]

    return jax.tree.map(merge, pieces)


def solve_in_shards(solve: Callable[[Batch], Solved], batch: Batch, mesh: Mesh) -> Solved:
    """Solve an equal share of the lanes on every device of a mesh; nothing is communicated."""
    lanes, shards = _lanes(batch), mesh.size
    padded = _take(batch, _padded(lanes, -(-lanes // shards) * shards))
    # Whatever the caller's axis types, the compiler moves the program to the shards.
    automatic = Mesh(mesh.devices, mesh.axis_names, axis_types=(AxisType.Auto,) * mesh.devices.ndim)

    def lanes_split(array) -> PartitionSpec:
        return PartitionSpec(*[None] * (array.ndim - 1), mesh.axis_names)

    # Shards run loops of different lengths, which the check for replicated values cannot follow.
    sharded = jax.shard_map(
        solve,
        mesh=automatic,
        in_specs=(jax.tree.map(lanes_split, padded),),
        out_specs=jax.tree.map(lanes_split, jax.eval_shape(solve, padded)),
        check_vma=False,
    )
    return jax.tree.map(lambda array: array[..., :lanes], sharded(padded))


def _padded(lanes: int, total: int):
    """Indices of all lanes, filled up with the first one: it ends when it ends anyway."""
    return jnp.where(jnp.arange(total) < lanes, jnp.arange(total), 0)


def _lanes(batch) -> int:
    return jax.tree.leaves(batch)[0].shape[-1]


def _take(batch: Batch, chosen) -> Batch:
    return jax.tree.map(lambda array: array[..., chosen], batch)
