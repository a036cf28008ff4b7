"""Stochastic households: energy balances, devices do what they should, derivatives are right."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from meanfield.balances import live

from mfgamm.core import InvalidInput, Prices
from mfgamm.meanfield import (
    Axis,
    Deviation,
    ElectricVehicle,
    EnergyStorage,
    Foresight,
    Grid,
    backward,
    forward,
    household,
    mean_flows,
)

STEPS, HOURS = 6, 0.5
HOME = np.array([1, 1, 0, 0, 1, 1.0])
LATTICE = Axis.lattice(0.0, 4.0, 9)


def random_household(seed):
    """All three devices with random numbers; shapes and schedule lengths stay."""
    random = np.random.default_rng(seed)
    away = random.random(STEPS) < 0.4
    return household(
        [
            Deviation.stationary(random.uniform(0.2, 0.8), random.uniform(0.5, 4.0), 4),
            EnergyStorage(
                Axis.lattice(0.0, random.uniform(2, 10), 6),
                random.uniform(1, 6),
                round_trip_efficiency=random.uniform(0.6, 1.0),
                wear=0.01,
                terminal_value=random.uniform(0, 0.2),
            ),
            ElectricVehicle(
                Axis.lattice(0.0, random.uniform(5, 40), 5),
                random.uniform(2, 11),
                home=~away,
                driving=random.uniform(0, 9, STEPS) * away,
                target=np.where(random.random(STEPS) < 0.3, 4.0, 0.0),
                levels=[-1.0, 0.0, 0.5, 1.0],
            ),
        ],
        random.normal(0.5, 1.0, STEPS),
        HOURS,
    )


@settings(max_examples=10)
@given(st.integers(0, 2**32 - 1))
def test_energy_of_every_device_balances(seed):
    random = np.random.default_rng(seed)
    model = random_household(seed)
    sell = random.uniform(0, 0.2, STEPS)
    prices = Prices(sell, sell + random.uniform(0, 0.2, STEPS))
    start = jnp.asarray(random.dirichlet(np.ones(model.grid.size)).reshape(model.grid.shape))
    _, life = live(model, prices, start, jnp.asarray(0.02))
    kept, entering, flows = life.observed
    last = [model.grid.mean(life.final, model.grid.state[axis]) for axis in (1, 2)]
    path = np.concatenate([kept, np.asarray(last)[:, None]], axis=1)
    np.testing.assert_allclose(np.diff(path), HOURS * np.asarray(entering), atol=1e-8)
    np.testing.assert_allclose(jnp.sum(life.final), 1, atol=1e-12)
    assert life.final.min() >= 0
    assert np.all(np.asarray(flows.supply) >= 0) and np.all(np.asarray(flows.demand) >= 0)


def test_a_battery_earns_the_spread():
    """Two prices, no losses: charge while cheap, discharge while dear, as much as power allows."""
    model = household(
        [EnergyStorage(LATTICE, 2.0, round_trip_efficiency=1.0)], np.zeros(STEPS), HOURS
    )
    price = np.where(np.arange(STEPS) < 3, 0.1, 0.3)
    values = backward(model, Prices(price, price))
    # 1 kWh a step: three steps in at 0.1, three out at 0.3.
    np.testing.assert_allclose(values[0][0], -3 * (0.3 - 0.1), atol=1e-12)
    flows = forward(
        model, Prices(price, price), Foresight(values), model.grid.at((0.0,)), mean_flows
    ).observed
    np.testing.assert_allclose(flows.demand, [2, 2, 2, 0, 0, 0], atol=1e-12)
    np.testing.assert_allclose(flows.supply, [0, 0, 0, 2, 2, 2], atol=1e-12)


def test_losses_are_paid_once_each_way():
    lossy = EnergyStorage(LATTICE, 2.0, round_trip_efficiency=0.81, levels=[-1.0, 1.0])
    now = household([lossy], np.zeros(STEPS), HOURS).moment(jnp.asarray(0))
    x = jnp.asarray([0.0, 2.0, 4.0])
    np.testing.assert_allclose(lossy.power(now, x, jnp.asarray(1.0)), [2, 2, 0])
    np.testing.assert_allclose(lossy.drift(now, x, jnp.asarray(1.0)), [1.8, 1.8, 0])
    np.testing.assert_allclose(lossy.power(now, x, jnp.asarray(-1.0)), [0, -2, -2])
    np.testing.assert_allclose(lossy.drift(now, x, jnp.asarray(-1.0)), [0, -2 / 0.9, -2 / 0.9])


def vehicle(**changed):
    given = {
        "axis": LATTICE,
        "rated": 2.0,
        "home": HOME,
        "driving": 2.0 * (1 - HOME),
        "target": [0, 2.0, 0, 0, 0, 0],
        "round_trip_efficiency": 1.0,
    }
    return ElectricVehicle(**{**given, **changed})


def test_a_vehicle_is_ready_when_it_leaves_and_drives_on_what_it_has():
    model = household([vehicle()], np.zeros(STEPS), HOURS)
    dear = Prices(np.zeros(STEPS), np.full(STEPS, 0.3))
    start = model.grid.at((0.0,))

    @jax.jit
    def drive(prices):
        return forward(model, prices, Foresight(backward(model, prices)), start, mean_flows)

    life = drive(dear)
    # A missing kWh at departure costs 1 €, one on the road ½ €: charging at 0.3 avoids both.
    np.testing.assert_allclose(life.observed.demand, [2, 2, 0, 0, 0, 0], atol=1e-12)
    np.testing.assert_allclose(life.cost, 2 * 0.3, atol=1e-12)
    np.testing.assert_allclose(life.final, model.grid.at((0.0,)), atol=1e-12)
    absurd = Prices(np.zeros(STEPS), np.full(STEPS, 3.0))
    np.testing.assert_allclose(drive(absurd).cost, 2 * 1.0 + 2 * 0.5, atol=1e-12)


def test_a_deviation_settles_to_its_standard_deviation():
    noise = Deviation.stationary(0.5, 1.0, 60, width=5.0)
    model = household([noise, EnergyStorage(Axis.lattice(0.0, 1.0, 2), 0.0)], np.zeros(40), 0.25)
    flat = Prices(np.zeros(40), np.zeros(40))
    idle = Foresight(jnp.zeros((41, *model.grid.shape)))
    final = forward(model, flat, idle, model.grid.at((1.0, 0.0))).final
    x = model.grid.state[0]
    mean = model.grid.mean(final, x)
    np.testing.assert_allclose(mean, (1 + 0.25) ** -40.0, atol=1e-3)
    np.testing.assert_allclose(model.grid.mean(final, (x - mean) ** 2), 0.25, rtol=1e-2)


def test_derivatives_of_the_bill_by_the_devices():
    """By capacity, power, wear and prices: reverse mode against central differences."""
    random = random_household(11)
    prices = Prices(np.full(STEPS, 0.05), np.linspace(0.1, 0.3, STEPS))
    deviation, store, _ = random.running_cost.net_load.devices
    start = Grid((deviation.axis, store.axis)).normal((0.0, 1.0), (0.3, 0.8))

    @jax.jit
    def bill(amounts):
        capacity, rated, wear, dearer = amounts
        store = EnergyStorage(Axis.lattice(0.0, capacity, 6), rated, wear=wear, terminal_value=0.1)
        model = household([deviation, store], random.running_cost.net_load.base, HOURS)
        seen = dataclasses.replace(prices, buy=prices.buy + dearer)
        values = backward(model, seen, 0.05)
        return forward(model, seen, Foresight(values, 0.05), start).cost

    at, width = jnp.asarray([5.3, 2.1, 0.013, 0.02]), 1e-5
    gradient = jax.jit(jax.grad(bill))(at)
    for direction, found in zip(np.eye(4), gradient, strict=True):
        difference = (bill(at + width * direction) - bill(at - width * direction)) / (2 * width)
        np.testing.assert_allclose(found, difference, rtol=1e-4, atol=1e-8)
        assert abs(found) > 1e-3


def test_clusters_side_by_side():
    """`vmap` over prices gives what each cluster gets alone."""
    model = household([EnergyStorage(LATTICE, 2.0)], np.zeros(STEPS), HOURS)
    buy = jnp.asarray([np.full(STEPS, 0.2), np.linspace(0.1, 0.4, STEPS)])
    prices = Prices(buy / 2, buy)
    start = model.grid.at((1.0,))

    def lead(seen):
        return forward(model, seen, Foresight(backward(model, seen, 0.02), 0.02), start, mean_flows)

    together = jax.jit(jax.vmap(lead))(prices)
    alone = jax.jit(lead)(Prices(buy[1] / 2, buy[1]))
    np.testing.assert_allclose(together.cost[1], alone.cost, rtol=1e-12)
    np.testing.assert_allclose(together.observed.demand[1], alone.observed.demand, atol=1e-12)
    assert abs(together.cost[0] - together.cost[1]) > 1e-3


@pytest.mark.parametrize(
    ("field", "make"),
    [
        ("EnergyStorage.rated", lambda: EnergyStorage(LATTICE, -1.0)),
        ("EnergyStorage.levels", lambda: EnergyStorage(LATTICE, 1.0, levels=[2.0])),
        (
            "EnergyStorage.round_trip_efficiency",
            lambda: EnergyStorage(LATTICE, 1.0, round_trip_efficiency=0.0),
        ),
        ("Deviation.reversion", lambda: Deviation(LATTICE, -1.0, 1.0)),
        ("Deviation.intensity", lambda: Deviation(LATTICE, 1.0, -1.0)),
        ("ElectricVehicle.driving", lambda: vehicle(driving=np.ones(STEPS))),
        ("ElectricVehicle.driving", lambda: vehicle(driving=np.zeros(STEPS + 1))),
        ("ElectricVehicle.target", lambda: vehicle(target=np.full(STEPS, 5.0))),
        ("ElectricVehicle.home", lambda: household([vehicle()], np.zeros(STEPS + 1))),
        ("base_load", lambda: household([vehicle()], np.full(STEPS, np.nan))),
        ("devices", lambda: household([Deviation.stationary(1.0, 1.0, 4)], np.zeros(STEPS))),
    ],
)
def test_bad_input_is_named(field, make):
    with pytest.raises(InvalidInput) as caught:
        make()
    assert caught.value.field == field and caught.value.remedy
