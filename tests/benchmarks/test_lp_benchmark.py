"""The benchmark measures what it says: the conversion, the check, and the table."""

import dataclasses
import io

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from oracles.random_programs import feasible_point, highs_optimum as dense_optimum, random_program
from rich.console import Console

from benchmarks.checker import check, highs_optimum, reference_bound
from benchmarks.comparison import measure
from benchmarks.instances import Instances, Recipe
from benchmarks.lp import main
from benchmarks.peers import Answer, Peer
from benchmarks.peers.ours import Ours
from benchmarks.standard_form import StandardForm
from benchmarks.table import HEADINGS, cells, markdown, print_rows
from mfgamm.lp import InteriorPoint

TINY = Recipe(lanes=3, steps=24, devices=2)


class Scipy(Peer):
    """HiGHS through scipy: always there, and independent of the kernel."""

    name, package, module, batching = "HiGHS, scipy", "scipy", "scipy", "loop"

    def prepare(self, instances, tolerance):
        self.form = instances.form

    def solve(self):
        from scipy.optimize import linprog

        form = self.form
        self.results = [
            linprog(
                form.cost[k],
                A_eq=form.matrix(k),
                b_eq=form.right[k],
                bounds=np.stack([form.lower[k], form.upper[k]], axis=1),
            )
            for k in range(form.lanes)
        ]

    def answer(self):
        primal = np.stack([r.x for r in self.results])
        solved = np.array([r.status == 0 for r in self.results])
        return Answer(self.form.objective(primal), primal, solved, None)


@pytest.fixture(scope="module")
def tiny():
    instances = Instances(TINY)
    return instances, reference_bound(instances.program)


@pytest.mark.parametrize("stores", [0, 2])
def test_standard_form_is_the_same_program(stores):
    program = random_program(stores, time=4, lanes=3, seed=stores)
    form = StandardForm.from_program(program)
    point = feasible_point(program)
    assert form.objective(form.compress(point)) == pytest.approx(np.asarray(program.value(point)))
    assert np.all(form.violation(form.compress(point)) < 1e-12)
    for lane in range(3):
        assert highs_optimum(form, lane) == pytest.approx(dense_optimum(program, lane), abs=1e-7)


def test_equations_are_the_program_s(tiny):
    instances, _ = tiny
    program, form = instances.program, instances.form
    random = np.random.default_rng(0)
    fixed = np.asarray(program.lower == program.upper)
    point = np.where(fixed, program.lower, random.normal(size=fixed.shape))
    residual = jax.tree.leaves(program.residual(jnp.asarray(point)))
    largest = np.max([np.max(np.abs(r).reshape(-1, program.lanes), axis=0) for r in residual], 0)
    wide = dataclasses.replace(
        form, lower=np.full_like(form.lower, -9.0), upper=np.full_like(form.upper, 9.0)
    )
    assert wide.violation(form.compress(point)) == pytest.approx(largest)


@pytest.mark.parametrize("devices", [0, 4])
def test_every_drawn_household_is_solvable(devices):
    instances = Instances(dataclasses.replace(TINY, devices=devices, lanes=2))
    solution = InteriorPoint().solve(instances.program)
    assert solution.converged
    optimum = highs_optimum(instances.form, 1)
    assert float(solution.value.objective[1]) == pytest.approx(optimum, abs=1e-7)


def test_lanes_do_not_depend_on_their_number(tiny):
    more = Instances(dataclasses.replace(TINY, lanes=5)).program
    for few, many in zip(jax.tree.leaves(tiny[0].program), jax.tree.leaves(more), strict=True):
        assert np.array_equal(few, many[..., :3])


def test_check_passes_a_right_answer_and_flags_wrong_ones(tiny):
    instances, bound = tiny
    form, peer = instances.form, Scipy()
    peer.prepare(instances, 1e-7)
    peer.solve()
    right = peer.answer()
    assert check(form, bound, right.primal, right.solved).passed
    buy = np.flatnonzero(form.kept // 24 == 1)
    infeasible, unsolved = right.primal.copy(), right.solved.copy()
    infeasible[1, buy[0]] += 1e-3
    unsolved[2] = False
    assert check(form, bound, infeasible, right.solved).unsolved.tolist() == [False, True, False]
    assert check(form, bound, right.primal, unsolved).unsolved.tolist() == [False, False, True]
    assert check(form, bound, np.nan * right.primal, right.solved).unsolved.all()
    # Feasible but dear: the optimum at other prices.
    dear = dataclasses.replace(form, cost=form.cost[:, ::-1])
    peer.prepare(dataclasses.make_dataclass("Dear", ["form"])(dear), 1e-7)
    peer.solve()
    verdict = check(form, bound, peer.answer().primal, right.solved)
    assert np.all(verdict.violation < 1e-6) and np.all(verdict.gap > 1e-3)
    assert verdict.reason.startswith("inaccurate: 3 of 3")


def test_table_has_a_line_for_every_solver(tiny):
    instances, bound = tiny
    rows = [measure(peer, instances, bound, 1, 30.0) for peer in (Ours(), Scipy())]
    assert [row["status"] for row in rows] == ["ok", "ok"]
    assert all(row["relative_gap_max"] <= 1e-6 and row["unsolved"] == 0 for row in rows)
    rows.append({"solver": "absent", "batching": "loop", "n": 3, "status": "not available"})
    stream = io.StringIO()
    print_rows(rows, Console(file=stream, width=200))
    for row in rows:
        assert row["solver"] in stream.getvalue()
        assert len(cells(row)) == len(HEADINGS)
    assert len(markdown(rows).splitlines()) == 5


def test_command_refuses_politely(capsys):
    assert main(["--peers", "nobody"]) == 2
    assert "nobody" in capsys.readouterr().err
    if jax.default_backend() == "cpu":
        assert main(["--gpu"]) == 1
        assert "No GPU" in capsys.readouterr().out
