"""Extragradient: look ahead, then step by what was seen; a slow walk that keeps no memory.

Each household answers prices with its cost plus a proximal term on trade, ½·ρ·‖trade − trade now‖²,
which keeps answers from jumping and vanishes at an equilibrium, so nothing is smoothed away there.
The step is taken at the prices of the looked-ahead point (Korpelevich 1976), and ρ follows the
steepness of prices met on the way (Khobotov 1987).
"""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from mfgamm.core import InvalidInput, Prices, concrete, safe_divide
from mfgamm.equilibrium.community import Game
from mfgamm.equilibrium.solver import AbstractSolver, SolverState, answer, with_fields
from mfgamm.lp import InteriorPoint, StorageProgram
from mfgamm.prosumer import MixedStrategy, Plan, read_plan

SELL, BUY = 0, 1
# Prices may change by this share of what the proximal term weighs the way ahead.
CONTRACTION = 0.7
STIFFEN, RELAX, MOST_TRIALS = 2.0, 0.95, 30


class WalkState(SolverState):
    """Where the walk stands.

    Attributes:
        stiffness: ρ of the last step, €/kWh per kW.
    """

    stiffness: Float[Array, ""]


class Extragradient(AbstractSolver):
    """Proximal best responses to the prices of a point ahead.

    Attributes:
        oracle: settings of the best responses, proximal ones included.
        stiffness: ρ of the first step: how much price, €/kWh, it takes to move a trade by a kW.
    """

    oracle: InteriorPoint = eqx.field(default_factory=lambda: InteriorPoint(tolerance=1e-9))
    stiffness: Float[Array, ""] = eqx.field(converter=jnp.asarray, default=0.1)

    def __check_init__(self):
        stiffness = concrete(self.stiffness)
        if stiffness is not None and not stiffness > 0:
            raise InvalidInput("solver.stiffness", float(stiffness), "must be positive")

    def init(self, game: Game, start: Plan | MixedStrategy) -> WalkState:
        plan = start.average(game.types) if isinstance(start, MixedStrategy) else start
        return self._answer(game, plan, self.stiffness * 1.0, jnp.asarray(0))

    def advance(self, game: Game, state: SolverState) -> WalkState:
        """One step, stiffened until prices on the way ahead change moderately."""
        assert isinstance(state, WalkState)
        plan, prices, stiffness = state.strategy, state.prices, RELAX * state.stiffness
        seen, steepness = self._look(game, plan, prices, stiffness)
        for _ in range(MOST_TRIALS):
            if float(steepness) <= CONTRACTION * float(stiffness):
                break
            stiffness = STIFFEN * stiffness
            seen, steepness = self._look(game, plan, prices, stiffness)
        stepped = self._proximal(game, plan, seen, stiffness)
        return self._answer(game, stepped, stiffness, state.round + 1)

    def _answer(self, game: Game, plan: Plan, stiffness, round_) -> WalkState:
        state = answer(game, plan, None, self.oracle, round_)
        return with_fields(WalkState, state, stiffness=stiffness)

    def _look(self, game: Game, plan: Plan, prices: Prices, stiffness):
        return _change(game, plan, prices, self._proximal(game, plan, prices, stiffness))

    def _proximal(self, game: Game, plan: Plan, prices: Prices, stiffness) -> Plan:
        program = _proximal_program(game, plan, prices, stiffness)
        variables = self.oracle.solve(program).value.variables
        return _read(game, program, variables)


@eqx.filter_jit
def _proximal_program(
    game: Game, plan: Plan, prices: Prices, stiffness: Float[Array, ""]
) -> StorageProgram:
    """Everybody's program at `prices`, with ½·ρ·Δ·(trade − trade now)² added."""
    program = game.types.program(prices)
    weight = stiffness * game.types.step_hours * game.types.discount[:, None]
    rows = slice(SELL, BUY + 1)
    now = jnp.stack([plan.sell.T, plan.buy.T])
    return dataclasses.replace(
        program,
        cost=program.cost.at[rows].add(-weight * now),
        curvature=jnp.zeros_like(program.cost).at[rows].set(jnp.broadcast_to(weight, now.shape)),
    )


@eqx.filter_jit
def _change(game: Game, plan: Plan, prices: Prices, ahead: Plan) -> tuple[Prices, Float[Array, ""]]:
    """Prices ahead, and how much they change per kW of trade on the way, €/kWh per kW."""
    seen = game.market.prices(game.types.flows(ahead))
    change = jax.tree.map(lambda new, old: jnp.sum((new - old) ** 2), seen, prices)
    moved = (ahead.sell - plan.sell) ** 2 + (ahead.buy - plan.buy) ** 2
    way = game.types.weights @ jnp.sum(moved, axis=1)
    return seen, jnp.sqrt(safe_divide(change.sell + change.buy, way, 0.0))


@eqx.filter_jit
def _read(game: Game, program: StorageProgram, variables) -> Plan:
    return read_plan(game.types, program, variables, exact=False)
