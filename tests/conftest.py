"""Double precision everywhere in the tests; one hypothesis profile for every machine."""

import gc
from pathlib import Path

import equinox as eqx
import hypothesis
import jax
import pytest

jax.config.update("jax_enable_x64", True)

hypothesis.settings.register_profile(
    "steady", deadline=None, derandomize=True, max_examples=60, print_blob=True
)
hypothesis.settings.load_profile("steady")

# Linux gives a process 65,530 maps of memory by default. XLA takes some for every program that it
# compiles and crashes when there are none left, as there would be before the end of all tests.
MOST_MAPS = 30_000


@pytest.fixture(autouse=True, scope="module")
def memory_maps_to_spare():
    """Forget compiled programs between files of tests where they have become too many."""
    yield
    maps = Path("/proc/self/maps")
    if maps.exists() and len(maps.read_bytes().splitlines()) > MOST_MAPS:
        jax.clear_caches()
        eqx.clear_caches()
        gc.collect()
