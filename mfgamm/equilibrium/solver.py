"""What every equilibrium solver is: a start, rounds, and a state that can be judged after each."""

import dataclasses
from abc import abstractmethod
from typing import TypeVar

import equinox as eqx
from jaxtyping import Array, Int

from mfgamm.core import Prices
from mfgamm.equilibrium.certificate import Certificate, certify
from mfgamm.equilibrium.community import Game
from mfgamm.lp import InteriorPoint
from mfgamm.market import Settlement
from mfgamm.prosumer import BestResponse, MixedStrategy, Plan, respond


class SolverState(eqx.Module):
    """Where a solver stands after a round.

    Attributes:
        strategy: each type's mixed strategy, as its average plan.
        mixture: the pure plans that it mixes, if the solver keeps them.
        prices: that the strategy leads to, €/kWh.
        settlement: its books.
        certificate: how far from equilibrium it is.
        reply: a best reply to the prices.
        round: rounds played.
    """

    strategy: Plan
    mixture: MixedStrategy | None
    prices: Prices
    settlement: Settlement
    certificate: Certificate
    reply: Plan
    round: Int[Array, ""]


State = TypeVar("State", bound=SolverState)


class AbstractSolver(eqx.Module):
    """A way to look for an equilibrium, one round at a time.

    Attributes:
        oracle: settings of the best responses. The exploitability counts their dual bound, so
            a loose tolerance costs accuracy, never honesty.
    """

    oracle: eqx.AbstractVar[InteriorPoint]

    @abstractmethod
    def init(self, game: Game, start: Plan | MixedStrategy) -> SolverState:
        """Open the search with everybody following `start`."""

    @abstractmethod
    def advance(self, game: Game, state: SolverState) -> SolverState:
        """Play one round: new strategies from the last best reply, and the reply to them."""


def answer(
    game: Game,
    strategy: Plan,
    mixture: MixedStrategy | None,
    oracle: InteriorPoint,
    round_: Int[Array, ""],
) -> SolverState:
    """The state in which everybody follows `strategy`, which averages `mixture` if there is one."""
    response = respond(game.types, _prices(game, strategy), oracle)
    return _assess(game, strategy, mixture, response, round_)


def with_fields(kind: type[State], state: SolverState, **own) -> State:
    """The same state as one of a kind that carries fields of its own besides."""
    common = {field.name: getattr(state, field.name) for field in dataclasses.fields(SolverState)}
    return kind(**common, **own)


@eqx.filter_jit
def _prices(game: Game, strategy: Plan) -> Prices:
    return game.market.prices(game.types.flows(strategy))


@eqx.filter_jit
def _assess(
    game: Game,
    strategy: Plan,
    mixture: MixedStrategy | None,
    response: BestResponse,
    round_: Int[Array, ""],
) -> SolverState:
    types = game.types
    prices = game.market.prices(types.flows(strategy))
    settlement = game.market.settle(strategy.sell, strategy.buy, types.members, types.step_hours)
    return SolverState(
        strategy=strategy,
        mixture=mixture,
        prices=prices,
        settlement=settlement,
        certificate=certify(game, strategy, prices, settlement, response.certificate),
        reply=response.value,
        round=round_,
    )
