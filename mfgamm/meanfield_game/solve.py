"""Solve the mean field game: temperatures from high to low, a fixed point of prices at each."""

import dataclasses
import functools
from collections.abc import Callable, Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from mfgamm.core import (
    AbstractSolution,
    Checkpoint,
    InvalidInput,
    NotConverged,
    Prices,
    Status,
)
from mfgamm.fixed_point import (
    AbstractMethod,
    Anderson,
    FixedPoint,
    pursue_fixed_point,
    solve_fixed_point,
)
from mfgamm.market import Settlement
from mfgamm.meanfield_game.certificate import Certificate, best_cost, certify
from mfgamm.meanfield_game.game import MeanFieldGame
from mfgamm.meanfield_game.response import (
    Response,
    price_map,
    recharge,
    respond,
    starting_prices,
)

# Called with the temperature, €, and what was found there.
OnStage = Callable[[float, FixedPoint], None]


class Stages(eqx.Module):
    """What happened at each temperature.

    Attributes:
        temperature: τ, €.
        iterations: taken there.
        residual: largest price residual at its end, €/kWh.
    """

    temperature: Float[np.ndarray, " stage"]
    iterations: Int[np.ndarray, " stage"]
    residual: Float[np.ndarray, " stage"]


class MeanFieldEquilibrium(AbstractSolution):
    """Prices that lead to themselves, and everything needed to judge and to use them.

    Attributes:
        value: prices that households expect, €/kWh, `[cluster, time]`.
        prices: that their flows lead to and that they are charged, €/kWh.
        response: flows, costs and densities.
        settlement: energy and money of each step.
        benchmark: cost of a household of each cluster with the grid alone, €.
        temperature: τ at which the search ended, €.
        status: a `Status` code.
        residuals: prices charged less prices expected, €/kWh.
        certificate: price residual, exploitability of the game without entropy.
        history: the temperatures.
    """

    value: Prices
    prices: Prices
    response: Response
    settlement: Settlement
    benchmark: Float[Array, " cluster"]
    temperature: Float[Array, ""]
    status: Int[Array, ""]
    residuals: Prices
    certificate: Certificate
    history: Stages

    @property
    def outcome(self) -> Status:
        """The status as an enumeration member."""
        return Status(int(self.status))


def default_method(tolerance: float, max_iterations: int = 200) -> Anderson:
    """How prices that lead to themselves are looked for, unless told otherwise.

    Half a step towards what prices lead to: markets answer flows about as steeply as flows answer
    prices.

    Args:
        tolerance: on prices, €/kWh.
        max_iterations: after which to give up.
    """
    return Anderson(
        tolerance=jnp.asarray(tolerance),
        max_iterations=max_iterations,
        mixing=jnp.asarray(0.5),
        memory=20,
        regularisation=jnp.asarray(1e-5),
    )


def solve_mean_field_game(
    game: MeanFieldGame,
    temperatures: Sequence[float] = (0.02, 0.01, 0.005),
    method: AbstractMethod | None = None,
    *,
    start: Prices | MeanFieldEquilibrium | None = None,
    throw: bool = True,
    on_stage: OnStage | None = None,
    on_pause: OnStage | None = None,
    checkpoint: Checkpoint | None = None,
) -> MeanFieldEquilibrium:
    """Find prices that lead to themselves (GMFG paper, eqs. 13 to 28).

    The equilibrium found is that of the game with entropy, at the last temperature; what it misses
    of the game without is `certificate.exploitability`: lower the temperature to lower it. The
    search stops at the first temperature that fails. Uniqueness is not claimed.

    Args:
        game: the game.
        temperatures: τ, €, from high to low; each search starts from the last one's prices.
        method: how fixed points are looked for, its tolerance on prices, €/kWh; Anderson's
            acceleration to 1e-6 if None.
        start: prices expected at first, or another solve's result; the grid's if None.
        throw: raise if the tolerance was not met; otherwise the status tells.
        on_stage: called after each temperature with what was found there.
        on_pause: called every few iterations with what was found so far. A `KeyboardInterrupt`,
            here or anywhere in the iterations, ends the solve: the best prices so far are
            returned with `Status.INTERRUPTED`, whatever `throw` says.
        checkpoint: where to save the search, each temperature in a folder of its own, and to take
            it up again from, so that it goes on as if it had never stopped.

    Raises:
        InvalidInput: if there is no temperature, one is not positive, the start does not fit, or
            the checkpoint is another search's.
        NotConverged: with the best prices found attached, if `throw`.
    """
    method = default_method(1e-6) if method is None else method
    _require_temperatures(temperatures)
    known = start.value if isinstance(start, MeanFieldEquilibrium) else start
    prices = starting_prices(game, known)
    stages: list[tuple[float, FixedPoint]] = []
    for number, temperature in enumerate(temperatures):
        found = pursue_fixed_point(
            price_map,
            prices,
            (game, jnp.asarray(temperature)),
            method,
            on_pause=None if on_pause is None else functools.partial(on_pause, temperature),
            checkpoint=None if checkpoint is None else checkpoint.within(f"stage-{number}"),
        )
        stages.append((temperature, found))
        prices = found.value
        if on_stage is not None:
            on_stage(temperature, found)
        if not found.converged:
            break
    temperature, last = stages[-1]
    equilibrium = _conclude(game, prices, temperature, last.status, _history(stages))
    if throw and equilibrium.outcome not in (Status.CONVERGED, Status.INTERRUPTED):
        certificate = equilibrium.certificate
        raise NotConverged(
            f"{equilibrium.outcome.label} at temperature {temperature:.1e} €: prices off by "
            f"{float(certificate.price_residual):.1e} €/kWh after {int(last.iterations)} "
            f"iterations (tolerance {float(method.tolerance):.1e}); insert temperatures between, "
            "stop at a higher one, or pass throw=False to use what was found",
            equilibrium,
        )
    return equilibrium


