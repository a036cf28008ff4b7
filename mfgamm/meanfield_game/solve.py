"""Solve the mean field game: temperatures from high to low, a fixed point of prices at each."""

from collections.abc import Callable, Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from mfgamm.core import AbstractSolution, InvalidInput, NotConverged, Prices, Status
from mfgamm.fixed_point import AbstractMethod, Anderson, FixedPoint, solve_fixed_point
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
    on_stage: Callable[[float, FixedPoint], None] | None = None,
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

    Raises:
        InvalidInput: if there is no temperature, one is not positive, or the start does not fit.
        NotConverged: with the best prices found attached, if `throw`.
    """
    method = default_method(1e-6) if method is None else method
    _require_temperatures(temperatures)
    known = start.value if isinstance(start, MeanFieldEquilibrium) else start
    prices = starting_prices(game, known)
    stages: list[tuple[float, FixedPoint]] = []
    for temperature in temperatures:
        found = solve_fixed_point(
            price_map, prices, (game, jnp.asarray(temperature)), method, throw=False
        )
        stages.append((temperature, found))
        prices = found.value
        if on_stage is not None:
            on_stage(temperature, found)
        if not found.converged:
            break
    equilibrium = _conclude(game, stages)
    if throw and not equilibrium.converged:
        last, certificate = stages[-1], equilibrium.certificate
        raise NotConverged(
            f"{equilibrium.outcome.label} at temperature {last[0]:.1e} €: prices off by "
            f"{float(certificate.price_residual):.1e} €/kWh after {int(last[1].iterations)} "
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


def _conclude(game: MeanFieldGame, stages: list[tuple[float, FixedPoint]]) -> MeanFieldEquilibrium:
    temperature, last = jnp.asarray(stages[-1][0]), stages[-1][1]
    charged, response, settlement = _play(game, last.value, temperature)
    benchmark, best = (best_cost(game, each) for each in (starting_prices(game, None), charged))
    certificate = certify(game, last.value, charged, response, settlement, best, benchmark)
    return MeanFieldEquilibrium(
        value=last.value,
        prices=charged,
        response=response,
        settlement=settlement,
        benchmark=benchmark,
        temperature=temperature,
        status=last.status,
        residuals=jax.tree.map(jnp.subtract, charged, last.value),
        certificate=certificate,
        history=Stages(
            temperature=np.asarray([each for each, _ in stages]),
            iterations=np.asarray([int(found.iterations) for _, found in stages]),
            residual=np.asarray([float(found.certificate) for _, found in stages]),
        ),
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
