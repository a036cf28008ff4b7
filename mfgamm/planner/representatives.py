"""Bins of similar households, and the one that speaks for each (AMM paper, "Computation Pipeline").

Households are told apart by hardware, by how full their stores are, and by the statistical depth
of their net load; "the center of each bin is chosen as the profile with depth closest to the
center depth".
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from mfgamm.core import InvalidInput
from mfgamm.prosumer import HouseholdTypes, Population


class Bins(NamedTuple):
    """A partition of the types.

    Attributes:
        member: the bin of each type.
        representative: the type that speaks for each bin.
        mass: share of the population in each bin.
    """

    member: Int[np.ndarray, " type"]
    representative: Int[np.ndarray, " bin"]
    mass: Float[np.ndarray, " bin"]


def bin_households(
    population: Population, *, charge_levels: int = 2, depth_levels: int = 2
) -> Bins:
    """Partition a population's types.

    Args:
        population: the types.
        charge_levels: quantiles of the initial state of charge, among the same hardware.
        depth_levels: quantiles of the depth of the net load, among the same charge.

    Raises:
        InvalidInput: if a number of levels is below one.
    """
    for name, levels in (("charge_levels", charge_levels), ("depth_levels", depth_levels)):
        if levels < 1:
            raise InvalidInput(name, levels, "must be at least 1")
    types = population.types
    profiles = np.asarray(types.generation - types.base_load)
    weights = np.asarray(types.weights)
    fullness = _fullness(types)
    member = np.zeros(population.size, int)
    representative: list[int] = []
    for hardware in _groups(_hardware(population)):
        for charge in _quantile_groups(hardware, fullness[hardware], charge_levels):
            depth = modified_band_depth(profiles[charge])
            for rows in _quantile_groups(np.arange(charge.size), depth, depth_levels):
                member[charge[rows]] = len(representative)
                closest = np.argmin(np.abs(depth[rows] - np.median(depth[rows])))
                representative.append(int(charge[rows[closest]]))
    mass = np.bincount(member, weights, minlength=len(representative))
    return Bins(member, np.asarray(representative), mass)


def modified_band_depth(
    profiles: Float[np.ndarray, "household time"],
) -> Float[np.ndarray, " household"]:
    """How central each profile is among all: the share of time that it spends between two others.

    Averaged over all pairs of profiles (López-Pintado and Romo, 2009), which needs only the rank
    of each profile at each time. In (0, 1]; one for a single profile.
    """
    count = profiles.shape[0]
    if count == 1:
        return np.ones(1)
    below = (profiles[:, None] > profiles[None]).sum(axis=1)
    above = (profiles[:, None] < profiles[None]).sum(axis=1)
    equal = count - 1 - below - above
    # Pairs of which one is not above and the other not below, ties counted once.
    ties = equal * (equal - 1) / 2
    pairs = below * above + equal * (below + above) + ties + (count - 1)
    return pairs.mean(axis=1) / (count * (count - 1) / 2)


def _hardware(population: Population) -> np.ndarray:
    """Category and the devices that a type has, as one label."""
    storage = population.types.storage
    size = np.asarray(storage.charge_limit + storage.discharge_limit).max(axis=-1)
    owned = [
        "+".join(name for name, has in zip(population.devices, row > 0, strict=True) if has)
        for row in size
    ]
    pairs = zip(population.categories, owned, strict=True)
    return np.array([f"{category}: {devices}" for category, devices in pairs])


def _fullness(types: HouseholdTypes) -> np.ndarray:
    """Energy stored at the start, kWh a kWh of capacity, over all devices."""
    capacity = np.asarray(types.storage.state_upper).max(axis=-1).sum(axis=-1)
    stored = np.asarray(types.storage.initial).sum(axis=-1)
    return stored / np.where(capacity > 0, capacity, 1.0)


def _groups(labels: np.ndarray) -> list[np.ndarray]:
    return [np.flatnonzero(labels == label) for label in dict.fromkeys(labels.tolist())]


def _quantile_groups(rows: np.ndarray, values: np.ndarray, levels: int) -> list[np.ndarray]:
    """The rows in groups of about equal size by their values; empty groups are left out."""
    ordered = rows[np.argsort(values, kind="stable")]
    return [group for group in np.array_split(ordered, levels) if group.size]
