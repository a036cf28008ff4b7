import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from equilibrium.communities import HOURS, STEPS, TARIFF, community_of, make_households
from oracles.household_program import solve_with_highs

from mfgamm import (
    FictitiousPlay,
    InfeasibleHousehold,
    InvalidInput,
    NotConverged,
    Status,
    flat_tariff,
    solve_equilibrium,
)
from mfgamm.equilibrium import Game, certify
from mfgamm.equilibrium.solve import is_equilibrium


@pytest.fixture(scope="module")
def households():
    return make_households()


@pytest.fixture(scope="module", params=["mid-market", "hyperbolic"])
def equilibrium(request, households):
    community = community_of(households, request.param)
    return solve_equilibrium(community, FictitiousPlay(), tolerance=2e-3)


def test_converges_with_books_that_balance(equilibrium):
    certificate = equilibrium.certificate
    assert equilibrium.converged and equilibrium.outcome is Status.CONVERGED
    assert float(certificate.relative) <= 2e-3
    assert float(certificate.gain) > 0.05
    assert float(equilibrium.residuals.price) <= 1e-15
    assert float(equilibrium.residuals.energy) <= 1e-13
    assert float(equilibrium.residuals.money) <= 1e-13
    np.testing.assert_allclose(
        certificate.exploitability,
        equilibrium.community.population.types.weights @ certificate.exploitability_by_type,
    )


def test_highs_confirms_every_households_claim(equilibrium, households):
    """The certificate against an independent solver at the final prices."""
    sell, buy = (np.asarray(x) for x in (equilibrium.prices.sell, equilibrium.prices.buy))
    best = np.array([solve_with_highs(each, sell, buy, HOURS) for each in households])
    types = equilibrium.community.population.types
    regret = np.asarray(types.cost(equilibrium.value, equilibrium.prices)) - best
    claimed = np.asarray(equilibrium.certificate.exploitability_by_type)
    assert np.all(claimed >= regret - 1e-9)
    np.testing.assert_allclose(claimed, regret, atol=1e-7)


def test_a_tampered_profile_shows_in_the_residuals(equilibrium):
    """Prices, trades, plans or books that do not belong together each leave a residual."""
    types, market = equilibrium.community.population.types, equilibrium.community.market
    game = Game(types, market, equilibrium.benchmark.cost)
    best = jnp.zeros(types.weights.shape)

    def residuals(strategy=None, prices=None, settlement=None):
        return certify(
            game,
            equilibrium.value if strategy is None else strategy,
            equilibrium.prices if prices is None else prices,
            equilibrium.settlement if settlement is None else settlement,
            best,
        ).residuals

    honest = residuals()
    assert max(float(x) for x in (honest.price, honest.energy, honest.money)) <= 1e-12
    assert float(honest.feasibility) <= 1e-7

    prices = dataclasses.replace(equilibrium.prices, buy=equilibrium.prices.buy + 0.01)
    assert float(residuals(prices=prices).price) == pytest.approx(0.01)

    unserved = dataclasses.replace(equilibrium.value, buy=0 * equilibrium.value.buy)
    assert float(residuals(strategy=unserved).energy) > 0.1

    idle = dataclasses.replace(equilibrium.value, charge=0 * equilibrium.value.charge)
    assert float(residuals(strategy=idle).feasibility) > 0.1

    payments = equilibrium.settlement.payments.at[0].add(1.0)
    books = dataclasses.replace(equilibrium.settlement, payments=payments)
    assert float(residuals(settlement=books).money) > 0.01


def test_an_infeasible_profile_is_no_equilibrium(equilibrium):
    """Doing nothing costs nothing; the certificate must not take that for optimal."""
    types = equilibrium.community.population.types
    game = Game(types, equilibrium.community.market, equilibrium.benchmark.cost)
    nothing = jax.tree.map(jnp.zeros_like, equilibrium.value)
    state = FictitiousPlay().init(game, nothing)
    assert float(state.certificate.relative) < 0
    assert not is_equilibrium(state.certificate, tolerance=1e-2)
    assert is_equilibrium(equilibrium.certificate, tolerance=1e-2)


def test_benchmark_is_reoptimised_against_the_tariff(equilibrium, households):
    feed_in, retail = (np.asarray(x) for x in (TARIFF.feed_in, TARIFF.retail))
    best = [solve_with_highs(each, feed_in, retail, HOURS) for each in households]
    np.testing.assert_allclose(equilibrium.benchmark.cost, best, rtol=1e-7, atol=1e-8)
    gain = np.mean(best) - float(jnp.mean(jnp.sum(equilibrium.settlement.payments, axis=1)))
    np.testing.assert_allclose(equilibrium.certificate.gain, gain, rtol=1e-6)


def test_prices_lie_inside_the_tariff(equilibrium):
    prices = equilibrium.prices
    assert bool(jnp.all(prices.sell >= TARIFF.feed_in - 1e-15))
    assert bool(jnp.all(prices.sell <= prices.buy))
    assert bool(jnp.all(prices.buy <= TARIFF.retail + 1e-15))


def test_history_records_every_round(equilibrium):
    history = equilibrium.history
    assert history.relative[-1] == history.relative.min()
    assert np.all(np.diff(history.seconds) > 0)
    np.testing.assert_allclose(history.relative[-1], equilibrium.certificate.relative, rtol=1e-9)


