"""A mean field study as labelled arrays."""

from importlib.metadata import version

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

from mfgamm.market import TwoLayerMarket
from mfgamm.meanfield_game import (
    MeanFieldEquilibrium,
    MeanFieldGame,
    Response,
    respond,
    simulate,
)
from mfgamm.scenario import Calendar, MeanFieldScenario, Mode
from mfgamm.scenario.clusters.places import Places
from mfgamm.study.dataset import CONVENTIONS, FORMATS, RunFacts
from mfgamm.study.labelled import variable

FORMAT = "mfgamm_mean_field_format"
STAND_ALONE = "stand-alone"
# State variables by the class of their device.
STATES = {
    "Deviation": ("deviation", "kW", "drawn beyond the forecast"),
    "ControllableLoad": ("controllable", "kWh", "consumed ahead of the habit"),
    "ShiftableLoad": ("shiftable", "kWh", "served of the shiftable task"),
    "EnergyStorage": ("battery", "kWh", "stored in the battery"),
    "ElectricVehicle": ("vehicle", "kWh", "stored in the vehicle"),
}
OVER_TIME = ("mode", "cluster", "time")


def mean_field_dataset(
    games: dict[Mode, MeanFieldGame],
    equilibria: dict[Mode, MeanFieldEquilibrium],
    scenario: MeanFieldScenario,
    calendar: Calendar,
    places: Places,
    facts: RunFacts,
) -> xr.Dataset:
    """Everything about a solved mean field study that is worth keeping.

    Costs are expected, of a household, per day. `way` names the ways to trade: stand-alone is the
    best against the grid's tariff; the others are the modes that were solved. Densities, and the
    day of one household drawn at random, are those of the last mode.

    Args:
        games: with whom clusters trade, as far as it was asked for.
        equilibria: the answers, of those that were reached.
        scenario: what was asked.
        calendar: its time axis.
        places: of the clusters.
        facts: how long it took.
    """
    last = list(equilibria)[-1]
    game, equilibrium = games[last], equilibria[last]
    variables = {
        **_price_variables(games, equilibria),
        **_way_variables(games, equilibria),
        "feed_in_price": variable(
            "time", game.market.tariff.feed_in, "€ kWh-1", "feed-in tariff of the grid"
        ),
        "retail_price": variable(
            "time", game.market.tariff.retail, "€ kWh-1", "retail tariff of the grid"
        ),
        "base_load": variable(
            ("cluster", "time"), game.base_load, "kW", "expected load less expected generation"
        ),
        **_density_variables(game, equilibrium),
        **_day_variables(game, equilibrium, scenario.seed),
        **_stage_variables(equilibria),
    }
    coordinates = _coordinates(game, equilibria, calendar, places)
    attributes = _attributes(scenario, calendar, facts, equilibria)
    unreached = [str(mode) for mode in games if mode not in equilibria]
    if unreached:
        attributes["unreached"] = unreached
    return xr.Dataset(variables, coordinates, attributes)


def is_mean_field(dataset: xr.Dataset) -> bool:
    """Whether these are the results of a mean field study."""
    return FORMAT in dataset.attrs


def state_names(dataset: xr.Dataset) -> list[str]:
    """The state variables of the household, in the order of its grid."""
    return [name for name, _, _ in STATES.values() if f"{name}_density" in dataset]


def _each(equilibria: dict[Mode, MeanFieldEquilibrium], read) -> np.ndarray:
    return np.array([np.asarray(read(each)) for each in equilibria.values()])


def _price_variables(games, equilibria) -> dict[str, xr.Variable]:
    layers = [_layer_prices(games[mode], found) for mode, found in equilibria.items()]
    return {
        "sell_price": variable(
            OVER_TIME, _each(equilibria, lambda e: e.prices.sell), "€ kWh-1", "price for selling"
        ),
        "buy_price": variable(
            OVER_TIME, _each(equilibria, lambda e: e.prices.buy), "€ kWh-1", "price for buying"
        ),
        "cluster_price": variable(
            OVER_TIME, np.array([own for own, _ in layers]), "€ kWh-1", "of the cluster's own layer"
        ),
        "coupled_price": variable(
            OVER_TIME,
            np.array([all_ for _, all_ in layers]),
            "€ kWh-1",
            "of the layer between them",
        ),
        "supply": variable(
            OVER_TIME, _each(equilibria, lambda e: e.response.flows.supply), "kW", "sold on average"
        ),
        "demand": variable(
            OVER_TIME, _each(equilibria, lambda e: e.response.flows.demand), "kW", "bought"
        ),
    }


def _layer_prices(game: MeanFieldGame, found: MeanFieldEquilibrium):
    market = game.market
    assert isinstance(market, TwoLayerMarket)
    flows = game.carried(found.response.flows)
    own, across = market.layers(flows, market.see(flows))
    shape = game.base_load.shape
    return np.asarray(own.price), np.asarray(jnp.broadcast_to(across.price, shape))


def _way_variables(games, equilibria) -> dict[str, xr.Variable]:
    first = next(iter(equilibria))
    game, days = games[first], float(games[first].days)
    alone = respond(game, game.grid_prices, None)
    costs = [_bill(game, each) for each in (alone, *(e.response for e in equilibria.values()))]
    incomes = [0.0, *(float(jnp.sum(e.settlement.income)) / days for e in equilibria.values())]
    return {
        "cost": variable(
            ("way", "cluster"),
            np.array(costs) / days,
            "€ day-1",
            "cost of a household; what it ends ahead or behind valued at the mean retail price",
        ),
        "operators_income": variable(
            "way", incomes, "€ day-1", "left to those who run the layers, per household"
        ),
        "exploitability": variable(
            ("mode", "cluster"),
            _each(equilibria, lambda e: e.certificate.exploitability_by_cluster),
            "€ day-1",
            "most that a household could still save by deviating",
        ),
        **{
            f"mode_{name}": variable(
                "mode", _each(equilibria, lambda e, n=name: getattr(e.certificate, n)), unit, words
            )
            for name, unit, words in (
                ("price_residual", "€ kWh-1", "largest difference of expected and charged prices"),
                ("exploitability", "€ day-1", "the same on average over households"),
                ("relative", "1", "exploitability relative to the gain"),
                ("gain", "€ day-1", "saved over stand-alone, the operators' income included"),
            )
        },
    }


