"""The paper's household of five states: its devices, its rules, and the smaller one inside it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from meanfield.balances import live

from mfgamm.core import InvalidInput, Prices
from mfgamm.meanfield import (
    Axis,
    ControllableLoad,
    Deviation,
    ElectricVehicle,
    EnergyStorage,
    Foresight,
    Incentives,
    ShiftableLoad,
    Table,
    backward,
    evaluate,
    forward,
    household,
    mean_flows,
    with_base_load,
)
from mfgamm.meanfield.control import slope_along

STEPS, HOURS = 6, 0.5
ALLOWED = np.array([0, 1, 1, 1, 0, 0.0])
DUE = np.array([0, 0, 0, 1.0, 0, 0])
LEVELS = [-1.0, 0.0, 1.0]


def shiftable(**changed):
    given = {"axis": Axis.lattice(0.0, 1.0, 3), "rated": 2.0, "allowed": ALLOWED, "due": DUE}
    return ShiftableLoad(**{**given, **changed})


def five_devices(random, *, loads=1.0, surplus_first=True):
    """All five; `loads` scales the controllable and the shiftable one."""
    away = random.random(STEPS) < 0.4
    return [
        Deviation.stationary(random.uniform(0.2, 0.8), random.uniform(0.5, 4.0), 3),
        ControllableLoad(
            Axis.lattice(-1.0, 1.0, 5),
            loads * random.uniform(0.5, 2.5),
            discomfort=random.uniform(0, 0.1),
        ),
        shiftable(rated=loads * 2.0),
        EnergyStorage(
            Axis.lattice(0.0, random.uniform(2, 10), 4),
            random.uniform(1, 6),
            round_trip_efficiency=random.uniform(0.6, 1.0),
            surplus_first=surplus_first,
        ),
        ElectricVehicle(
            Axis.lattice(0.0, random.uniform(5, 40), 3),
            random.uniform(2, 11),
            home=~away,
            driving=random.uniform(0, 9, STEPS) * away,
            target=np.zeros(STEPS),
        ),
    ]


def random_prices(random):
    sell = random.uniform(0, 0.2, STEPS)
    return Prices(sell, sell + random.uniform(0, 0.2, STEPS))


@settings(max_examples=5)
@given(st.integers(0, 2**32 - 1))
def test_energy_of_all_five_balances_and_values_meet_densities(seed):
    random = np.random.default_rng(seed)
    model = household(five_devices(random), random.normal(0.0, 1.0, STEPS), HOURS)
    prices, temperature = random_prices(random), jnp.asarray(0.02)
    start = jnp.asarray(random.dirichlet(np.ones(model.grid.size)).reshape(model.grid.shape))
    values, life = live(model, prices, start, temperature)
    kept, entering, _ = life.observed
    last = [model.grid.mean(life.final, x) for x in model.grid.state[1:]]
    path = np.concatenate([kept, np.asarray(last)[:, None]], axis=1)
    np.testing.assert_allclose(np.diff(path), HOURS * np.asarray(entering), atol=1e-8)
    np.testing.assert_allclose(jnp.sum(life.final), 1, atol=1e-12)
    assert life.final.min() >= 0
    # What values promise is what is paid, less what entropy is worth.
    promised = model.grid.mean(start, values[0])
    most = STEPS * 0.02 * np.log(np.prod(model.controls.shape))
    assert 0 <= float(life.cost - promised) <= most
    hard = backward(model, prices)
    spent = forward(model, prices, Foresight(hard), start).cost
    np.testing.assert_allclose(spent, model.grid.mean(start, hard[0]), atol=1e-10)


def test_a_second_battery_takes_what_the_first_leaves():
    """Two kilowatts too much, batteries of 1.5 and 1 kW: the second sees half a kilowatt."""
    base = np.array([-2.0, -2.0, 0, 0, 0, 0])
    first, second = (
        EnergyStorage(
            Axis.lattice(0.0, 2.0, 9), rated, [0.0], 1.0, surplus_first=True, terminal_value=0.1
        )
        for rated in (1.5, 1.0)
    )
    model = household([first, second], base, HOURS)
    prices, start = Prices(np.zeros(STEPS), np.full(STEPS, 0.3)), model.grid.at((0.0, 0.0))
    life = forward(model, prices, Foresight(backward(model, prices)), start, balance_of_stores)
    np.testing.assert_allclose(life.observed[0][:3], [0, 0.75, 1.5], atol=1e-12)
    np.testing.assert_allclose(life.observed[1][:3], [0, 0.25, 0.5], atol=1e-12)


def balance_of_stores(model, now, probability, policy):
    """Mean energy in each."""
    return tuple(model.grid.mean(probability, x) for x in model.grid.state)


def test_without_loads_and_surplus_it_is_the_reduced_household():
    random = np.random.default_rng(4)
    full, prices = five_devices(random, loads=0.0, surplus_first=False), random_prices(random)
    base, temperature = random.normal(0.0, 1.0, STEPS), jnp.asarray(0.01)

    def lead(devices, at):
        model = household(devices, base, HOURS)
        start = model.grid.at(at)
        foresight = Foresight(backward(model, prices, temperature), temperature)
        return forward(model, prices, foresight, start, mean_flows)

    full[2] = shiftable(rated=0.0, due=np.zeros(STEPS))
    whole = lead(full, (0.1, 0.0, 0.0, 1.0, 2.0))
    reduced = lead([full[0], *full[3:]], (0.1, 1.0, 2.0))
    np.testing.assert_allclose(whole.cost, reduced.cost, atol=1e-12)
    np.testing.assert_allclose(whole.observed.demand, reduced.observed.demand, atol=1e-12)
    np.testing.assert_allclose(whole.observed.supply, reduced.observed.supply, atol=1e-12)


def test_a_surplus_is_stored_as_it_is():
    """One kW too much for two steps, then too little; the grid pays nothing and charges 0.3."""
    base = np.array([-1.0, -1.0, 0.5, 0.5, 0.5, 0.5])
    prices = Prices(np.zeros(STEPS), np.full(STEPS, 0.3))

    def cost_and_flows(surplus_first):
        store = EnergyStorage(
            Axis.lattice(0.0, 2.0, 9), 3.0, [-1 / 6, 0, 1], 1.0, surplus_first=surplus_first
        )
        model = household([store], base, HOURS)
        start = model.grid.at((0.0,))
        life = forward(model, prices, Foresight(backward(model, prices)), start, mean_flows)
        return float(life.cost), life.observed

    cost, flows = cost_and_flows(True)
    np.testing.assert_allclose(flows.supply, 0, atol=1e-12)
    np.testing.assert_allclose(flows.demand, 0, atol=1e-12)
    # Without it charging means three kilowatts, two of them bought.
    assert abs(cost) < 1e-12 and cost_and_flows(False)[0] > 0.1


def test_a_task_runs_when_it_is_cheap_and_before_it_is_due():
    model = household([shiftable(levels=[0.0, 1.0])], np.zeros(STEPS), HOURS)
    buy = np.array([0.1, 0.5, 0.2, 0.4, 0.1, 0.1])
    prices = Prices(np.zeros(STEPS), buy)
    start = model.grid.at((0.0,))
    life = forward(model, prices, Foresight(backward(model, prices)), start, mean_flows)
    # The cheapest step at which it may run; 1 kWh at 2 kW takes just one.
    np.testing.assert_allclose(life.observed.demand, [0, 0, 2, 0, 0, 0], atol=1e-12)
    dear = Prices(np.zeros(STEPS), np.full(STEPS, 3.0))
    np.testing.assert_allclose(backward(model, dear)[0][0], 1.0, atol=1e-12)


def test_consumption_moves_from_dear_hours_and_comes_back():
    load = ControllableLoad(Axis.lattice(-1.0, 1.0, 9), 1.0, discomfort=0.005, terminal_value=0.12)
    model = household([load], np.ones(STEPS), HOURS)
    buy = np.array([0.1, 0.1, 0.1, 0.5, 0.1, 0.1])
    prices = Prices(buy / 2, buy)
    start = model.grid.at((0.0,))
    life = forward(model, prices, Foresight(backward(model, prices)), start, mean_flows)
    drawn = np.asarray(life.observed.demand - life.observed.supply)
    assert drawn[3] == pytest.approx(0, abs=1e-12)
    # It ends ahead: what is consumed then is worth more than it costs.
    kept = model.grid.mean(life.final, model.grid.state[0])
    np.testing.assert_allclose(HOURS * (drawn.sum() - STEPS), kept, atol=1e-12)
    assert kept > 0


def test_incentives_by_hand():
    incentives = Incentives(np.full(STEPS, 0.4), 1.5, np.full(STEPS, 0.1))
    now = household([shiftable()], np.zeros(STEPS), HOURS).moment(jnp.asarray(2))
    net = jnp.asarray([2.0, 1.0, -1.0])
    found = incentives.cost(now, jnp.asarray(1.2), net)
    np.testing.assert_allclose(found, [0.4 * 0.5, -0.1 * 0.2, -0.1 * 2.2])
    # A household that is fined for more than half a kilowatt runs its task at half power.
    task = shiftable(levels=[0.0, 0.5, 1.0])
    prices = Prices(np.zeros(STEPS), np.full(STEPS, 0.2))
    peaks = []
    for fined in (None, Incentives(np.full(STEPS, 1.0), 1.0, np.zeros(STEPS))):
        model = household([task], np.zeros(STEPS), HOURS, fined)
        start = model.grid.at((0.0,))
        life = forward(model, prices, Foresight(backward(model, prices, 1e-4), 1e-4), start)
        policy = Foresight(backward(model, prices, 1e-4), 1e-4)
        peaks.append(forward(model, prices, policy, start, mean_flows).observed.demand.max())
        assert float(life.cost) < 0.21
        assert float(life.cost) > 0.19
    assert peaks[1] <= 1.0 + 1e-6 and peaks[0] > 1.0


def test_switching_without_the_price_is_not_optimal():
    """Eqs. 23 to 27 to the letter, against Bellman's recursion, for a battery at two rates."""
    steps = 24
    store = EnergyStorage(Axis.lattice(0.0, 10.0, 41), 3.0, LEVELS, 0.95**2)
    model = household([store], np.zeros(steps), 1.0)
    hour = np.arange(steps)
    buy = np.where((hour >= 7) & (hour < 21), 0.14, 0.05)
    prices = Prices(jnp.asarray(buy), jnp.asarray(buy))

    def paper(value, step):
        slope = slope_along(store.axis, 0, value)
        choice = jnp.where(slope < 0, 2, jnp.where(slope > 0, 0, 1))
        policy = jax.nn.one_hot(choice, 3, axis=0)
        now, seen = model.moment(step), Prices(prices.sell[step], prices.buy[step])
        cost = model.cost(now, model.controls.options(model.grid), seen)
        before = model.average(policy, cost) + model.follow(now, policy, value)
        return before, policy

    _, policies = jax.lax.scan(paper, jnp.zeros(41), jnp.arange(steps), reverse=True)
    literal = evaluate(model, prices, policies)[0]
    best = backward(model, prices)[0]
    assert float(best[0]) < -0.5
    assert float(literal[0]) > float(best[0]) + 0.5
    # The correct law switches by the price, too: charge where η·V' < −price, and so on.
    start = model.grid.at((0.0,))
    spent = forward(model, prices, Table(policies), start).cost
    np.testing.assert_allclose(spent, literal[0], atol=1e-12)