def test_copies_of_a_type_are_one_type_of_their_weight(households):
    """4 copies of each of 3 types against the 3 types with weights: the same game."""
    three = households[:3]
    copies = [
        dataclasses.replace(each, name=f"{each.name} {k}") for each in three for k in range(4)
    ]
    settings = {"tolerance": 1e-9, "max_rounds": 6, "throw": False}
    many = solve_equilibrium(community_of(copies), **settings)
    few = solve_equilibrium(community_of(three, represented=12), **settings)
    np.testing.assert_allclose(many.prices.buy, few.prices.buy, rtol=1e-6)
    np.testing.assert_allclose(
        many.certificate.exploitability, few.certificate.exploitability, rtol=1e-4
    )
    np.testing.assert_allclose(many.value.buy[::4], few.value.buy, atol=1e-5)


def test_permuting_households_changes_nothing(households):
    order = np.random.default_rng(1).permutation(len(households))
    settings = {"tolerance": 1e-9, "max_rounds": 6, "throw": False}
    straight = solve_equilibrium(community_of(households), **settings)
    shuffled = solve_equilibrium(community_of([households[k] for k in order]), **settings)
    np.testing.assert_allclose(straight.prices.sell, shuffled.prices.sell, rtol=1e-6)
    np.testing.assert_allclose(straight.value.sell[order], shuffled.value.sell, atol=1e-5)
    by_type = straight.certificate.exploitability_by_type
    np.testing.assert_allclose(
        by_type[order], shuffled.certificate.exploitability_by_type, atol=1e-6
    )


def test_harmonic_steps_converge_too(households):
    solver = FictitiousPlay(step="harmonic")
    found = solve_equilibrium(community_of(households), solver, tolerance=1e-2)
    assert found.converged


def test_without_a_spread_there_is_nothing_to_gain(households):
    tariff = flat_tariff(STEPS, feed_in=0.15, retail=0.15)
    found = solve_equilibrium(community_of(households, tariff=tariff))
    assert found.converged
    assert abs(float(found.certificate.gain)) < 1e-7
    np.testing.assert_allclose(found.prices.buy, 0.15)


def test_free_energy_converges_although_there_is_no_scale(households):
    found = solve_equilibrium(
        community_of(households, tariff=flat_tariff(STEPS, feed_in=0, retail=0))
    )
    assert found.converged and bool(found.certificate.nominal)
    assert float(found.certificate.scale) == pytest.approx(1e-4)


def test_a_full_fee_leaves_households_as_they_were(households):
    found = solve_equilibrium(community_of(households, fee=1.0), tolerance=1e-6)
    assert found.converged
    np.testing.assert_allclose(
        jnp.sum(found.settlement.payments, axis=1), found.benchmark.cost, atol=1e-6
    )
    assert float(jnp.sum(found.settlement.operator_income)) > 0.01


def test_unconverged_raises_with_the_best_iterate_attached(households):
    with pytest.raises(NotConverged, match=r"relative exploitability .* after 2 rounds") as caught:
        solve_equilibrium(community_of(households), tolerance=1e-6, max_rounds=2)
    assert caught.value.solution.outcome is Status.MAX_ITERATIONS
    silent = solve_equilibrium(community_of(households), tolerance=1e-6, max_rounds=2, throw=False)
    assert not silent.converged
    assert float(silent.certificate.relative) == pytest.approx(silent.history.relative.min())


def test_an_interrupt_keeps_the_best_iterate(households):
    seen = []

    def stop_at_third_round(progress):
        seen.append(progress)
        if progress.round == 3:
            raise KeyboardInterrupt

    found = solve_equilibrium(
        community_of(households), tolerance=1e-9, on_round=stop_at_third_round
    )
    assert found.outcome is Status.INTERRUPTED
    assert len(seen) == 3
    assert float(found.certificate.relative) == pytest.approx(seen[-1].best_relative)


def test_bad_arguments_are_named(households):
    community = community_of(households)
    with pytest.raises(InvalidInput, match=r"tolerance = 0.0: must be positive"):
        solve_equilibrium(community, tolerance=0.0)
    with pytest.raises(InvalidInput, match="max_rounds"):
        solve_equilibrium(community, max_rounds=0)
    with pytest.raises(InvalidInput, match=r"solver.step = 'zigzag'"):
        FictitiousPlay(step="zigzag")
    with pytest.raises(InvalidInput, match=r"market.tariff = '5 steps'"):
        community_of(households, tariff=flat_tariff(5, feed_in=0.1, retail=0.2))


def test_infeasible_households_are_named_before_any_solve(households):
    greedy = dataclasses.replace(households[1], trade_limit=0.1, name="greedy")
    with pytest.raises(InfeasibleHousehold, match="greedy: its load at step"):
        solve_equilibrium(community_of([*households, greedy]))


def test_single_precision_is_refused(households):
    community = community_of(households)
    single = jax.tree.map(
        lambda x: x.astype(jnp.float32) if jnp.issubdtype(x.dtype, jnp.floating) else x, community
    )
    with pytest.raises(InvalidInput, match="float64 is needed"):
        solve_equilibrium(single)