def equilibrium_response(
    game: MeanFieldGame,
    near: Prices,
    temperature: Float[Array, ""] | float,
    method: AbstractMethod | None = None,
) -> tuple[Prices, Response]:
    """The equilibrium near some prices, differentiable in the whole game and the temperature.

    By the implicit function theorem, (I − F′)·dπ = ∂F/∂θ·dθ, in forward and reverse mode; the
    iterations are not differentiated.

    Args:
        game: whose every number may be differentiated: tariff, shares, coupling, devices, loads.
        near: where to start, the prices of a solved game close by.
        temperature: τ, €.
        method: `Anderson` to 1e-10 €/kWh if None.

    Raises:
        NotConverged: if the tolerance was not met; under `jit` and derivatives answers are `nan`.
    """
    method = default_method(1e-10) if method is None else method
    temperature = jnp.asarray(temperature)
    prices = solve_fixed_point(price_map, near, (game, temperature), method).value
    return prices, respond(game, prices, temperature)


def unfinished_equilibrium(
    game: MeanFieldGame, prices: Prices, temperature: Float[Array, ""] | float
) -> MeanFieldEquilibrium:
    """What households do at prices that no search has improved on, and how far off they are.

    Args:
        game: the game.
        prices: expected, €/kWh, `[cluster, time]`; perhaps what a coarser grid's search has found.
        temperature: τ, €.

    Returns:
        With `Status.INTERRUPTED` and no iterations.

    Raises:
        InvalidInput: if the prices do not fit the game.
    """
    prices, status = starting_prices(game, prices), jnp.asarray(int(Status.INTERRUPTED))
    history = Stages(np.asarray([float(temperature)]), np.zeros(1, int), np.full(1, np.nan))
    found = _conclude(game, prices, temperature, status, history)
    residual = np.asarray([float(found.certificate.price_residual)])
    return dataclasses.replace(found, history=dataclasses.replace(history, residual=residual))


def _conclude(
    game: MeanFieldGame,
    expected: Prices,
    temperature: Float[Array, ""] | float,
    status: Int[Array, ""],
    history: Stages,
) -> MeanFieldEquilibrium:
    temperature = jnp.asarray(temperature)
    charged, response, settlement = _play(game, expected, temperature)
    benchmark, best = (best_cost(game, each) for each in (starting_prices(game, None), charged))
    return MeanFieldEquilibrium(
        value=expected,
        prices=charged,
        response=response,
        settlement=settlement,
        benchmark=benchmark,
        temperature=temperature,
        status=status,
        residuals=jax.tree.map(jnp.subtract, charged, expected),
        certificate=certify(game, expected, charged, response, settlement, best, benchmark),
        history=history,
    )


def _history(stages: list[tuple[float, FixedPoint]]) -> Stages:
    return Stages(
        temperature=np.asarray([each for each, _ in stages]),
        iterations=np.asarray([int(found.iterations) for _, found in stages]),
        residual=np.asarray([float(found.certificate) for _, found in stages]),
    )


@eqx.filter_jit
def _play(
    game: MeanFieldGame, expected: Prices, temperature: Float[Array, ""]
) -> tuple[Prices, Response, Settlement]:
    """Prices charged to those who expected others, their response, and its books."""
    response = respond(game, expected, temperature)
    flows = response.flows
    charged = game.prices(flows)
    settlement = game.market.settle(
        flows.supply, flows.demand, game.members, game.household.step_hours
    )
    return charged, recharge(game, response, expected, charged), settlement


def _require_temperatures(temperatures: Sequence[float]) -> None:
    if not temperatures:
        raise InvalidInput("temperatures", (), "must hold at least one, €")
    for temperature in temperatures:
        if not 0 < temperature < np.inf:
            raise InvalidInput("temperatures", temperature, "must be positive, €")
