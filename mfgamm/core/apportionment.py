"""Whole households from shares."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int

# So much may be missing from a whole number for it to count as one.
ROUNDING = 1e-9


def apportioned(
    size: int, shares: Sequence[float] | Float[np.ndarray, " part"], least: int = 0
) -> Int[np.ndarray, " part"]:
    """Whole numbers that sum to `size`, by the largest remainders.

    Args:
        size: what is shared out; at least `least` for each part that has a share.
        shares: of each part; they sum to one.
        least: what every part with a share gets at least.
    """
    shares = np.asarray(shares, float)
    exact, floor = size * shares, np.where(shares > 0, least, 0)
    counts = np.maximum(np.floor(exact + ROUNDING).astype(int), floor)
    while (missing := size - counts.sum()) != 0:
        towards = np.sign(missing)
        movable = (shares > 0) & (counts + towards >= floor)
        owed = np.where(movable, towards * (exact - counts), -np.inf)
        counts[np.argmax(owed)] += towards
    return counts
