import jax
import numpy as np
import pytest
from equilibrium.communities import TARIFF, community_of, make_households

from mfgamm import Community, InvalidInput, Prices
from mfgamm.amm import MonotonePotential
from mfgamm.equilibrium import probe_uniqueness
from mfgamm.equilibrium.uniqueness import _clusters, starting_prices
from mfgamm.market import MonotoneMarket


@pytest.fixture(scope="module")
def community():
    return community_of(make_households())


@pytest.fixture(scope="module")
def monotone(community):
    market = MonotoneMarket(MonotonePotential(0.3), TARIFF)
    return probe_uniqueness(
        Community(community.population, market),
        key=jax.random.key(0),
        random_starts=2,
        given={"middle": Prices(TARIFF.feed_in + 0.03, TARIFF.feed_in + 0.04)},
        tolerance=1e-8,
        same=1e-3,
    )


def test_a_monotone_market_has_one_equilibrium(monotone):
    assert monotone.starts == ("tariff", "feed-in", "retail", "random 1", "random 2", "middle")
    assert all(each.converged for each in monotone.equilibria)
    assert monotone.clusters == 1
    assert monotone.least_monotonicity >= -1e-9
    first = [each.history.exploitability[0] for each in monotone.equilibria]
    assert len(set(np.round(first, 9))) > 3


def test_rebates_are_part_of_the_gain(monotone):
    """What households pay in the end, rebates deducted, against what they paid the grid."""
    for found in monotone.equilibria:
        paid = found.settlement.members.weights @ found.settlement.payments.sum(axis=1)
        alone = found.settlement.members.weights @ found.benchmark.cost
        np.testing.assert_allclose(found.certificate.gain, alone - paid, rtol=1e-9)
        assert float(found.settlement.rebates.sum()) > 0.01


def test_the_average_price_market_is_not_monotone(community):
    probe = probe_uniqueness(community, key=jax.random.key(1), random_starts=1, tolerance=1e-6)
    assert probe.least_monotonicity < -0.01
    assert probe.clusters >= 1


def test_searches_that_did_not_converge_are_not_compared(community):
    probe = probe_uniqueness(community, key=jax.random.key(1), random_starts=0, max_rounds=1)
    assert probe.clusters == 0 and np.all(np.isnan(probe.distance))


def test_clusters_are_linked_by_short_steps():
    far = np.array([[0, 1, 9, np.nan], [1, 0, 9, np.nan], [9, 9, 0, np.nan], [np.nan] * 4])
    np.testing.assert_array_equal(_clusters(far, 2.0), [0, 0, 1, -1])
    chain = np.abs(np.subtract.outer(np.arange(5.0), np.arange(5.0)))
    np.testing.assert_array_equal(_clusters(chain, 1.0), 0)
    np.testing.assert_array_equal(_clusters(chain, 0.5), np.arange(5))


def test_starting_prices_lie_within_the_tariff():
    for prices in starting_prices(TARIFF, 3, jax.random.key(2)).values():
        assert np.all(TARIFF.feed_in <= prices.sell) and np.all(prices.buy <= TARIFF.retail)
        assert np.all(prices.sell <= prices.buy)


def test_a_nonsensical_distance_is_refused(community):
    with pytest.raises(InvalidInput, match="same = 0"):
        probe_uniqueness(community, key=jax.random.key(0), same=0)
