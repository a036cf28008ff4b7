"""Searches in pieces: the iterates of the whole, wherever they are stopped and taken up again."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mfgamm.core import Checkpoint, InvalidInput, Status
from mfgamm.core.checkpoint import FILE
from mfgamm.fixed_point import (
    Anderson,
    NewtonKrylov,
    Picard,
    pursue,
    pursue_fixed_point,
    solve_fixed_point,
)
from mfgamm.study import measure_compilation

START = {"a": jnp.zeros(3), "b": jnp.ones(())}
METHODS = {
    "picard": Picard(tolerance=1e-6),
    "anderson": Anderson(tolerance=1e-12, memory=2, mixing=0.3),
    "newton": NewtonKrylov(tolerance=1e-14, krylov=1, cycles=1),
}


def bend(x, gain):
    return {"a": jnp.cos(gain * x["a"] + jnp.arange(3.0)) + x["b"] / 3, "b": jnp.sin(x["a"].sum())}


@pytest.fixture(params=METHODS.values(), ids=METHODS)
def method(request):
    return request.param


@pytest.fixture(autouse=True)
def single_iterations(monkeypatch):
    """Pieces as they are where an iteration takes long."""
    monkeypatch.setattr(pursue, "PIECE_SECONDS", 0.0)


def assert_same(one, other):
    same = jax.tree.map(lambda a, b: np.array_equal(a, b, equal_nan=True), one, other)
    assert all(jax.tree.leaves(same)), same


def stop_after(iterations):
    def on_pause(found):
        if found.iterations >= iterations:
            raise KeyboardInterrupt

    return on_pause


def test_pieces_have_the_iterates_of_the_whole(method):
    whole = solve_fixed_point(bend, START, 0.7, method)
    seen = []
    found = pursue_fixed_point(bend, START, 0.7, method, on_pause=seen.append)
    assert_same(found, whole)
    assert [int(each.iterations) for each in seen] == list(range(int(whole.iterations) + 1))
    assert [Status(int(each.status)) for each in seen[:-1]] == [Status.INTERRUPTED] * len(seen[1:])
    assert seen[-1].converged and len(seen) > 4


def test_a_search_taken_up_again_ends_as_if_it_had_never_stopped(method, tmp_path):
    checkpoint = Checkpoint(tmp_path)
    arguments = (bend, START, 0.7, method)
    whole = pursue_fixed_point(*arguments)
    stopped = pursue_fixed_point(*arguments, on_pause=stop_after(3), checkpoint=checkpoint)
    assert stopped.status == Status.INTERRUPTED and stopped.iterations == 3
    assert float(stopped.certificate) == np.nanmin(stopped.history)
    again = pursue_fixed_point(*arguments, on_pause=stop_after(0), checkpoint=checkpoint)
    assert_same(again, stopped)
    seen = []
    with measure_compilation() as clock:
        resumed = pursue_fixed_point(*arguments, on_pause=seen.append, checkpoint=checkpoint)
    assert_same(resumed, whole)
    assert seen[0].iterations == 3 and clock.seconds == 0
    assert_same(pursue_fixed_point(*arguments, checkpoint=checkpoint), whole)


def test_a_stop_that_comes_when_all_is_done_changes_nothing():
    whole = pursue_fixed_point(bend, START, 0.7, METHODS["anderson"])
    stop = stop_after(int(whole.iterations))
    assert_same(pursue_fixed_point(bend, START, 0.7, METHODS["anderson"], on_pause=stop), whole)


def test_pieces_grow_to_half_a_second(monkeypatch):
    monkeypatch.setattr(pursue, "PIECE_SECONDS", 1e9)
    seen = []
    found = pursue_fixed_point(bend, START, 0.7, METHODS["anderson"], on_pause=seen.append)
    assert [int(each.iterations) for each in seen] == [0, 1, int(found.iterations)]


def test_saves_every_so_many_iterations(tmp_path):
    written = []

    def on_pause(found):
        file = tmp_path / "a" / FILE
        written.append(file.stat().st_mtime_ns if file.exists() else None)

    checkpoint = Checkpoint(tmp_path / "a", every_rounds=3, every_seconds=1e9)
    pursue_fixed_point(
        bend, START, 0.7, METHODS["anderson"], on_pause=on_pause, checkpoint=checkpoint
    )
    assert written[:3] == [None] * 3 and written[3] == written[4] == written[5] is not None
    assert written[6] != written[5]


def test_another_search_is_refused(tmp_path):
    checkpoint, method = Checkpoint(tmp_path), METHODS["anderson"]
    pursue_fixed_point(bend, START, 0.7, method, on_pause=stop_after(2), checkpoint=checkpoint)
    further = {"a": jnp.ones(3), "b": jnp.ones(())}
    for other in (
        (lambda x, gain: bend(x, gain), START, 0.7, method),
        (bend, further, 0.7, method),
        (bend, START, 0.8, method),
        (bend, START, 0.7, Anderson(tolerance=1e-13, memory=2, mixing=0.3)),
        (bend, START, 0.7, Anderson(tolerance=1e-12, memory=3, mixing=0.3)),
    ):
        with pytest.raises(InvalidInput, match="another problem, method or start; undo"):
            pursue_fixed_point(*other, checkpoint=checkpoint)
