"""Strategy banks: a few best responses of each type, and how the planner would mix them.

AMM paper, "Strategy banks" and "Planner Problem". A bank is a `MixedStrategy` before its weights
are chosen; the planner's quadratic program chooses them.
"""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from mfgamm.core import Flows, InvalidInput, NotConverged, Number, Prices
from mfgamm.lp import InteriorPoint
from mfgamm.market import AbstractMarket
from mfgamm.planner.exchange_cost import ExchangeCost
from mfgamm.planner.mixture_program import MixtureProgram, MixtureSolution, solve_mixture
from mfgamm.prosumer import HouseholdTypes, MixedStrategy, respond

MAX_ITERATIONS = 100
# A random walk of the logarithm of supply over demand: its scale, and how fast it forgets.
WALK_SCALE, WALK_HOURS = 1.5, 3.0


def synthetic_prices(market: AbstractMarket, step_hours: Number, count: int, seed: int) -> Prices:
    """Price series that the market might quote, `[bank, time]`.

    The logarithm of supply over demand is a stationary random walk over the day. The first series
    is the grid's own tariff: nobody trades inside.
    """
    steps = market.tariff.retail.shape[-1]
    random = np.random.default_rng(seed)
    memory = np.exp(-float(step_hours) / WALK_HOURS)
    noise = random.normal(size=(max(count - 1, 0), steps))
    walk = np.zeros_like(noise)
    for t in range(steps):
        before = walk[:, t - 1] if t else random.normal(size=walk.shape[0])
        walk[:, t] = memory * before + np.sqrt(1 - memory**2) * noise[:, t]
    ratio = jnp.asarray(np.exp(WALK_SCALE * walk))
    inside = [market.prices(Flows(series, jnp.ones(steps))) for series in ratio]
    series = [Prices(sell=market.tariff.feed_in, buy=market.tariff.retail), *inside]
    return Prices(
        sell=jnp.stack([each.sell for each in series]), buy=jnp.stack([each.buy for each in series])
    )


def strategy_bank(
    types: HouseholdTypes, prices: Prices, kernel: InteriorPoint | None = None
) -> MixedStrategy:
    """Every type's best responses to the price series `[bank, time]`, in equal shares."""
    kernel = InteriorPoint() if kernel is None else kernel
    series = zip(prices.sell, prices.buy, strict=True)
    plans = [respond(types, Prices(sell=sell, buy=buy), kernel).value for sell, buy in series]
    shape = (len(plans), types.weights.size)
    return MixedStrategy(
        curtailed=jnp.stack([plan.curtailed for plan in plans]),
        charge=jnp.stack([plan.charge for plan in plans]),
        discharge=jnp.stack([plan.discharge for plan in plans]),
        weights=jnp.full(shape, 1 / shape[0]),
        held=jnp.ones(shape, bool),
    )


class PlannedMixture(eqx.Module):
    """A bank with the planner's weights.

    Attributes:
        strategy: the mixture.
        prices: the duals, €/kWh: the slope of the grid's bill and of the Tikhonov term. At them
            every type is indifferent between the plans that it uses.
        gap: of the quadratic program, €; rigorous.
        cost: the regularised objective, € per household.
    """

    strategy: MixedStrategy
    prices: Prices
    gap: Float[Array, ""]
    cost: Float[Array, ""]


