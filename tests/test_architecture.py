"""The house keeps its order: floors, no side effects at import, files of readable length."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import mfgamm

PACKAGE = Path(mfgamm.__file__).parent
FLOORS = {
    "core": 0,
    "amm": 1,
    "fixed_point": 1,
    "graphon": 1,
    "lp": 1,
    "meanfield": 2,
    "prosumer": 2,
    "market": 2,
    "equilibrium": 3,
    "meanfield_game": 3,
    "planner": 3,
    "tuning": 4,
    "scenario": 5,
    "study": 6,
    "cli": 7,
}


def room_of(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_rooms(path):
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.level or not node.module):
            yield "relative"
        names = []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module]
            if node.module == "mfgamm":
                names = [f"mfgamm.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        for name in names:
            parts = name.split(".")
            if parts[0] == "mfgamm" and len(parts) > 1:
                yield parts[1]


MODULES = [path for path in sorted(PACKAGE.rglob("*.py")) if path.name != "__init__.py"] + [
    path for path in sorted(PACKAGE.rglob("__init__.py")) if path.parent != PACKAGE
]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_room_imports_lower_floors_only(path):
    room = room_of(path)
    for other in imported_rooms(path):
        assert other != "relative", "imports are absolute"
        if other != room:
            assert FLOORS[other] < FLOORS[room], f"{room} imports {other}"


def test_every_room_has_a_floor_and_none_is_empty():
    rooms = {room_of(path) for path in PACKAGE.rglob("*.py")} - {"__init__"}
    assert rooms == set(FLOORS)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_files_are_short_and_named_after_something(path):
    assert len(path.read_text("utf-8").splitlines()) <= 400
    assert not {"utils", "helpers", "misc", "common"} & set(path.stem.split("_"))


def test_importing_changes_nothing():
    """No configuration is written, no device is touched, nothing is printed."""
    script = (
        "import jax; before = dict(jax.config.values); import mfgamm; "
        "from jax._src import xla_bridge; "
        "assert dict(jax.config.values) == before; "
        "assert not xla_bridge._backends, 'a device was initialised'"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
