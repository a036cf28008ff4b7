"""One round of the game: prices, backward, forward, flows, prices."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from mfgamm.core import Flows, InvalidInput, Prices
from mfgamm.meanfield import Foresight, backward, forward, mean_flows
from mfgamm.meanfield_game.abreast import in_every_cluster
from mfgamm.meanfield_game.game import MeanFieldGame


class Response(eqx.Module):
    """How the households of all clusters answer prices.

    Attributes:
        flows: of a cluster's households on average, kW.
        cost: expected cost of a household over the horizon, €, without what entropy is worth.
        marginals: probabilities of each state variable by itself, `[cluster, point, time]`, at the
            beginning of every step.
        last: the same at the end, `[cluster, point]`.
    """

    flows: Flows
    cost: Float[Array, " cluster"]
    marginals: tuple[Float[Array, "cluster _ time"], ...]
    last: tuple[Float[Array, "cluster _"], ...]


def respond(
    game: MeanFieldGame, prices: Prices, temperature: Float[Array, ""] | float | None
) -> Response:
    """The best answer to prices: Bellman backward, Fokker–Planck forward.

    Args:
        game: whose households answer.
        prices: that they expect and are charged, €/kWh, `[cluster, time]`.
        temperature: τ of the entropy that each decision earns, €; None for none.

    Raises:
        InvalidInput: if the temperature is not positive.
    """

    def live(home, start, seen: Prices):
        foresight = Foresight(backward(home, seen, temperature), temperature)
        return forward(home, seen, foresight, start, _observe)

    life = in_every_cluster(game, live, prices)
    flows, marginals = life.observed
    last = jax.vmap(_marginals)(life.final)
    return Response(flows=flows, cost=life.cost, marginals=marginals, last=last)


def starting_prices(game: MeanFieldGame, start: Prices | None) -> Prices:
    """Prices to begin with: those given, or the grid's.

    Raises:
        InvalidInput: if they do not fit the game.
    """
    prices = game.grid_prices if start is None else start
    for name, given in (("sell", prices.sell), ("buy", prices.buy)):
        if given.shape != game.base_load.shape:
            raise InvalidInput(
                f"start.{name}", given.shape, f"must be [cluster, time] = {game.base_load.shape}"
            )
    # Numbers with types of their own: weak ones would be compiled for again.
    return jax.tree.map(lambda each: jnp.asarray(each, each.dtype), prices)


def recharge(
    game: MeanFieldGame, response: Response, expected: Prices, charged: Prices
) -> Response:
    """The same behaviour at other prices than those expected: its cost is linear in prices."""
    flows, hours = response.flows, game.household.step_hours
    dearer = flows.demand * (charged.buy - expected.buy)
    richer = flows.supply * (charged.sell - expected.sell)
    cost = response.cost + hours * jnp.sum(dearer - richer, axis=-1)
    return dataclasses.replace(response, cost=cost)


def price_map(prices: Prices, parameters: tuple[MeanFieldGame, Float[Array, ""]]) -> Prices:
    """F, whose fixed points are the equilibria: what prices lead to when households expect them.

    Args:
        prices: expected, €/kWh, `[cluster, time]`.
        parameters: the game and the temperature τ, €.
    """
    game, temperature = parameters
    return game.prices(respond(game, prices, temperature).flows)


def _observe(model, now, probability, policy):
    return mean_flows(model, now, probability, policy), _marginals(probability)


def _marginals(probability):
    """Of each state variable by itself."""
    axes = range(probability.ndim)
    return tuple(
        jnp.sum(probability, axis=tuple(other for other in axes if other != axis)) for axis in axes
    )
