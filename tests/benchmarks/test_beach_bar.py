"""The beach bar's moves: a matrix written out, and its transpose for the crowd."""

import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks.beach_bar import CHANCES, beach_bar, descend, gain, unscored
from mfgamm.meanfield import Table, forward, whole_density

PLACES, HORIZON = 6, 3


@pytest.fixture(scope="module")
def model():
    return beach_bar(PLACES, HORIZON, PLACES // 2)


def moves(level: int) -> np.ndarray:
    matrix = np.zeros((PLACES, PLACES))
    for place in range(PLACES):
        for more, odds in CHANCES:
            matrix[place, np.clip(place + level + more, 0, PLACES - 1)] += odds
    return matrix


def test_values_and_crowds_move_by_the_same_matrix(model):
    random = np.random.default_rng(0)
    value, matrices = random.normal(size=PLACES), np.stack([moves(level) for level in (-1, 0, 1)])
    ahead = model.expect(
        model.moment(jnp.asarray(0)), model.controls.options(model.grid), jnp.asarray(value)
    )
    assert ahead == pytest.approx(matrices @ value, abs=1e-14)
    policies = random.dirichlet(np.ones(3), size=(HORIZON + 1, PLACES)).swapaxes(1, 2)
    start = random.dirichlet(np.ones(PLACES))
    blank = jnp.ones((PLACES, HORIZON + 1))
    life = forward(
        model, blank, Table(jnp.asarray(policies)), jnp.asarray(start), whole_density
    ).observed
    for step in range(HORIZON):
        arrived = np.einsum("ap,apq,p->q", policies[step], matrices, np.asarray(life[:, step]))
        assert life[:, step + 1] == pytest.approx(arrived, abs=1e-14)


def test_mirror_descent_leaves_less_to_gain(model):
    scores = unscored(model)
    before = float(gain(model, scores))
    for _ in range(20):
        scores = descend(model, jnp.asarray(0.3), scores)
    assert 0 <= float(gain(model, scores)) < 0.2 * before
