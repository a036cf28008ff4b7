"""Power flow against published figures, sensitivities against re-solved flows and closed forms."""

import numpy as np
import pytest

from mfgamm.core import InvalidInput
from mfgamm.graphon.grid.distance import electrical_distance, voltage_sensitivities
from mfgamm.graphon.grid.power_flow import OperatingPoint, solve_power_flow

# A trunk 0-1-2-3 with a lateral 1-4, and a line 3-4 that closes a ring where wanted.
ENDS = [(0, 1), (1, 2), (2, 3), (1, 4)]
IMPEDANCE = np.array([0.02 + 0.01j, 0.05 + 0.02j, 0.04 + 0.06j, 0.03 + 0.03j])
LOADS = -np.array([0, 0.1 + 0.05j, 0.2 + 0.02j, 0.15 + 0.1j, 0.3 - 0.05j])
NAMES = list("abcde")


def admittance(ends=ENDS, impedance=IMPEDANCE):
    matrix = np.zeros((5, 5), complex)
    for (start, end), each in zip(ends, impedance, strict=True):
        matrix[[start, end], [end, start]] -= 1 / each
        matrix[[start, end], [start, end]] += 1 / each
    return matrix


RING = admittance([*ENDS, (3, 4)], [*IMPEDANCE, 0.1 + 0.08j])


def shared_path():
    """Impedance of the way that two buses of the radial network share with the head."""
    paths = [{0}, {0, 1}, {0, 1, 2}, {0, 3}]
    return np.array([[IMPEDANCE[list(i & j)].sum() for j in paths] for i in paths])


@pytest.mark.parametrize("matrix", [admittance(), RING], ids=["radial", "ring"])
def test_a_solution_injects_what_it_is_asked_to(matrix):
    point = solve_power_flow(matrix, LOADS, 0, NAMES)
    np.testing.assert_allclose(point.injection[1:], LOADS[1:], atol=1e-10)
    assert point.voltage[0] == 1
    losses = np.real(point.injection.sum())
    assert 0 < losses < 0.1


@pytest.mark.parametrize("matrix", [admittance(), RING], ids=["radial", "ring"])
def test_sensitivities_are_differences_of_solved_flows(matrix):
    point = solve_power_flow(matrix, LOADS, 0, NAMES)
    step = 1e-4
    for unit, found in zip((1, 1j), voltage_sensitivities(point, NAMES), strict=True):
        for bus in range(1, 5):
            up, down = (
                np.abs(solve_power_flow(matrix, LOADS + sign * kick, 0, NAMES).voltage[1:])
                for kick in [step * unit * (np.arange(5) == bus)]
                for sign in (1, -1)
            )
            np.testing.assert_allclose(found[:, bus - 1], (up - down) / (2 * step), rtol=1e-6)


def test_a_generator_that_holds_its_voltage_has_no_sensitivity_and_stiffens_the_rest():
    free = solve_power_flow(RING, LOADS, 0, NAMES)
    held = OperatingPoint(RING, free.voltage, np.array([1, 2, 3]), np.array([4]))
    stiff, loose = voltage_sensitivities(held, NAMES)[1], voltage_sensitivities(free, NAMES)[1]
    assert stiff.shape == (3, 3)
    assert np.all(stiff < loose[:3, :3])
    # Keeping the voltage of bus 4 takes reactive power there: a rank-one correction.
    kept = loose[:3, :3] - np.outer(loose[:3, 3], loose[3, :3]) / loose[3, 3]
    np.testing.assert_allclose(stiff, kept, rtol=1e-9)


def test_without_load_sensitivity_is_the_shared_path_and_distance_its_logarithm():
    point = solve_power_flow(admittance(), 0 * LOADS, 0, NAMES)
    shared = shared_path()
    active, reactive = voltage_sensitivities(point, NAMES)
    np.testing.assert_allclose(active, shared.real, rtol=1e-12)
    np.testing.assert_allclose(reactive, shared.imag, rtol=1e-12)
    expected = np.mean(
        [-np.log(part**2 / np.outer(part.diagonal(), part.diagonal())) for part in
         (shared.real, shared.imag)], axis=0
    )  # fmt: skip
    distance = electrical_distance(active, reactive, NAMES[1:])
    np.testing.assert_allclose(distance, expected, atol=1e-12)
    np.testing.assert_array_equal(distance.diagonal(), 0)


def test_uncoupled_buses_are_far_but_not_infinitely():
    # Two negative attenuations have a positive product, which is no coupling.
    sensitivity = np.array([[1.0, -0.5], [-0.5, 2.0]])
    distance = electrical_distance(sensitivity, sensitivity, ["p", "q"])
    np.testing.assert_allclose(distance, [[0, -np.log(1e-6)], [-np.log(1e-6), 0]])


def test_a_falling_voltage_is_refused_by_name():
    sensitivity = np.diag([0.3, -0.1])
    with pytest.raises(InvalidInput, match="injection at q"):
        electrical_distance(sensitivity, np.eye(2), ["p", "q"])


def test_a_singular_network_names_its_loose_buses():
    matrix = admittance()
    matrix[4], matrix[:, 4] = 0, 0
    point = OperatingPoint(matrix, np.ones(5, complex), np.arange(1, 5), np.empty(0, int))
    with pytest.raises(InvalidInput, match="loosest at e"):
        voltage_sensitivities(point, NAMES)


def test_too_much_load_is_no_solution():
    with pytest.raises(InvalidInput, match="without a solution, worst at"):
        solve_power_flow(admittance(), 30 * LOADS, 0, NAMES)
