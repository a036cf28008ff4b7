"""How things are measured: warm medians, processor time, peak memory, and on what machine."""

import importlib.metadata
import os
import platform
import resource
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

VERSIONS = ("mfgamm", "jax", "jaxlib", "numpy", "scipy")


class Timing(NamedTuple):
    """Warm timing of a call.

    Attributes:
        seconds: median of the repeats, s.
        best, worst: of the repeats, s.
        cores: processor time over wall time: how many cores were busy.
        repeats: how many.
    """

    seconds: float
    best: float
    worst: float
    cores: float
    repeats: int


def time_warm(
    call: Callable[[], object],
    repeats: int,
    limit: float,
    cpu_seconds: Callable[[], float] = time.process_time,
) -> Timing:
    """Time `call`, which must block until it is done, after it has run at least once before.

    Args:
        repeats: how often, if the limit allows.
        limit: no further repeat begins after this many seconds.
    """
    walls, busy, begin = [], [], time.perf_counter()
    while len(walls) < repeats and (not walls or time.perf_counter() - begin < limit):
        cpu, start = cpu_seconds(), time.perf_counter()
        call()
        walls.append(time.perf_counter() - start)
        busy.append(cpu_seconds() - cpu)
    cores = sum(busy) / sum(walls)
    return Timing(statistics.median(walls), min(walls), max(walls), cores, len(walls))


def peak_memory_mb() -> float:
    """Peak resident memory of this process so far, MB."""
    # The kernel's own count first: `getrusage` also remembers the process that started this one.
    listing = Path("/proc/self/status")
    if listing.exists():
        for line in listing.read_text("utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e6
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6


def usable_cores() -> int:
    """Cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def machine_facts() -> dict[str, object]:
    """What the figures depend on besides the code."""
    import jax

    facts: dict[str, object] = {
        "cpu": _cpu_model(),
        "cores": usable_cores(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "load_at_start": round(os.getloadavg()[0], 2),
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
        "devices": [f"{d.platform}: {d.device_kind}" for d in jax.devices()],
    }
    return facts | {name: importlib.metadata.version(name) for name in VERSIONS}


def _cpu_model() -> str:
    listing = Path("/proc/cpuinfo")
    if listing.exists():
        for line in listing.read_text("utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