def test_another_base_load_reaches_those_who_look_at_it():
    random = np.random.default_rng(2)
    devices, prices = five_devices(random), random_prices(random)
    base = random.normal(-1.0, 1.0, STEPS)
    direct = household(devices, base, HOURS)
    changed = with_base_load(household(devices, np.zeros(STEPS), HOURS), jnp.asarray(base))
    np.testing.assert_array_equal(backward(direct, prices), backward(changed, prices))


def test_noise_of_a_store_spreads_it():
    store = EnergyStorage(Axis.lattice(0.0, 10.0, 41), 0.0, intensity=0.5)
    model = household([store], np.zeros(STEPS), HOURS)
    flat = Prices(np.zeros(STEPS), np.zeros(STEPS))
    final = forward(model, flat, Foresight(jnp.zeros((STEPS + 1, 41))), model.grid.at((5.0,))).final
    x = model.grid.state[0]
    np.testing.assert_allclose(model.grid.mean(final, x), 5, atol=1e-12)
    np.testing.assert_allclose(model.grid.mean(final, (x - 5) ** 2), 0.25 * 3, rtol=0.1)


@pytest.mark.parametrize(
    ("field", "make"),
    [
        ("ShiftableLoad.due", lambda: shiftable(due=np.full(STEPS, 2.0))),
        ("ShiftableLoad.due", lambda: shiftable(due=np.zeros(STEPS + 1))),
        ("ShiftableLoad.allowed", lambda: shiftable(allowed=np.full(STEPS, 2.0))),
        ("ShiftableLoad.allowed", lambda: household([shiftable()], np.zeros(STEPS + 1))),
        (
            "EnergyStorage.terminal_target",
            lambda: EnergyStorage(Axis.lattice(0, 1, 3), 1.0, terminal_target=np.nan),
        ),
        ("incentives.reward", lambda: Incentives(np.zeros(STEPS), 1.0, np.zeros(STEPS + 1))),
        ("incentives.penalty", lambda: Incentives(-np.ones(STEPS), 1.0, np.zeros(STEPS))),
        (
            "incentives.penalty",
            lambda: household(
                [shiftable()], np.zeros(STEPS), HOURS, Incentives(np.zeros(3), 1.0, np.zeros(3))
            ),
        ),
        (
            "base_load",
            lambda: with_base_load(household([shiftable()], np.zeros(STEPS)), jnp.zeros(3)),
        ),
        ("ControllableLoad.discomfort", lambda: ControllableLoad(Axis.lattice(-1, 1, 3), 1, -1.0)),
        (
            "EnergyStorage.intensity",
            lambda: EnergyStorage(Axis.lattice(0, 1, 3), 1.0, intensity=-1.0),
        ),
    ],
)
def test_bad_input_is_named(field, make):
    with pytest.raises(InvalidInput) as caught:
        make()
    assert caught.value.field == field and caught.value.remedy
