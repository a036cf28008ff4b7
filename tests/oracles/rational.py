"""Linear algebra in exact rational arithmetic."""

from fractions import Fraction

import numpy as np


def exact(numbers) -> np.ndarray:
    """Floating-point numbers as the rationals that they are."""
    return np.vectorize(lambda x: Fraction(float(x)), otypes=[object])(np.asarray(numbers))


def solve_exactly(matrix, right) -> np.ndarray:
    """The solution of a symmetric positive definite system of rationals."""
    rows = np.column_stack([matrix, right])
    size = len(rows)
    for k in range(size):
        for i in range(k + 1, size):
            rows[i] -= rows[i, k] / rows[k, k] * rows[k]
    values = np.zeros(size, object)
    for k in reversed(range(size)):
        values[k] = (rows[k, -1] - rows[k, k + 1 : size] @ values[k + 1 :]) / rows[k, k]
    return values
