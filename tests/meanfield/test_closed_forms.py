"""Games whose answers are known in closed form, and how fast grids approach them."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks.refinement import (
    LINEAR_QUADRATIC,
    REFLECTING,
    SYSTEMIC_RISK,
    linear_quadratic,
    refine,
    reflecting,
    solve_linear_quadratic,
    solve_reflecting,
    solve_systemic_risk,
    systemic_risk,
)
from mfgamm.fixed_point import Anderson, solve_fixed_point
from mfgamm.graphon import OneMinusMax, StepGraphon, local_aggregate
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
    costs_to_go,
    evaluate,
    exploitability,
    forward,
    whole_density,
)


def test_linear_quadratic_game():
    """Mean, variance and cost, from coarse to fine: first order."""
    table = refine(
        lambda n: solve_linear_quadratic(linear_quadratic(ScharfetterGummel(), n, n // 2)),
        LINEAR_QUADRATIC,
        (40, 160),
    )
    for quantity, found in table.items():
        assert found.errors[-1] < 2e-3, (quantity, found)
    assert table["variance"].order > 0.85
    assert table["mean"].order > 0.95


def test_reflecting_walls_to_second_order():
    table = refine(
        lambda n: solve_reflecting(reflecting(ScharfetterGummel(), n, 0.1)),
        REFLECTING,
        (10, 20, 40),
    )
    for found in table.values():
        assert found.errors[-1] < 2e-5
        np.testing.assert_allclose(found.orders, 2, atol=0.1)


def test_reflecting_walls_by_interpolation():
    table = refine(
        lambda n: solve_reflecting(reflecting(SemiLagrangian(), n, 1.6 / n)), REFLECTING, (32, 128)
    )
    assert table["mean"].order > 0.9 and table["mean"].errors[-1] < 1e-3
    assert table["variance"].order > 0.95 and table["variance"].errors[-1] < 1e-4


def test_systemic_risk():
    table = refine(
        lambda n: solve_systemic_risk(systemic_risk(Upwind(), n, 4 * n)),
        SYSTEMIC_RISK,
        (40, 160),
    )["η(0)"]
    assert table.order > 0.95 and table.errors[-1] < 0.04


def graphon_game(cells, steps):
    """The linear-quadratic game with unit weights: one cluster's, environment the mean it sees."""
    return ControlledDiffusion(
        grid=Grid((Axis.cells(-0.5, 2.0, cells),)),
        motions=(Motion(0, lambda now, x, a: a[0], lambda now, x: 0.1, Upwind(), controlled=True),),
        controls=QuadraticControls(),
        running_cost=lambda now, x, a, seen: (a[0] ** 2 + (x[0] - seen) ** 2) / 2,
        terminal_cost=None,
        steps=steps,
        step_hours=1.0 / steps,
    )


def test_linear_quadratic_game_on_a_graphon():
    """W = 1 − max(α, β): clusters side by side, coupled by what they see of each other."""
    clusters, known = 8, {0.25: 0.78005507, 0.75: 0.70887417}
    graphon = StepGraphon.from_kernel(OneMinusMax(), clusters)
    aggregate = graphon.aggregate()

    @eqx.filter_jit
    def last_means(model):
        start = model.grid.normal((1.0,), (0.1,))

        def play(seen):
            return forward(model, seen, Foresight(backward(model, seen)), start)

        def response(means, _):
            seen = aggregate.apply(local_aggregate(means, graphon.masses))
            return jax.vmap(lambda each: play(each).observed[0])(seen)

        means = solve_fixed_point(
            response, jnp.ones((clusters, model.steps)), method=Anderson(tolerance=1e-8)
        ).value
        seen = aggregate.apply(local_aggregate(means, graphon.masses))
        final = jax.vmap(lambda each: play(each).final)(seen)
        return model.grid.mean(final, model.grid.state[0])

    means = np.asarray(last_means(graphon_game(48, 24)))
    # ¼ and ¾ are edges of the cells: between two of their middles.
    found = {0.25: means[1:3].mean(), 0.75: means[5:7].mean()}
    for place in known:
        np.testing.assert_allclose(found[place], known[place], atol=7e-3)
    assert found[0.25] - found[0.75] > 0.06


