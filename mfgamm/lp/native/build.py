"""Builds the compiled kernel: C++ for one shape of program, made when it is first needed.

A machine's own compiler knows its vector registers, so the library is compiled where it runs. It
is kept in the user's cache folder under a name that stands for the source, the compiler, the
processor's features and the version of the foreign function interface.
"""

import ctypes
import functools
import hashlib
import os
import shutil
import subprocess
import tempfile
import warnings
from pathlib import Path

import jax
import jaxlib

from mfgamm.core import Status

FLAGS = ("-std=c++17", "-O3", "-march=native", "-fPIC", "-shared")
SOURCES = Path(__file__).parent
MAIN_SOURCE = SOURCES / "library.cc"


class CompilerMissing(RuntimeError):
    """No C++ compiler on this machine, or none that compiles the kernel."""


@functools.cache
def is_available() -> bool:
    """Whether a C++ compiler is at hand that works; a broken one is named in a warning."""
    if _compiler() is None:
        return False
    try:
        build_library((1, -1), 1, False)
    except (CompilerMissing, OSError) as error:
        warnings.warn(f"falling back to the slower kernel: {error}", stacklevel=2)
        return False
    return True


@functools.cache
def build_library(signs: tuple[int, ...], stores: int, curved: bool) -> ctypes.CDLL:
    """The library for programs of one shape, from the cache folder or freshly compiled.

    Args:
        signs: of the exchanges in the balance.
        stores: number of stores.
        curved: whether objectives have a quadratic part.

    Raises:
        CompilerMissing: with the compiler's own words where it failed.
    """
    shape = (
        f"-DMFGAMM_SIGNS={','.join(map(str, signs))}",
        f"-DMFGAMM_STORES={stores}",
        f"-DMFGAMM_CURVED={int(curved)}",
        *(f"-DMFGAMM_{status.name}={int(status)}" for status in Status),
    )
    target = cache_folder() / f"interior_point_{_fingerprint(shape)}.so"
    if not target.exists():
        _compile(shape, target)
    return ctypes.CDLL(str(target))


def cache_folder() -> Path:
    """Where libraries are kept: `MFGAMM_CACHE`, else `mfgamm` in the user's cache folder."""
    chosen = os.environ.get("MFGAMM_CACHE")
    if chosen:
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mfgamm"


def _compile(shape: tuple[str, ...], target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    # Compiled aside and moved into place, so that two processes may do it at once.
    with tempfile.TemporaryDirectory(dir=target.parent) as aside:
        output = Path(aside) / target.name
        _run(*FLAGS, *shape, f"-I{jax.ffi.include_dir()}", str(MAIN_SOURCE), "-o", str(output))
        os.replace(output, target)


def _fingerprint(shape: tuple[str, ...]) -> str:
    source = [path.read_bytes() for path in [*sorted(SOURCES.glob("*.h")), MAIN_SOURCE]]
    parts = [*source, _machine(), " ".join(shape).encode(), jaxlib.__version__.encode()]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:20]


@functools.cache
def _machine() -> bytes:
    """The compiler's and the processor's features: all macros that the compiler predefines."""
    return _run(*FLAGS[:3], "-dM", "-E", "-x", "c++", os.devnull).encode()


@functools.cache
def _compiler() -> str | None:
    """Path of the C++ compiler: `CXX`, or the first of the usual names; None without one."""
    chosen = os.environ.get("CXX")
    names = [chosen] if chosen else ["g++", "clang++", "c++"]
    return next((path for name in names if (path := shutil.which(name))), None)


def _run(*arguments: str) -> str:
    path = _compiler()
    if path is None:
        raise CompilerMissing("no C++ compiler (g++ or clang++) was found")
    done = subprocess.run([path, *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise CompilerMissing(f"{path} could not compile the kernel:\n{done.stderr}")
    return done.stdout
