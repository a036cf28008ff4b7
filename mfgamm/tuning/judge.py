"""What a market is worth: metrics of its exact equilibrium, with the certificate that it is one."""

import equinox as eqx
from jaxtyping import Array, Float

from mfgamm.core import Number
from mfgamm.equilibrium import (
    Certificate,
    Community,
    Game,
    Metrics,
    Outcome,
    PathFollowing,
    membership,
    metrics_of,
    solve_equilibrium,
)


def judge(community: Community, *, tolerance: Number = 1e-4) -> tuple[Metrics, Certificate]:
    """Metrics of a community's equilibrium, unsmoothed, and how far from equilibrium it is.

    Where there are several equilibria, it is the one that the central path leads to.

    Args:
        community: the game.
        tolerance: exploitability relative to the gain. If it is not met the certificate tells.
    """
    found = solve_equilibrium(
        community, PathFollowing(), tolerance=float(tolerance), max_rounds=40, throw=False
    )
    types = community.population.types
    outcome = Outcome(
        found.prices,
        found.value,
        found.flows,
        found.settlement,
        types.cost(found.value, found.prices),
    )
    game = Game(types, community.market, found.benchmark.cost)
    members = membership(community.population.categories)
    return _metrics(game, outcome, members), found.certificate


@eqx.filter_jit
def _metrics(game: Game, outcome: Outcome, members: Float[Array, "category type"]) -> Metrics:
    return metrics_of(game, outcome, members)
