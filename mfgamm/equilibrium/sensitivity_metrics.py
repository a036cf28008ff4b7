"""What a designer looks at in an equilibrium: gain, grid, bills, as differentiable numbers."""

from collections.abc import Sequence

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from mfgamm.core import Prices
from mfgamm.equilibrium.certificate import horizon_days
from mfgamm.equilibrium.community import Game
from mfgamm.equilibrium.smoothed import Outcome
from mfgamm.lp import InteriorPoint

# The benchmark's barrier, €: exact for all purposes, and smooth enough that differences of two
# benchmarks are not rounding.
BENCHMARK_BARRIER = 1e-9


class Metrics(eqx.Module):
    """A community in numbers, of an average household.

    Attributes:
        gain: what the community (operator and rebates included) saves over trading with the grid
            alone, households re-optimised there, € per household-day.
        cost: what it pays the grid, less what is left stored, € per household-day.
        peak_import: largest import from the grid, kW per household.
        grid_import: energy from the grid, kWh per household-day.
        self_sufficiency: share of what the households use (losses of their devices included) that
            their own generation covers, in [0, 1].
        bills: mean payment of each category's households, rebates deducted, € per day.
        savings: mean saving of each category's households over the grid alone, € per day.
        saving_by_type: saving of a household of each type, € per day.
    """

    gain: Float[Array, ""]
    cost: Float[Array, ""]
    peak_import: Float[Array, ""]
    grid_import: Float[Array, ""]
    self_sufficiency: Float[Array, ""]
    bills: Float[Array, " category"]
    savings: Float[Array, " category"]
    saving_by_type: Float[Array, " type"]


def peak(values: Float[Array, " any"]) -> Float[Array, ""]:
    """The largest of some values, with the derivative of the one that is largest.

    The derivative of `jnp.max` compares its result to the values. Compilers that compute a value
    twice may round it twice, find no value that equals the largest, and return zero.
    """
    return values[jnp.argmax(values)]


def membership(categories: Sequence[str]) -> Float[Array, "category type"]:
    """Which types belong to which category, in order of appearance: 1 or 0."""
    names = list(dict.fromkeys(categories))
    return jnp.asarray([[float(name == each) for each in categories] for name in names])


def benchmark_cost(game: Game) -> Float[Array, " type"]:
    """Each type's best cost against the grid alone, €.

    Its derivative is the Lagrangian's at the optimum (envelope theorem): plans need none.
    """
    tariff = game.market.tariff
    alone = Prices(sell=tariff.feed_in, buy=tariff.retail)
    kernel = InteriorPoint(barrier=BENCHMARK_BARRIER, tolerance=1e-6)
    return kernel.solve(game.types.program(alone)).value.objective


def metrics_of(game: Game, outcome: Outcome, members: Float[Array, "category type"]) -> Metrics:
    """The metrics of an outcome of the game, its benchmark solved anew.

    Args:
        game: whose tariff and types also make the benchmark.
        outcome: what happens in equilibrium.
        members: from `membership`.
    """
    types, books = game.types, outcome.settlement
    weights, days = types.weights, horizon_days(types)
    shares = members * weights
    shares = shares / jnp.sum(shares, axis=1, keepdims=True)
    rebates = books.rebates @ types.discount
    saved = (benchmark_cost(game) - outcome.cost + rebates) / days
    income = jnp.sum(books.income * types.discount) / days
    imported = jnp.sum(books.imported)
    generated = types.step_hours * jnp.sum(weights @ (types.generation - outcome.plan.curtailed))
    covered = generated - jnp.sum(books.exported)
    return Metrics(
        gain=weights @ saved + income,
        cost=(weights @ (outcome.cost - rebates)) / days - income,
        peak_import=peak(books.imported) / types.step_hours,
        grid_import=imported / days,
        self_sufficiency=covered / (covered + imported),
        bills=shares @ jnp.sum(books.payments, axis=1) / days,
        savings=shares @ saved,
        saving_by_type=saved,
    )
