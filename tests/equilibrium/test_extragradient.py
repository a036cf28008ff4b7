"""Extragradient: slow, simple, and certified like the others."""

import pytest
from equilibrium.communities import community_of, make_households

from mfgamm import InvalidInput, solve_equilibrium
from mfgamm.equilibrium import Extragradient


@pytest.mark.parametrize("curve", ["mid-market", "hyperbolic"])
def test_it_walks_to_an_equilibrium(curve):
    community = community_of(make_households(), curve)
    found = solve_equilibrium(community, Extragradient(), tolerance=1e-3, max_rounds=200)
    assert float(found.certificate.relative) <= 1e-3


def test_a_first_step_too_long_is_stiffened():
    solver = Extragradient(stiffness=1e-3)
    found = solve_equilibrium(community_of(make_households()), solver, tolerance=1e-2)
    assert found.converged


def test_bad_settings_are_refused():
    with pytest.raises(InvalidInput, match=r"solver\.stiffness = 0\.0: must be positive"):
        Extragradient(stiffness=0.0)
