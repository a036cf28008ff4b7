"""Power flow by Newton's method, for networks small enough for dense matrices.

Everything is in per unit of one base power and of each bus's nominal voltage.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Complex, Float, Int

from mfgamm.core import InvalidInput

TOLERANCE = 1e-10  # pu, far below any meter and above the rounding of 1,000 buses
MAX_ITERATIONS = 30


@dataclass(frozen=True)
class OperatingPoint:
    """A solved power flow.

    Attributes:
        admittance: nodal admittances Y, pu.
        voltage: of each bus, pu.
        free: buses whose voltage moves with what is injected (PQ buses).
        held: buses whose voltage's magnitude, but not angle, is kept by a generator (PV buses).
            What is neither free nor held is the grid that the network hangs on.
    """

    admittance: Complex[np.ndarray, "bus bus"]
    voltage: Complex[np.ndarray, " bus"]
    free: Int[np.ndarray, " free"]
    held: Int[np.ndarray, " held"]

    @property
    def injection(self) -> Complex[np.ndarray, " bus"]:
        """Complex power from each bus into the network, pu."""
        return self.voltage * np.conj(self.admittance @ self.voltage)

    def jacobian(self) -> Float[np.ndarray, "equation unknown"]:
        """Derivatives of injected power by the unknown voltages, pu.

        Rows: active power of held and free, reactive power of free buses. Columns: angles of held
        and free, magnitudes of free buses.
        """
        voltage, current = self.voltage, self.admittance @ self.voltage
        phasor = voltage / np.abs(voltage)
        by_angle = 1j * voltage[:, None] * np.conj(np.diag(current) - self.admittance * voltage)
        by_magnitude = voltage[:, None] * np.conj(self.admittance * phasor)
        by_magnitude += np.diag(np.conj(current) * phasor)
        turning, free = np.concatenate([self.held, self.free]), self.free
        return np.block(
            [
                [
                    np.real(by_angle[np.ix_(turning, turning)]),
                    np.real(by_magnitude[np.ix_(turning, free)]),
                ],
                [
                    np.imag(by_angle[np.ix_(free, turning)]),
                    np.imag(by_magnitude[np.ix_(free, free)]),
                ],
            ]
        )


def solve_power_flow(
    admittance: Complex[np.ndarray, "bus bus"],
    injection: Complex[np.ndarray, " bus"],
    head: int,
    names: Sequence[str],
) -> OperatingPoint:
    """Voltages at which every bus but the head injects what it is asked to.

    Args:
        admittance: Y, pu.
        injection: complex power of each bus, pu; loads are negative; the head's is not read.
        head: the bus that is kept at 1 pu.
        names: of the buses, for messages.

    Raises:
        InvalidInput: if Newton's method finds no solution from a flat start: the network cannot
            carry its loads. The buses that miss most are named.
    """
    free, held = np.delete(np.arange(injection.size), head), np.empty(0, int)
    point = OperatingPoint(admittance, np.ones(injection.size, complex), free, held)
    for _ in range(MAX_ITERATIONS):
        missing = (injection - point.injection)[free]
        if np.abs(missing).max(initial=0.0) <= TOLERANCE:
            return point
        try:
            step = np.linalg.solve(
                point.jacobian(), np.concatenate([np.real(missing), np.imag(missing)])
            )
        except np.linalg.LinAlgError:
            break
        angle, magnitude = np.angle(point.voltage), np.abs(point.voltage)
        angle[free] += step[: free.size]
        magnitude[free] += step[free.size :]
        if not np.all(np.isfinite(magnitude)) or np.any(magnitude <= 0):
            break
        point = OperatingPoint(admittance, magnitude * np.exp(1j * angle), free, held)
    missing = np.abs((injection - point.injection)[free])
    worst = [names[int(bus)] for bus in free[np.argsort(-missing)[:3]]]
    raise InvalidInput(
        "network.loads",
        f"power flow without a solution, worst at {', '.join(worst)}",
        "the lines cannot carry these loads: check units (ohm, kW, kV) and line lengths",
    )
