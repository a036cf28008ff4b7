"""A linear-quadratic game on a graphon: grids extrapolated to nothing, against its closed form.

    python -m benchmarks.graphon_closed_form

Fifty clusters see W = 1 − max(α, β) of each other's means. The closed form is that of the
continuum; the midpoint rule of fifty cells is 1.6e-5 away from it. Solutions on grids are second
order in the spacing and first in the step; Richardson's rule takes both to zero.
"""

import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from mfgamm.fixed_point import Anderson, solve_fixed_point
from mfgamm.graphon import OneMinusMax, StepGraphon, local_aggregate
from mfgamm.meanfield import (
    Axis,
    ControlledDiffusion,
    Foresight,
    Grid,
    Motion,
    QuadraticControls,
    ScharfetterGummel,
    backward,
    forward,
)

CLUSTERS, CELLS, STEPS = 50, (40, 80, 160), (20, 40, 80)
# Mean states at the end at α = ¼ and ¾, the middles of two of the cells.
KNOWN = {12: 0.78005507, 37: 0.70887417}


def game(cells: int, steps: int) -> ControlledDiffusion:
    """dX = a·dt + dW/10, cost ∫½[a² + (X − seen)²]dt over one hour, environment: the mean seen."""
    return ControlledDiffusion(
        grid=Grid((Axis.cells(0.2, 1.5, cells),)),
        motions=(
            Motion(
                0, lambda now, x, a: a[0], lambda now, x: 0.1, ScharfetterGummel(), controlled=True
            ),
        ),
        controls=QuadraticControls(),
        running_cost=lambda now, x, a, seen: (a[0] ** 2 + (x[0] - seen) ** 2) / 2,
        terminal_cost=None,
        steps=steps,
        step_hours=1.0 / steps,
    )


@eqx.filter_jit
def last_means(model: ControlledDiffusion, graphon: StepGraphon) -> jax.Array:
    """Of the clusters, in equilibrium."""
    start, aggregate = model.grid.normal((1.0,), (0.06,)), graphon.aggregate()

    def play(seen):
        return forward(model, seen, Foresight(backward(model, seen)), start)

    def look(means):
        return aggregate.apply(local_aggregate(means, graphon.masses))

    means = solve_fixed_point(
        lambda means, _: jax.vmap(lambda seen: play(seen).observed[0])(look(means)),
        jnp.ones((CLUSTERS, model.steps)),
        method=Anderson(tolerance=1e-10),
    ).value
    final = jax.vmap(lambda seen: play(seen).final)(look(means))
    return model.grid.mean(final, model.grid.state[0])


def main() -> None:
    jax.config.update("jax_enable_x64", True)
    graphon = StepGraphon.from_kernel(OneMinusMax(), CLUSTERS)
    places, exact = np.array(list(KNOWN)), np.array(list(KNOWN.values()))
    without_steps = []
    for cells in CELLS:
        coarse, middle, fine = (
            np.asarray(last_means(game(cells, steps), graphon))[places] for steps in STEPS
        )
        without_steps.append((8 * fine - 6 * middle + coarse) / 3)
        error, left = (np.abs(each - exact).max() for each in (fine, without_steps[-1]))
        print(
            f"{cells} cells, {STEPS[-1]} steps: {error:.1e}; steps to zero: {left:.1e}", flush=True
        )
    for cells, (before, after) in zip(CELLS[1:], itertools.pairwise(without_steps), strict=True):
        error = np.abs((4 * after - before) / 3 - exact).max()
        print(f"up to {cells} cells, spacing to zero, too: {error:.1e} (midpoint rule: 1.6e-05)")


if __name__ == "__main__":
    main()
