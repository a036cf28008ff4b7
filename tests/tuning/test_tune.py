"""Tuning on a community small enough to tune in a moment: gradients, bounds, fallbacks, fronts."""

import dataclasses
import sys

import jax.numpy as jnp
import numpy as np
import pytest
from equilibrium.communities import TARIFF, make_households

from mfgamm import (
    Community,
    CommunityMarket,
    GridMarket,
    InvalidInput,
    NotConverged,
    Population,
    Status,
)
from mfgamm.amm import Learned, audit, curve_by_name
from mfgamm.equilibrium import Smoothing
from mfgamm.tuning import (
    Fee,
    LearnedCurve,
    Objective,
    Schedule,
    initial_parameters,
    judge,
    pareto_front,
    tune,
)

tune_module = sys.modules["mfgamm.tuning.tune"]
pareto_module = sys.modules["mfgamm.tuning.pareto"]
SMOOTHING = Smoothing(jnp.asarray(1e-4), jnp.asarray(1e-3))

DESIGN = {"curve": LearnedCurve(4), "fee": Fee(0.3)}
COST = Objective(("cost", "gini"), jnp.array([1.0, 0.0]))
QUICK = Schedule(steps=6, rate=0.05)


def named(k, household):
    return dataclasses.replace(household, category="solar" if k % 3 == 0 else "consumer")


@pytest.fixture(scope="module")
def community():
    households = [named(k, each) for k, each in enumerate(make_households(6))]
    population = Population.from_households(households, step_hours=1.0)
    return Community(population, CommunityMarket(curve_by_name("hyperbolic"), TARIFF, fee=0.1))


@pytest.fixture(scope="module")
def tuned(community):
    return tune(community, DESIGN, COST, QUICK)


def test_what_is_tuned_is_better_and_still_a_market_maker(community, tuned):
    loss = tuned.history.loss
    assert loss.size == QUICK.steps + 1 or tuned.converged
    assert min(loss) < loss[0] - 1e-3
    assert tuned.terms[0] == pytest.approx(min(loss))
    assert isinstance(tuned.market.curve, Learned)
    assert audit(tuned.market.curve, TARIFF).passed
    before, _ = judge(community)
    after, certificate = judge(Community(community.population, tuned.market))
    assert float(after.cost) < float(before.cost)
    assert float(certificate.relative) <= 1e-4
    assert float(tuned.certificate[0].relative) == pytest.approx(float(certificate.relative))
    # Smoothed and exact equilibrium tell about the same.
    assert float(after.cost) == pytest.approx(tuned.terms[0], rel=2e-2)


def test_parameters_move_within_their_bounds(community, tuned):
    start = initial_parameters(DESIGN, community.market)
    for name, knob in DESIGN.items():
        low, high = knob.bounds
        assert float(tuned.value[name].min()) >= low and float(tuned.value[name].max()) <= high
        assert float(jnp.max(jnp.abs(tuned.value[name] - start[name]))) > 1e-3


def test_gradients_are_differences_of_equilibria_solved_anew(community):
    search = tune_module._Search((community,), DESIGN, COST, SMOOTHING)
    start = initial_parameters(DESIGN, community.market)
    here = search.visit(start, None)
    random = np.random.default_rng(0)
    direction = {name: jnp.asarray(random.uniform(-1, 1, v.shape)) for name, v in start.items()}
    width = 1e-5
    ahead, behind = (
        search.visit(
            {name: start[name] + sign * width * direction[name] for name in start}, here.points
        )
        for sign in (1, -1)
    )
    slope = sum(float(jnp.sum(here.gradient[name] * direction[name])) for name in start)
    assert slope == pytest.approx((ahead.loss - behind.loss) / (2 * width), rel=1e-4)


def test_a_lost_equilibrium_is_found_again_along_a_path_of_its_own(community, monkeypatch):
    def lost(*_):
        raise NotConverged("too far", None)

    followed = tune(community, DESIGN, COST, QUICK._replace(steps=2))
    monkeypatch.setattr(tune_module, "polish", lost)
    again = tune(community, DESIGN, COST, QUICK._replace(steps=2))
    assert again.history.fresh.tolist() == [0, 1, 1]
    np.testing.assert_allclose(again.history.loss, followed.history.loss, rtol=1e-6)


def test_without_any_equilibrium_the_best_so_far_is_kept(community, tuned, monkeypatch):
    path, calls = tune_module.smoothed_equilibrium, []

    def once(*arguments):
        calls.append(1)
        if len(calls) > 1:
            raise NotConverged("no path", None)
        return path(*arguments)

    monkeypatch.setattr(tune_module, "smoothed_equilibrium", once)
    monkeypatch.setattr(tune_module, "polish", lambda *_: once())
    broken = tune(community, DESIGN, COST, QUICK)
    assert Status(int(broken.status)) is Status.BREAKDOWN and not broken.converged
    assert broken.history.loss.tolist() == pytest.approx([tuned.history.loss[0]])


def test_random_starts_repeat_with_their_seed(community, tuned):
    jittered = QUICK._replace(steps=1, jitter=0.05, seed=3)
    one, two = (tune(community, DESIGN, COST, jittered) for _ in range(2))
    np.testing.assert_array_equal(one.history.loss, two.history.loss)
    other = tune(community, DESIGN, COST, jittered._replace(seed=4))
    assert other.history.loss[0] not in (one.history.loss[0], tuned.history.loss[0])


def test_several_communities_count_alike(community):
    twin = tune([community, community], DESIGN, COST, QUICK._replace(steps=1))
    alone = tune(community, DESIGN, COST, QUICK._replace(steps=1))
    np.testing.assert_allclose(twin.history.loss, alone.history.loss, rtol=1e-9)
    assert len(twin.certificate) == 2


def test_a_front_trades_one_objective_for_the_other(community):
    schedule = QUICK._replace(steps=4)
    counted = []
    front = pareto_front(
        community,
        DESIGN,
        ("cost", "gini"),
        (0.0, 1.0),
        schedule=schedule,
        on_point=lambda found, tuning: counted.append((found, tuning)),
    )
    assert counted == list(enumerate(front.tunings, start=1))
    first, last = front.terms
    assert first[0] <= last[0] and last[1] <= first[1]
    assert front.efficient.any()
    # Exact equilibria, near the smoothed ones that were searched.
    for tuning, terms in zip(front.tunings, front.terms, strict=True):
        assert float(tuning.metrics[0].cost) == terms[0]
        np.testing.assert_allclose(terms, tuning.terms, rtol=0.1)
    dominated = dataclasses.replace(front, terms=np.array([[1.0, 1.0], [2.0, 1.0]]))
    assert dominated.efficient.tolist() == [True, False]
    with pytest.raises(InvalidInput):
        pareto_front(community, DESIGN, ("cost", "gini"), (0.0, 1.5))


def test_each_point_of_a_front_begins_where_its_weights_are_best(tuned):
    best, first = pareto_module._best_so_far, np.array([1.0, 0.0])
    assert best([], first) is None
    assert best([tuned], first) is tuned.value
    spoilt = dataclasses.replace(tuned, terms=tuned.history.terms[0] + 1)
    assert best([spoilt], first) is spoilt.start
    assert best([spoilt, tuned], first) is tuned.value


def test_what_cannot_be_tuned_is_refused(community):
    grid = Community(community.population, GridMarket(TARIFF))
    with pytest.raises(InvalidInput, match="CommunityMarket"):
        tune(grid, DESIGN, COST)
    with pytest.raises(InvalidInput, match="at least one parameter"):
        tune(community, {}, COST)
