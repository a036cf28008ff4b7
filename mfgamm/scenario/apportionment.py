"""Whole households from shares."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float


def apportioned(size: int, shares: Sequence[float] | Float[np.ndarray, " part"]) -> list[int]:
    """Whole numbers that sum to `size`, by the largest remainders.

    Args:
        size: what is shared out.
        shares: of each part; they sum to one.
    """
    exact = size * np.asarray(shares)
    counts = np.floor(exact + 1e-9).astype(int)
    largest_first = np.argsort(counts - exact, kind="stable")
    counts[largest_first[: size - counts.sum()]] += 1
    return counts.tolist()
