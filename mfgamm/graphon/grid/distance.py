"""Electrical distance: how much less a distant injection moves a voltage than one on the spot.

GMFG paper, §3.1: distances from a sensitivity matrix, active and reactive combined. In a radial
network ∂V_i/∂P_j is close to the resistance of the path that both buses share with the head, and
∂V_i/∂Q_j to its reactance.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from mfgamm.core import InvalidInput
from mfgamm.graphon.grid.power_flow import OperatingPoint

# Of a_ij·a_ji. Buses on feeders that meet at the head only do not move each other at all: any
# pair this weakly coupled counts as one this weakly coupled, so that distances stay finite.
WEAKEST_COUPLING = 1e-6
# Reciprocal condition number of the Jacobian below which its inverse is noise.
SINGULAR = 1e-12


def voltage_sensitivities(
    point: OperatingPoint, names: Sequence[str]
) -> tuple[Float[np.ndarray, "free free"], Float[np.ndarray, "free free"]]:
    """∂V_i/∂P_j and ∂V_i/∂Q_j among the free buses, pu.

    Args:
        point: a solved power flow.
        names: of all its buses, for messages.

    Raises:
        InvalidInput: if the Jacobian is singular, naming the buses whose voltage it leaves
            undetermined.
    """
    jacobian = point.jacobian()
    free, held = point.free.size, point.held.size
    try:
        inverse = np.linalg.inv(jacobian)
    except np.linalg.LinAlgError:
        inverse = np.full_like(jacobian, np.inf)
    condition = np.linalg.norm(jacobian, 1) * np.linalg.norm(inverse, 1)
    if not condition * SINGULAR < 1:
        loose = np.abs(np.linalg.svd(jacobian)[2][-1])
        unknowns = np.concatenate([point.held, point.free, point.free])
        worst = dict.fromkeys(names[int(bus)] for bus in unknowns[np.argsort(-loose)])
        raise InvalidInput(
            "network",
            f"singular power flow Jacobian, loosest at {', '.join(list(worst)[:3])}",
            "these buses are not tied to the rest, or the network is at the edge of collapse",
        )
    magnitudes = inverse[held + free :]
    return magnitudes[:, held : held + free], magnitudes[:, held + free :]


def electrical_distance(
    by_active: Float[np.ndarray, "bus bus"],
    by_reactive: Float[np.ndarray, "bus bus"],
    names: Sequence[str],
) -> Float[np.ndarray, "bus bus"]:
    """d_ij = −ln(a_ij·a_ji) with a_ij = S_ij/S_jj, the mean over active and reactive power.

    It is symmetric, zero on the diagonal and never negative; no triangle inequality is claimed.

    Args:
        by_active: S = ∂V_i/∂P_j, pu.
        by_reactive: S = ∂V_i/∂Q_j, pu.
        names: of the buses, for messages.

    Raises:
        InvalidInput: naming buses whose own voltage does not rise with what they inject; there
            the ratio says nothing (transmission grids, or loads near collapse).
    """
    return (_one_distance(by_active, names) + _one_distance(by_reactive, names)) / 2


def _one_distance(sensitivity, names):
    own = np.diag(sensitivity)
    if np.any(own <= 0):
        fallen = [names[int(bus)] for bus in np.flatnonzero(own <= 0)]
        raise InvalidInput(
            "network",
            f"voltage falls with injection at {', '.join(fallen[:3])}",
            "electrical distance needs a network in which injecting raises the voltage",
        )
    attenuation = sensitivity / own
    # The product of two negative attenuations is no coupling either.
    weaker = np.minimum(attenuation, attenuation.T)
    coupling = np.where(weaker > 0, attenuation * attenuation.T, 0.0)
    return -np.log(np.clip(coupling, WEAKEST_COUPLING, 1.0))