def mix_bank(
    types: HouseholdTypes,
    bank: MixedStrategy,
    market: AbstractMarket,
    *,
    tikhonov: Number = 1e-3,
    tolerance: float = 1e-9,
) -> PlannedMixture:
    """The weights that minimise the grid's bill for the average net trade, regularised.

    The Tikhonov term is `tikhonov`·Σ(step·net trade)², € per kWh², in the average household's net
    trade. It makes the net trade unique, not the weights: those returned are an interior point.

    Raises:
        InvalidInput: if `tikhonov` is negative, or the tolerance not positive.
        NotConverged: if the quadratic program was not solved to the tolerance, € per household.
    """
    if not tikhonov >= 0:
        raise InvalidInput("tikhonov", tikhonov, "must be at least 0 € per kWh²")
    if not tolerance > 0:
        raise InvalidInput("tolerance", tolerance, "must be positive")
    hours = types.step_hours * types.discount
    exchange = ExchangeCost.grid_bill(market.tariff, hours[None])
    program = _program(types, bank, exchange, jnp.asarray(float(tikhonov)))
    solution: MixtureSolution = solve_mixture(
        program,
        bank.weights,
        jnp.zeros(program.pull.shape[2:]),
        jnp.asarray(tolerance),
        jnp.asarray(MAX_ITERATIONS),
    )
    strategy = dataclasses.replace(bank, weights=solution.shares)
    half = market.tariff.spread / 2
    price = exchange.middle + half * solution.price[:, 0]
    mixture = PlannedMixture(
        strategy, Prices(price, price), solution.gap, program.value(solution.shares)
    )
    if not float(solution.gap) <= tolerance:
        raise NotConverged(
            f"the planner's quadratic program stopped at a gap of {float(solution.gap):.1e} €; "
            "loosen its tolerance",
            mixture,
        )
    return mixture


@eqx.filter_jit
def _program(
    types: HouseholdTypes,
    bank: MixedStrategy,
    exchange: ExchangeCost,
    tikhonov: Float[Array, ""],
) -> MixtureProgram:
    net = bank.net_trade(types)
    supply, demand = jnp.maximum(net, 0.0), jnp.maximum(-net, 0.0)
    hours, half = exchange.hours[0], exchange.tariff.spread / 2
    pull = jax.vmap(jax.vmap(lambda d, s: exchange.pull(d[None], s[None])[0]))(demand, supply)
    # tikhonov·(Δ·x)² = ½·penalty·y² with y = hours·half·x; without a spread there is no norm to
    # carry the term, and nothing to gain from moving trade there either.
    worth = hours * half
    penalty = 2 * tikhonov * (types.step_hours / jnp.where(worth > 0, worth, 1.0)) ** 2
    return MixtureProgram(
        worth=plan_costs(types, bank, Prices(sell=exchange.middle, buy=exchange.middle)),
        pull=pull,
        held=bank.held,
        mass=types.weights,
        penalty=jnp.where(worth > 0, penalty, 0.0),
    )


@eqx.filter_jit
def plan_costs(
    types: HouseholdTypes, bank: MixedStrategy, prices: Prices
) -> Float[Array, "plan type"]:
    """What each plan of a bank costs its household at `prices`, €."""
    net = bank.net_trade(types)

    def cost(net, charge, discharge):
        states = types.follow_states(charge, discharge)
        payments = jnp.maximum(-net, 0.0) * prices.buy - jnp.maximum(net, 0.0) * prices.sell
        left = jnp.sum(types.storage.terminal_value * states[..., -1], axis=-1)
        return types.step_hours * payments @ types.discount - types.discount[-1] * left

    return jax.vmap(cost)(net, bank.charge, bank.discharge)


class Indifference(eqx.Module):
    """Whether a mixture could be an equilibrium's, € per household over the horizon, by type.

    AMM paper: "A mixed strategy is an equilibrium only if the agent is indifferent between all
    pure strategies in its support."

    Attributes:
        within_bank: mean cost of the mixture less its cheapest plan's.
        beyond_bank: mean cost of the mixture less a bound on the best of all plans.
    """

    within_bank: Float[Array, " type"]
    beyond_bank: Float[Array, " type"]


def check_indifference(
    types: HouseholdTypes,
    strategy: MixedStrategy,
    prices: Prices,
    kernel: InteriorPoint | None = None,
) -> Indifference:
    """How far each type is from being indifferent at `prices`."""
    costs = plan_costs(types, strategy, prices)
    mean = jnp.sum(strategy.weights * costs, axis=0)
    cheapest = jnp.min(jnp.where(strategy.held, costs, jnp.inf), axis=0)
    kernel = InteriorPoint() if kernel is None else kernel
    return Indifference(mean - cheapest, mean - respond(types, prices, kernel).certificate)
