"""The population's response, swept in O(T²), against one Newton solve for every dual coordinate."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from oracles.random_households import random_households

from mfgamm import Population, flat_tariff
from mfgamm.amm import MonotonePotential
from mfgamm.planner.community_newton import (
    factorise_households,
    population_response,
    solve_households,
)
from mfgamm.planner.community_program import CommunityMultipliers, community_program
from mfgamm.planner.exchange_cost import ExchangeCost

SCENARIOS, STEPS = 2, 5


def random_system():
    random = np.random.default_rng(0)
    population = Population.from_households(random_households(4, STEPS, 1), step_hours=4.8)
    types = population.types
    exchange = ExchangeCost.monotone(
        MonotonePotential(0.1),
        flat_tariff(STEPS, feed_in=0.1, retail=0.3),
        jnp.asarray(random.uniform(0.2, 1, (SCENARIOS, STEPS))),
    )
    produced = types.generation * random.uniform(0, 2, (SCENARIOS, 1, 1))
    program = community_program(types, exchange, produced)
    variance = jax.tree.map(
        lambda span: jnp.asarray(random.uniform(0.1, 2, span.shape)) * (span > 0), program.span
    )
    return program, variance


def test_response_is_what_newton_solves_add_up_to():
    program, variance = random_system()
    factor = eqx.filter_jit(factorise_households)(program, variance)
    shape = program.pull.shape[1:]
    still = CommunityMultipliers(
        jnp.zeros_like(program.net_production), jnp.zeros_like(program.devices.inflow)
    )

    @jax.jit
    def answer(dual):
        charged = jax.tree.map(jnp.negative, program.charged(dual))
        move, _ = solve_households(program, factor, charged, still)
        return -program.aggregate(move)

    units = np.eye(int(np.prod(shape))).reshape(-1, *shape)
    expected = np.stack([answer(jnp.asarray(unit)) for unit in units]).reshape(*shape, *shape)
    found = eqx.filter_jit(population_response)(program, factor)
    np.testing.assert_allclose(found, expected, atol=1e-14, rtol=1e-12)
    size = int(np.prod(shape))
    assert np.linalg.eigvalsh(found.reshape(size, size)).min() >= -1e-14


def test_a_households_step_solves_its_newton_system():
    """D·Δv − Aᵀ·Δy = r₁ and A·Δv = r₂, wherever a variable is free."""
    program, variance = random_system()
    random = np.random.default_rng(1)
    r1 = jax.tree.map(lambda s: jnp.asarray(random.normal(size=s.shape)) * (s > 0), program.span)
    r2 = CommunityMultipliers(
        jnp.asarray(random.normal(size=program.net_production.shape)),
        jnp.zeros_like(program.devices.inflow),
    )
    move, multipliers = solve_households(program, factorise_households(program, variance), r1, r2)
    adjoint = program.transpose(multipliers)
    for change, pulled, wanted, each in zip(move, adjoint, r1, variance, strict=True):
        np.testing.assert_allclose(change, each * (wanted + pulled), atol=1e-12)
    moved, still = (program.residual(p) for p in (move, jax.tree.map(jnp.zeros_like, move)))
    np.testing.assert_allclose(still.balance - moved.balance, r2.balance, atol=1e-12)
