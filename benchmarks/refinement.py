"""How fast mean field solutions on grids approach those known in closed form.

    python -m benchmarks.refinement

Each game is written down as a user would; exact answers stand beside it. Spacing and step shrink
together.
"""

import dataclasses
from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from mfgamm.fixed_point import Anderson, solve_fixed_point
from mfgamm.meanfield import (
    AbstractScheme,
    Axis,
    ControlledDiffusion,
    Foresight,
    Grid,
    Levels,
    Motion,
    QuadraticControls,
    ScharfetterGummel,
    SemiLagrangian,
    Upwind,
    backward,
    forward,
)

SCHEMES = (SemiLagrangian, Upwind, ScharfetterGummel)


def linear_quadratic(scheme: AbstractScheme, cells: int, steps: int) -> ControlledDiffusion:
    """dX = a·dt + ½·dW, cost ∫½[a² + (X − m̄/2)²]dt over one hour, environment m̄.

    Known by Riccati equations; see `LINEAR_QUADRATIC`.
    """
    return ControlledDiffusion(
        grid=Grid((Axis.cells(-1.5, 3.0, cells),)),
        motions=(Motion(0, lambda now, x, a: a[0], lambda now, x: 0.5, scheme, controlled=True),),
        controls=QuadraticControls(),
        running_cost=lambda now, x, a, mean: (a[0] ** 2 + (x[0] - mean / 2) ** 2) / 2,
        terminal_cost=None,
        steps=steps,
        step_hours=1.0 / steps,
    )


LINEAR_QUADRATIC = {"mean": 0.7932781817, "variance": 0.2071975127, "cost": 0.1915720645}


@eqx.filter_jit
def solve_linear_quadratic(model: ControlledDiffusion) -> dict[str, jax.Array]:
    """Mean and variance at the end, and expected cost, in the mean field equilibrium."""
    start = model.grid.normal((1.0,), (0.2,))

    def play(mean, model):
        return forward(model, mean, Foresight(backward(model, mean)), start)

    mean = solve_fixed_point(
        lambda mean, model: play(mean, model).observed[0],
        jnp.ones(model.steps),
        model,
        Anderson(tolerance=1e-9),
    ).value
    evolution = play(mean, model)
    (x,) = model.grid.state
    last = model.grid.mean(evolution.final, x)
    variance = model.grid.mean(evolution.final, (x - last) ** 2)
    return {"mean": last, "variance": variance, "cost": evolution.cost}


def reflecting(scheme: AbstractScheme, cells: int, hours: float) -> ControlledDiffusion:
    """dX = (0.3 − X)dt + ½·dW between reflecting walls at 0 and 1; nothing is chosen."""
    return ControlledDiffusion(
        grid=Grid((Axis.cells(0.0, 1.0, cells),)),
        motions=(Motion(0, lambda now, x: 0.3 - x[0], lambda now, x: 0.5, scheme),),
        controls=Levels(([0.0],)),
        running_cost=lambda now, x, u, _: 0.0,
        terminal_cost=None,
        steps=int(12 / hours),
        step_hours=hours,
    )


REFLECTING = {"mean": 0.4009390600, "variance": 0.0589949987}


@eqx.filter_jit
def solve_reflecting(model: ControlledDiffusion) -> dict[str, jax.Array]:
    """Mean and variance after so long that the start is forgotten."""
    idle = Foresight(jnp.zeros((model.steps + 1, *model.grid.shape)))
    final = forward(model, (), idle, model.grid.at((0.5,))).final
    (x,) = model.grid.state
    mean = model.grid.mean(final, x)
    return {"mean": mean, "variance": model.grid.mean(final, (x - mean) ** 2)}


