"""Random numbers that belong to a name, so that no draw depends on how many others there are."""

import hashlib

import numpy as np


def stream(seed: int, *name: str) -> np.random.Generator:
    """The generator that belongs to a seed and a name, such as ("solar-17", "battery").

    Streams of different names are independent. A household keeps its draws when the community
    grows, when another category joins, and when another component draws more or fewer numbers.
    """
    digest = hashlib.blake2b("\0".join(name).encode(), digest_size=16).digest()
    key = int.from_bytes(digest, "little")
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(key,)))
