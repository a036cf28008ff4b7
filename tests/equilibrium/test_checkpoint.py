import jax
import numpy as np
import pytest
from equilibrium.communities import community_of, make_households

from mfgamm import (
    ColumnGeneration,
    FictitiousPlay,
    InvalidInput,
    PathFollowing,
    solve_equilibrium,
)
from mfgamm.core import Checkpoint
from mfgamm.core.checkpoint import FILE, fingerprint

ROUNDS = 9
SETTINGS = {"tolerance": 1e-12, "throw": False}


@pytest.fixture(scope="module")
def community():
    return community_of(make_households())


@pytest.fixture(
    params=[PathFollowing(), ColumnGeneration(), FictitiousPlay()],
    ids=["path", "columns", "averages"],
)
def solver(request):
    return request.param


def stop_after(rounds):
    def on_round(progress):
        if progress.round == rounds:
            raise KeyboardInterrupt

    return on_round


def test_a_search_taken_up_again_ends_as_if_it_had_never_stopped(community, solver, tmp_path):
    whole = solve_equilibrium(community, solver, max_rounds=ROUNDS, **SETTINGS)
    checkpoint = Checkpoint(tmp_path)
    solve_equilibrium(community, solver, checkpoint=checkpoint, on_round=stop_after(4), **SETTINGS)
    seen = []
    resumed = solve_equilibrium(
        community,
        solver,
        checkpoint=checkpoint,
        max_rounds=ROUNDS,
        on_round=lambda progress: seen.append(progress.round),
        **SETTINGS,
    )
    assert seen == list(range(4, ROUNDS + 1))
    for name in ("value", "mixture", "prices", "certificate"):
        same = jax.tree.map(np.array_equal, getattr(resumed, name), getattr(whole, name))
        assert all(jax.tree.leaves(same)), name
    np.testing.assert_array_equal(resumed.history.relative, whole.history.relative)
    assert np.all(np.diff(resumed.history.seconds) > 0)


def test_saves_every_so_many_rounds(community, tmp_path):
    times = []

    def on_round(progress):
        file = tmp_path / "a" / FILE
        times.append(file.stat().st_mtime_ns if file.exists() else None)

    checkpoint = Checkpoint(tmp_path / "a", every_rounds=3, every_seconds=1e9)
    solve_equilibrium(community, checkpoint=checkpoint, max_rounds=8, on_round=on_round, **SETTINGS)
    assert times[:2] == [None, None]
    assert len(set(times[2:])) == 2
    assert not list(tmp_path.glob("a/*.unfinished"))


def test_another_community_solver_or_start_is_refused(community, tmp_path):
    checkpoint = Checkpoint(tmp_path)
    found = solve_equilibrium(community, checkpoint=checkpoint, max_rounds=2, **SETTINGS)
    with pytest.raises(InvalidInput, match="was saved for another community, solver or start"):
        other = community_of(make_households(), fee=0.01)
        solve_equilibrium(other, checkpoint=checkpoint, **SETTINGS)
    with pytest.raises(InvalidInput, match="was saved for another"):
        solver = ColumnGeneration(accuracy=0.01)
        solve_equilibrium(community, solver, checkpoint=checkpoint, **SETTINGS)
    with pytest.raises(InvalidInput, match="was saved for another"):
        solve_equilibrium(community, start=found, checkpoint=checkpoint, **SETTINGS)


def test_a_file_that_is_no_search_is_refused(community, tmp_path):
    (tmp_path / FILE).write_bytes(b"\xff\x00 nonsense\n")
    with pytest.raises(InvalidInput, match="is no search that can be read"):
        solve_equilibrium(community, checkpoint=Checkpoint(tmp_path), **SETTINGS)


def test_a_fingerprint_sees_the_last_bit():
    one = {"a": np.array([1.0, 2.0])}
    other = {"a": np.array([1.0, np.nextafter(2.0, 3.0)])}
    assert fingerprint(one) == fingerprint({"a": one["a"].copy()})
    assert len({fingerprint(one), fingerprint(other), fingerprint({"b": one["a"]})}) == 3


def test_a_fingerprint_knows_functions_by_name_not_by_address():
    """What is saved by one process is taken up by another."""

    def make(name):
        def function(x):
            return x

        function.__qualname__ = name
        return function

    # All of them live at once, so that no two share an address.
    names = [("a", "b"), ("a", "b"), ("c", "b"), ("a", "c")]
    searches = [(make(leaf), jax.tree_util.Partial(make(static))) for leaf, static in names]
    one, same, *others = map(fingerprint, searches)
    assert one == same and one not in others


def test_intervals_must_be_positive(tmp_path):
    with pytest.raises(InvalidInput, match=r"checkpoint\.every_rounds = 0"):
        Checkpoint(tmp_path, every_rounds=0)