HORIZON = SIZE = 10
THIRDS = SemiLagrangian(nodes=np.sqrt(1.5) * np.array([-1, 0, 1]), weights=np.full(3, 1 / 3))


def _crowd_cost(now, x, move, environment):
    log_crowd, further, move_cost = environment
    place = 1 - jnp.abs(x[0] - SIZE // 2) / (SIZE // 2)
    return log_crowd - place + further + move_cost * jnp.abs(move[0])


# Crowd modelling (Perrin et al. 2020, §4.2): a ring, one place left or right, noise likewise.
# Reward at every place but the last, 1 − |x − 5|/5 − log m(x), less a tenth for the move by which
# one came. Environment: log m and further costs, `[place, time]`, and the cost of a move, `[time]`.
CROWD = ControlledDiffusion(
    grid=Grid((Axis.circle(0, SIZE, SIZE),)),
    motions=(
        Motion(0, lambda now, x, u: u[0], lambda now, x: np.sqrt(2 / 3), THIRDS, controlled=True),
    ),
    controls=Levels(([-1.0, 0.0, 1.0],)),
    running_cost=_crowd_cost,
    terminal_cost=None,
    steps=HORIZON,
    step_hours=1.0,
)


def remembered_move_costs():
    """Cost of arriving at a place, `[place, time]`, as the published figure counts it.

    OpenSpiel remembers values by place and time only, so that every arrival there costs what the
    first one in the order of its recursion did, whatever the move.
    """
    costs, moved = {}, set()

    def arrive(place, time, move):
        if (place, time) in costs:
            return
        costs[place, time] = abs(move) / SIZE
        if time == HORIZON:
            return
        for own in (-1, 0, 1):
            between = (place + own) % SIZE
            if (between, time) not in moved:
                moved.add((between, time))
                for noise in (-1, 0, 1):
                    arrive((between + noise) % SIZE, time + 1, own)

    for place in range(SIZE):
        arrive(place, 0, 0)
    return jnp.asarray([[costs[place, time] for time in range(HORIZON)] for place in range(SIZE)])


@eqx.filter_jit
def uniform_policy(further, move_cost):
    """NashConv of the uniform policy; its expected cost backward, by choices, and forward."""
    start = jnp.full(SIZE, 1 / SIZE)
    uniform = Table(jnp.full((HORIZON, 3, SIZE), 1 / 3))
    blank = jnp.zeros((SIZE, HORIZON))
    idle = (blank, blank, jnp.zeros(HORIZON))
    crowds = forward(CROWD, idle, uniform, start, whole_density).observed
    environment = (jnp.log(crowds), further, move_cost)
    gain = exploitability(CROWD, environment, uniform, start)
    valued = CROWD.grid.mean(start, evaluate(CROWD, environment, uniform.policies)[0])
    choices = costs_to_go(CROWD, environment, uniform.policies)[0]
    chosen = CROWD.grid.mean(start, jnp.mean(choices, axis=0))
    return gain, valued, chosen, forward(CROWD, environment, uniform, start).cost


@pytest.mark.parametrize(
    ("further", "move_cost", "published"),
    [
        (remembered_move_costs(), np.zeros(HORIZON), 2.8135365543870385),
        # The rules themselves, by enumeration in numpy: moves to the last place cost nothing.
        (
            np.zeros((SIZE, HORIZON)),
            np.where(np.arange(HORIZON) < HORIZON - 1, 1 / SIZE, 0.0),
            2.786682416298331,
        ),
    ],
    ids=["as published", "as the rules say"],
)
def test_crowd_modelling(further, move_cost, published):
    """NashConv of the uniform policy: a deviator's gain against a crowd that moves at random."""
    gain, valued, chosen, moved = uniform_policy(jnp.asarray(further), jnp.asarray(move_cost))
    np.testing.assert_allclose(gain, published, rtol=1e-12)
    np.testing.assert_allclose(valued, moved, rtol=1e-12)
    np.testing.assert_allclose(chosen, moved, rtol=1e-12)