def _bill(game: MeanFieldGame, response: Response) -> np.ndarray:
    """What a day costs households, €, `[cluster]`, wear, discomfort and shortages included.

    The terminal value of stores says how households care for the day after; it is no payment.
    Instead energy that is stored, or consumed ahead of habit, counts at the mean retail price, as
    much at the beginning as at the end.
    """
    bill, price = np.asarray(response.cost), float(jnp.mean(game.market.tariff.retail))
    for device, first, last in zip(game.devices, response.marginals, response.last, strict=True):
        points = np.asarray(device.axis.points)
        final, start = np.asarray(last), np.asarray(first)[..., 0]
        left = np.broadcast_to(device.terminal_cost(device.axis.points), points.shape)
        bill = bill - final @ left
        if hasattr(device, "terminal_value"):
            bill = bill + price * (start - final) @ points
    return bill


def _density_variables(game: MeanFieldGame, equilibrium: MeanFieldEquilibrium):
    """Probabilities of each state variable by itself, averaged over clusters."""
    variables = {}
    masses = np.asarray(game.masses)
    for device, marginal in zip(game.devices, equilibrium.response.marginals, strict=True):
        name, _, words = STATES[type(device).__name__]
        mean = np.tensordot(masses, np.asarray(marginal), axes=1)
        variables[f"{name}_density"] = variable((name, "time"), mean, "1", f"share, {words}")
    return variables


def _day_variables(game: MeanFieldGame, equilibrium: MeanFieldEquilibrium, seed: int):
    """One household of the cluster in the middle."""
    costs = np.asarray(equilibrium.response.cost)
    home = int(np.argsort(costs)[costs.size // 2])
    lives = simulate(game, equilibrium, jnp.asarray([home]), jax.random.key(seed))
    variables = {
        "day_net_load": variable("time", lives.net_load[0], "kW", "drawn by one household"),
        "day_cluster": variable((), home, "1", "number of its cluster"),
    }
    for device, state in zip(game.devices, lives.states, strict=True):
        name, unit, words = STATES[type(device).__name__]
        variables[f"day_{name}"] = variable("time", state[0], unit, f"of one household: {words}")
    return variables


def _stage_variables(equilibria) -> dict[str, xr.Variable]:
    stages = [(mode, each.history) for mode, each in equilibria.items()]
    return {
        "stage_mode": xr.Variable(
            "stage", np.array([str(m) for m, h in stages for _ in h.temperature], str)
        ),
        "stage_temperature": variable(
            "stage", np.concatenate([h.temperature for _, h in stages]), "€", "temperature"
        ),
        "stage_iterations": variable(
            "stage", np.concatenate([h.iterations for _, h in stages]), "1", "iterations"
        ),
        "stage_residual": variable(
            "stage", np.concatenate([h.residual for _, h in stages]), "€ kWh-1", "left at the end"
        ),
    }


def _coordinates(game: MeanFieldGame, equilibria, calendar: Calendar, places: Places) -> dict:
    modes = [str(mode) for mode in equilibria]
    x, y = places.positions.T
    axes = {}
    for device, axis in zip(game.devices, game.household.grid.axes, strict=True):
        name, unit, words = STATES[type(device).__name__]
        axes[name] = (name, np.asarray(axis.points), {"units": unit, "long_name": words})
    return {
        "time": ("time", calendar.utc.tz_localize(None).to_numpy(), {"long_name": "start, UTC"}),
        "local_time": ("time", calendar.local.tz_localize(None).to_numpy()),
        "mode": ("mode", np.array(modes, str)),
        "way": ("way", np.array([STAND_ALONE, *modes], str)),
        "cluster": ("cluster", np.array(places.names, str)),
        "cluster_x": ("cluster", x),
        "cluster_y": ("cluster", y),
        **axes,
    }


def _attributes(scenario: MeanFieldScenario, calendar: Calendar, facts: RunFacts, equilibria):
    published = scenario.published
    attributes = {
        "Conventions": CONVENTIONS,
        FORMAT: FORMATS[FORMAT],
        "source": f"mfgamm {version('mfgamm')}, jax {jax.__version__}",
        "title": scenario.title,
        "description": scenario.description,
        "timezone": calendar.timezone,
        "step_hours": calendar.step_hours,
        "days": calendar.steps * calendar.step_hours / 24,
        "households": scenario.clusters.households * scenario.clusters.count,
        "status": [each.outcome.label for each in equilibria.values()],
        "temperature": [float(each.temperature) for each in equilibria.values()],
        "tolerance": scenario.solver.tolerance,
        "pricing": scenario.market.pricing,
        "layer_shares": list(scenario.market.layer_shares),
        "alpha": scenario.clusters.alpha,
        "wall_s": facts.wall_s,
        "compile_s": facts.compile_s,
        "scenario": scenario.to_toml(),
    }
    if published is None:
        return attributes
    costs = [published.stand_alone, published.own_cluster, published.cluster_of_clusters]
    return attributes | {"published_source": published.source, "published_costs": costs}
