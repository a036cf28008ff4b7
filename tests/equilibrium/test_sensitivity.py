"""The table of sensitivities against equilibria solved anew, exact ones, and closed forms."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest
from equilibrium.communities import TARIFF, make_households

from mfgamm import (
    Battery,
    Community,
    CommunityMarket,
    FlexibleLoad,
    Household,
    InvalidInput,
    PathFollowing,
    Population,
    solve_equilibrium,
)
from mfgamm.amm import Blended, Learned, Linear, MonotonePotential, curve_by_name
from mfgamm.equilibrium import sensitivities
from mfgamm.equilibrium.sensitivity_parameters import parameters_of
from mfgamm.market import MonotoneMarket


def with_categories(households):
    def named(k, household):
        return dataclasses.replace(household, category="solar" if k % 3 == 0 else "consumer")

    return [named(k, household) for k, household in enumerate(households)]


@pytest.fixture(scope="module")
def community():
    population = Population.from_households(with_categories(make_households(6)), step_hours=1.0)
    return Community(population, CommunityMarket(Learned(jnp.linspace(-1, 1, 6)), TARIFF, fee=0.1))


@pytest.fixture(scope="module")
def table(community):
    return sensitivities(community)


def entry(table, metric, parameter, of="derivative"):
    row, column = table.metrics.index(metric), table.parameters.index(parameter)
    return getattr(table, of)[row, column]


def test_equilibria_solved_anew_confirm_every_entry(table):
    assert table.derivative.shape == (5, 2 + 1 + 6 + 2 + 4 + 2)
    assert np.all(np.isfinite(table.derivative))
    assert np.all(table.verified), table.derivative - table.difference
    # Not because everything counts as negligible.
    assert np.mean(np.abs(table.derivative - table.difference) < 1e-3 * abs(table.derivative)) > 0.7


def test_values_are_those_of_the_exact_equilibrium(community, table):
    exact = solve_equilibrium(community, PathFollowing(), tolerance=1e-5)
    gain, imported = float(exact.certificate.gain), float(exact.settlement.grid_import.sum())
    assert table.value[table.metrics.index("gain")] == pytest.approx(gain, rel=1e-2)
    assert table.value[table.metrics.index("import")] == pytest.approx(imported, rel=1e-2)
    bills = exact.settlement.payments.sum(axis=1)
    mean = float(jnp.mean(bills[jnp.array([0, 3])]))
    assert table.value[table.metrics.index("bill, solar")] == pytest.approx(mean, rel=1e-2)


def test_mixes_shift_what_categories_weigh(table):
    """One category's share is the other's loss."""
    up, down = (
        table.derivative[:, table.parameters.index(f"share of {name}")]
        for name in ("solar", "consumer")
    )
    np.testing.assert_allclose(up, -down, rtol=1e-8, atol=1e-12)


def test_a_common_shift_of_logits_is_no_change(table):
    logits = [k for k, name in enumerate(table.parameters) if name.startswith("logit")]
    total = table.derivative[:, logits].sum(axis=1)
    np.testing.assert_allclose(total, 0, atol=1e-9)
    assert np.abs(table.derivative[:, logits]).max() > 1e-4


def test_consumers_alone_pay_the_grid(community):
    load = np.linspace(0.2, 1.0, 24)
    idle = (FlexibleLoad(0.0, 0.0), Battery(0.0, 0.0))
    households = [Household(0 * load, k * load / 3, idle, 4.0) for k in range(1, 7)]
    population = Population.from_households(households, step_hours=1.0)
    table = sensitivities(Community(population, community.market))
    energy = 7 / 6 * load
    (bill,) = (name for name in table.metrics if name.startswith("bill"))
    close = {"rel": 2e-3}
    assert entry(table, bill, "retail tariff") == pytest.approx(energy.sum(), **close)
    paid = float(TARIFF.retail @ energy)
    assert entry(table, bill, "base load") == pytest.approx(paid, **close)
    assert entry(table, "import", "base load") == pytest.approx(energy.sum(), **close)
    assert entry(table, "peak import", "base load") == pytest.approx(energy[-1], **close)
    assert abs(entry(table, "gain", "retail tariff")) < 1e-2 * energy.sum()
    assert not {"generation", "battery, power", "share of household"} & set(table.parameters)


def test_what_does_not_settle_or_is_not_confirmed_is_flagged(table):
    where = table.metrics.index("gain"), table.parameters.index("base load")
    bent = table.finer.copy()
    bent[where] *= 1.2
    unsettled = dataclasses.replace(table, finer=bent)
    assert not unsettled.settled[where] and unsettled.verified[where]
    bent = table.difference.copy()
    bent[where] *= 1.01
    doubtful = dataclasses.replace(table, difference=bent)
    assert not doubtful.verified[where]


@pytest.mark.parametrize(
    ("market", "names"),
    [
        (CommunityMarket(Linear.at(0.12), TARIFF), {"anchor price", "fee"}),
        (
            CommunityMarket(Blended((curve_by_name("hyperbolic"), Linear.at(0.1)), [1, 1]), TARIFF),
            {"fee", "weight of curve 1", "weight of curve 2"},
        ),
        (MonotoneMarket(MonotonePotential(0.1), TARIFF), {"curvature"}),
    ],
)
def test_every_market_has_its_own_parameters(market, names, community):
    own = {each.name for each in parameters_of(Community(community.population, market))}
    common = {each.name for each in parameters_of(community) if "logit" not in each.name} - {"fee"}
    assert own - common == names


@pytest.mark.parametrize("arguments", [{"barrier": 0.0}, {"barrier": 2}, {"blur": 1.0}])
def test_smoothings_out_of_range_are_refused(arguments, community):
    with pytest.raises(InvalidInput):
        sensitivities(community, **arguments)