def systemic_risk(scheme: AbstractScheme, cells: int, steps: int) -> ControlledDiffusion:
    """Banks that lend to each other (Carmona, Fouque and Sun 2015), environment m̄.

    dX = α·dt + ½·dW, cost ∫(½α² − qα(m̄ − X) + ½κ(m̄ − X)²)dt + ½c(m̄ − X_T)² with q = .01, κ = .5,
    c = 1, T = 10. The value is ½η(t)(m̄ − x)² and a function of time, η(0) = .6971069611.
    """
    return ControlledDiffusion(
        grid=Grid((Axis.cells(-4.0, 4.0, cells),)),
        motions=(Motion(0, lambda now, x, a: a[0], lambda now, x: 0.5, scheme, controlled=True),),
        controls=QuadraticControls(),
        running_cost=lambda now, x, a, mean: (
            a[0] ** 2 / 2 - 0.01 * a[0] * (mean - x[0]) + 0.25 * (mean - x[0]) ** 2
        ),
        terminal_cost=lambda x, mean: (mean - x[0]) ** 2 / 2,
        steps=steps,
        step_hours=10.0 / steps,
    )


SYSTEMIC_RISK = {"η(0)": 0.6971069611}


@eqx.filter_jit
def solve_systemic_risk(model: ControlledDiffusion) -> dict[str, jax.Array]:
    """η(0) from values at a distance of about 1 from the mean, which stays where it is."""
    value = backward(model, jnp.zeros(model.steps))[0]
    x, far = model.grid.axes[0].points, 1 + model.grid.shape[0] // 8
    above, below = model.grid.shape[0] // 2 + far, model.grid.shape[0] // 2 - 1 - far
    near = model.grid.shape[0] // 2
    rise = (value[above] + value[below]) / 2 - (value[near] + value[near - 1]) / 2
    return {"η(0)": 2 * rise / (x[above] ** 2 - x[near] ** 2)}


@dataclasses.dataclass(frozen=True)
class Refinement:
    """Errors of one quantity on finer and finer grids.

    Attributes:
        cells: of each grid, growing.
        errors: absolute.
    """

    cells: tuple[int, ...]
    errors: tuple[float, ...]

    @property
    def orders(self) -> np.ndarray:
        """Of each refinement: how many powers of the spacing the error falls with."""
        return -np.diff(np.log(self.errors)) / np.diff(np.log(self.cells))

    @property
    def order(self) -> float:
        """Over the whole table."""
        first, last = np.log(self.errors[0]), np.log(self.errors[-1])
        return float((first - last) / np.log(self.cells[-1] / self.cells[0]))


def refine(
    solve: Callable[[int], dict[str, jax.Array]], exact: dict[str, float], cells: tuple[int, ...]
) -> dict[str, Refinement]:
    """Errors of each quantity; `solve` answers for a number of cells."""
    answers = [solve(count) for count in cells]
    return {
        name: Refinement(cells, tuple(abs(float(answer[name]) - value) for answer in answers))
        for name, value in exact.items()
    }


GAMES = {
    "linear-quadratic": (
        lambda scheme, n: solve_linear_quadratic(linear_quadratic(scheme, n, n // 2)),
        LINEAR_QUADRATIC,
        (40, 80, 160, 320),
    ),
    "systemic risk": (
        lambda scheme, n: solve_systemic_risk(systemic_risk(scheme, n, 4 * n)),
        SYSTEMIC_RISK,
        (40, 160, 640, 2560),
    ),
    "reflecting walls": (
        lambda scheme, n: solve_reflecting(reflecting(scheme, n, 1.6 / n)),
        REFLECTING,
        (16, 64, 256, 1024),
    ),
}


def main() -> None:
    jax.config.update("jax_enable_x64", True)
    for game, (solve, exact, cells) in GAMES.items():
        for scheme in SCHEMES:
            table = refine(lambda n, s=solve, k=scheme: s(k(), n), exact, cells)
            for quantity, found in table.items():
                errors = "  ".join(f"{error:.2e}" for error in found.errors)
                orders = " ".join(f"{order:5.2f}" for order in found.orders)
                name = scheme.__name__
                print(f"{game:17} {quantity:9} {name:18} {errors}   orders {orders}")


if __name__ == "__main__":
    main()
