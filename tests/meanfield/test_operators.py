"""Schemes and sweeps over random models: mass, positivity, duality, means."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from mfgamm.core import InvalidInput
from mfgamm.meanfield import (
    Axis,
    ControlledDiffusion,
    Foresight,
    Grid,
    Levels,
    Motion,
    QuadraticControls,
    ScharfetterGummel,
    SemiLagrangian,
    Table,
    Upwind,
    backward,
    forward,
    push,
    whole_density,
)
from mfgamm.meanfield.semi_lagrangian import _weigh

seeds = st.integers(0, 2**32 - 1)
SCHEMES = {"lagrangian": SemiLagrangian(), "upwind": Upwind(), "fitted": ScharfetterGummel()}
AXES = {
    "lagrangian": (Axis.lattice(-1.0, 1.0, 7), Axis.circle(0.0, 1.0, 5)),
    "upwind": (Axis.cells(-1.0, 1.0, 7), Axis.cells(0.0, 1.0, 5)),
    "fitted": (Axis.cells(-1.0, 1.0, 7), Axis.cells(0.0, 1.0, 5)),
}
STEPS = 4


class Random(eqx.Module):
    """Coefficients that depend on everything, with numbers as leaves: one compilation for all."""

    numbers: jax.Array

    def drift(self, now, x, u):
        a = self.numbers
        return a[0] * u[0] - a[1] * x[0] + a[2] * x[1] + jnp.sin(now.time)

    def turn(self, now, x, u):
        return self.numbers[3] * u[1] + 0 * x[0]

    def volatility(self, now, x):
        return jnp.abs(self.numbers[4] * (1 + x[1]))

    def noise(self, now, x):
        return jnp.abs(self.numbers[5]) + 0 * x[1]

    def drawn(self, now, x):
        return self.numbers[6] * (0.5 - x[1])

    def cost(self, now, x, u, price):
        return (
            price * (u[0] + x[0] ** 2) + u[1] ** 2 * x[1] + jnp.cos(self.numbers[7] * x[0] * x[1])
        )

    def terminal(self, x, price):
        return self.numbers[8] * x[0] * x[1]


def random_model(seed, name):
    """Two coupled state variables: one steered, one steered and then blown about on its own."""
    coefficients = Random(jnp.asarray(np.random.default_rng(seed).normal(size=9)))
    scheme = SCHEMES[name]
    return ControlledDiffusion(
        grid=Grid(AXES[name]),
        motions=(
            Motion(1, coefficients.drawn, coefficients.noise, scheme),
            Motion(0, coefficients.drift, coefficients.volatility, scheme, controlled=True),
            Motion(1, coefficients.turn, None, scheme, controlled=True),
        ),
        controls=Levels(([-1.0, 0.2, 1.0], [0.0, 1.0])),
        running_cost=coefficients.cost,
        terminal_cost=coefficients.terminal,
        steps=STEPS,
        step_hours=0.3,
    )


@eqx.filter_jit
def sweep(model, prices, start, temperature):
    values = backward(model, prices, temperature)
    strategy = Foresight(values, temperature)
    path = forward(model, prices, strategy, start, whole_density)
    table = jax.vmap(lambda t, *pieces: strategy.policy(model, model.moment(t), *pieces))(
        jnp.arange(STEPS), prices, values[1:]
    )
    return values, path, table, forward(model, prices, Table(table), start)


# Generators differ in their rates only: one of them will do for whole paths.
@pytest.mark.parametrize("name", ["lagrangian", "fitted"])
@settings(max_examples=10)
@given(seed=seeds)
def test_mass_positivity_and_duality_along_the_path(name, seed):
    """⟨V_t, m_t⟩ = ⟨V_{t+1}, m_{t+1}⟩ + Δ⟨m_t, ℓ + τ·log π⟩: entropy has its price."""
    random = np.random.default_rng(seed + 1)
    model, tau = random_model(seed, name), 0.1
    prices = jnp.asarray(random.normal(size=STEPS))
    start = random.random(model.grid.shape) * (random.random(model.grid.shape) < 0.5) + 1e-9
    start = jnp.asarray(start / start.sum())
    values, path, table, replayed = sweep(model, prices, start, jnp.asarray(tau))
    densities = np.concatenate([path.observed, np.asarray(path.final)[..., None]], axis=-1)
    np.testing.assert_allclose(densities.sum(axis=(0, 1)), 1, atol=1e-12)
    assert densities.min() >= 0
    entropy = 0.0
    for t in range(STEPS):
        policy = np.asarray(table[t])
        informed = np.sum(policy * np.log(np.maximum(policy, 1e-300)), axis=(0, 1))
        entropy += tau * np.sum(densities[..., t] * informed)
    total = np.sum(np.asarray(values[0]) * densities[..., 0])
    np.testing.assert_allclose(total, path.cost + entropy, atol=1e-10)
    np.testing.assert_allclose(replayed.final, path.final, atol=1e-14)


@pytest.mark.parametrize("name", SCHEMES)
@settings(max_examples=15)
@given(seed=seeds)
def test_every_step_is_a_transpose(name, seed):
    """⟨P·V, m⟩ = ⟨V, Pᵀ·m⟩ for values and densities that have nothing to do with each other."""
    random = np.random.default_rng(seed)
    model = random_model(seed, name)
    policy = random.dirichlet(np.ones(6), size=model.grid.shape)
    policy = jnp.asarray(np.moveaxis(policy, -1, 0).reshape(3, 2, *model.grid.shape))
    value, mass = (jnp.asarray(random.random(model.grid.shape)) for _ in range(2))
    left, right = _both_sides(model, policy, value, mass)
    np.testing.assert_allclose(left, right, rtol=1e-12)


@eqx.filter_jit
def _both_sides(model, policy, value, mass):
    now = model.moment(jnp.asarray(1))
    moved, pushed = model.follow(now, policy, value), push(model, now, policy, mass)
    return jnp.sum(moved * mass), jnp.sum(value * pushed)


@settings(max_examples=15)
@given(seed=seeds)
def test_expectations_are_monotone_and_exact_for_constants_and_means(seed):
    """Maximum principle for every scheme; E[X′] = x + b·Δ where walls are far."""
    random = np.random.default_rng(seed)
    axis = Axis.cells(-3.0, 3.0, 30)
    drift = jnp.asarray(random.normal(size=30))
    volatility = jnp.asarray(random.random(30) * 0.3)
    value = jnp.asarray(random.normal(size=30))
    for scheme in SCHEMES.values():
        expected = _expect(scheme, axis, value, drift, volatility)
        assert expected.max() <= value.max() + 1e-12 and expected.min() >= value.min() - 1e-12
        ones = _expect(scheme, axis, jnp.ones(30), drift, volatility)
        np.testing.assert_allclose(ones, 1, atol=1e-13)
    moved = _expect(SCHEMES["lagrangian"], axis, axis.points, drift, volatility)
    np.testing.assert_allclose(moved[8:-8], (axis.points + 0.1 * drift)[8:-8], atol=1e-13)
    # An implicit step moves the mean by Δ·E[b(X′)].
    for name in ("upwind", "fitted"):
        constant = jnp.full(30, drift[0])
        moved = _expect(SCHEMES[name], axis, axis.points, constant, volatility[:1] + jnp.zeros(30))
        np.testing.assert_allclose(moved[14:16], axis.points[14:16] + 0.1 * drift[0], atol=1e-3)


@pytest.mark.parametrize("drift", [0.1, -0.1])
def test_drift_goes_on_after_a_wall_has_reflected_noise(drift):
    """∫(E[X′²] − (x + bh)² − s²h)dx = ½b·s²h² near a wall at 0: d(X²) = (2bX + s²)dt + 2sX·dW."""
    axis, hours, volatility = Axis.cells(0.0, 1.0, 4000), 0.01, 0.5
    x = axis.points
    squares = SemiLagrangian().expect(
        axis, x**2, jnp.full(4000, drift), jnp.full(4000, volatility), jnp.asarray(hours)
    )
    beyond = squares - (x + drift * hours) ** 2 - volatility**2 * hours
    found = jnp.sum(jnp.where(x < 0.5, beyond, 0.0)) * axis.spacing
    np.testing.assert_allclose(found, drift * (volatility * hours) ** 2 / 2, rtol=0.03)


@eqx.filter_jit
def _expect(scheme, axis, value, drift, volatility):
    return scheme.expect(axis, value, drift, volatility, jnp.asarray(0.1))


def test_the_matrix_and_the_pointwise_way_agree():
    """Coefficients of one state variable are applied as a matrix, of several point by point."""
    shape = (4, 6)
    axes = (Axis.lattice(0.0, 1.0, 4), Axis.cells(0.0, 1.0, 6))
    value = jnp.asarray(np.random.default_rng(0).normal(size=shape))
    for scheme in SCHEMES.values():
        answers = []
        for spread in (0.0, 1e-300):
            motion = Motion(
                0,
                lambda now, x, u, s=spread: u[0] - x[0] + (s * x[1] if s else 0.0),
                lambda now, x: 0.3 + x[0],
                scheme,
                controlled=True,
            )
            model = ControlledDiffusion(
                Grid(axes), (motion,), Levels(([-1.0, 1.0],)), lambda *_: 0.0, None, 1, 0.2
            )
            now = model.moment(jnp.asarray(0))
            options = model.controls.options(model.grid)
            answers.append(jax.jit(lambda v, m=model, n=now, o=options: m.expect(n, o, v))(value))
        assert answers[0].shape == (2, *shape)
        np.testing.assert_allclose(answers[0], answers[1], atol=1e-12)


@eqx.filter_jit
def _live(model, prices, start, temperature):
    values = backward(model, prices, temperature)
    return values, forward(model, prices, Foresight(values, temperature), start)


def test_hard_decisions_are_the_limit_of_soft_ones():
    model = random_model(3, "fitted")
    prices, taus = jnp.asarray(np.linspace(-1, 1, STEPS)), (1e-2, 1e-3, 1e-4)
    # A strong type, so that what was compiled for other tests serves here.
    start = jnp.asarray(np.asarray(model.grid.at((0.0, 0.5))))
    hard, life = _live(model, prices, start, None)
    soft = [sweep(model, prices, start, jnp.asarray(tau))[0] for tau in taus]
    gaps = [float(jnp.max(hard - each)) for each in soft]
    # Entropy of 6 choices is at most log 6, at every one of the steps.
    for gap, tau in zip(gaps, taus, strict=True):
        assert -1e-12 <= gap <= STEPS * tau * np.log(6) + 1e-12
    np.testing.assert_allclose(life.cost, model.grid.mean(start, hard[0]), atol=1e-12)


def test_single_precision_keeps_mass_at_low_temperatures():
    cast = lambda tree: jax.tree.map(  # noqa: E731
        lambda a: a.astype(jnp.float32) if eqx.is_inexact_array(a) else a, tree
    )
    model = cast(random_model(5, "lagrangian"))
    start = cast(model.grid.at((0.1, 0.4)))
    prices, tau = jnp.ones(STEPS, jnp.float32), jnp.float32(3e-4)
    values, path = _live(model, prices, start, tau)
    final = path.final
    assert values.dtype == final.dtype == jnp.float32
    np.testing.assert_allclose(np.sum(final, dtype=float), 1, atol=1e-5)
    assert final.min() >= 0


def _one_axis(**changed):
    settings = {
        "grid": Grid((Axis.cells(0.0, 1.0, 4),)),
        "motions": (Motion(0, lambda now, x: x[0], None, Upwind()),),
        "controls": Levels(([0.0],)),
        "running_cost": lambda *_: 0.0,
        "terminal_cost": None,
        "steps": 3,
        "step_hours": 1.0,
    }
    return ControlledDiffusion(**{**settings, **changed})


BLANK = jnp.zeros(3)


@pytest.mark.parametrize(
    ("field", "make"),
    [
        ("axis.count", lambda: Axis.cells(0.0, 1.0, 1)),
        ("axis.spacing", lambda: Axis.lattice(1.0, 0.0, 5)),
        ("grid.axes", lambda: Grid(())),
        ("means", lambda: Grid((Axis.cells(0.0, 1.0, 4),)).normal((0.0, 1.0), (1.0,))),
        ("deviations", lambda: Grid((Axis.cells(0.0, 1.0, 4),)).normal((0.0,), (0.0,))),
        ("point", lambda: Grid((Axis.cells(0.0, 1.0, 4),)).at(())),
        ("controls.values[0]", lambda: Levels(([],))),
        ("controls.values[1]", lambda: Levels(([1.0], [np.nan]))),
        ("controls.lower", lambda: QuadraticControls(lower=[1.0], upper=[0.0])),
        ("scheme.nodes", lambda: SemiLagrangian(nodes=[-1.0, 2.0], weights=[0.5, 0.5])),
        ("model.steps", lambda: _one_axis(steps=0)),
        ("model.step_hours", lambda: _one_axis(step_hours=-1.0)),
        ("motion.axis", lambda: _one_axis(motions=(Motion(1, lambda *_: 0.0, None, Upwind()),))),
        ("motion.scheme", lambda: _one_axis(grid=Grid((Axis.circle(0.0, 1.0, 4),)))),
        ("environment", lambda: backward(_one_axis(), jnp.zeros(5))),
        ("temperature", lambda: backward(_one_axis(), BLANK, -1.0)),
        ("temperature", lambda: backward(_one_axis(controls=QuadraticControls()), BLANK, 1.0)),
        ("start", lambda: forward(_one_axis(), BLANK, Table(BLANK), jnp.ones(4))),
        ("start", lambda: forward(_one_axis(), BLANK, Table(BLANK), jnp.ones(3) / 3)),
    ],
)
def test_bad_input_is_named(field, make):
    with pytest.raises(InvalidInput) as caught:
        make()
    assert caught.value.field == field and caught.value.remedy


@pytest.mark.parametrize("at", [0.0, 1.0, 2.4, 3.0])
def test_weights_of_all_points_are_the_two_looked_up(at):
    """In value and derivative, at the walls and at points too; levels of V cancel."""
    axis, values = Axis.lattice(0.0, 3.0, 4), jnp.asarray([[1.0], [4.0], [2.0], [7.0]])

    def looked_up(position):
        many = jnp.full((4, 1), position)
        below = jnp.clip(jnp.floor(many), 0, 2).astype(int)
        low, high = (jnp.take_along_axis(values, below + k, axis=0) for k in (0, 1))
        return ((1 - many + below) * low + (many - below) * high)[0, 0]

    def weighed(position, level=0.0):
        return _weigh(axis, values + level, jnp.full((4, 1), position))[0, 0] - level

    np.testing.assert_allclose(weighed(at), looked_up(at), atol=1e-14)
    slope = jax.grad(looked_up)(at)
    for level in (0.0, 1e3):
        np.testing.assert_allclose(jax.grad(weighed)(at, level), slope, atol=1e-9)
    assert abs(slope) > 1


def test_a_scheme_made_in_single_precision_is_refused_for_double():
    single = SemiLagrangian(*(jnp.asarray(x, jnp.float32) for x in ((-1.0, 1.0), (0.5, 0.5))))
    axis, field = Axis.cells(0.0, 1.0, 4), jnp.zeros(4)
    with pytest.raises(InvalidInput, match="jax_enable_x64"):
        single.expect(axis, field, field, field, jnp.asarray(0.1))
