"""How far apart two step graphons are: computed bounds on the labelled cut norm.

    ‖W‖_□ = sup over measurable S, T ⊆ [0, 1] of |∫_S ∫_T W(x, y) dy dx|

is the norm in which sampled networks converge to their kernel (Lovász, "Large networks and graph
limits", 2012, ch. 8). For a step function the supremum is attained by whole cells. Labelled: cells
are compared as they lie on [0, 1]; no rearrangement is searched for, so this bounds the unlabelled
cut distance from above.
"""

import dataclasses

import numpy as np
from jaxtyping import Bool, Float

from mfgamm.core import InvalidInput, one_blas_thread
from mfgamm.graphon.step_graphon import StepGraphon

# Edges closer than this are one edge: sums of masses differ by rounding.
COINCIDENT = 1e-12
# Order of the Schatten norm that stands in for the spectral one while weights are improved: where
# eigenvalues of the largest magnitude coincide, as they do at the best weights, that one has edges.
SCHATTEN = 60.0


@dataclasses.dataclass(frozen=True)
class CutNormBounds:
    """lower ≤ ‖W₁ − W₂‖_□ ≤ upper, with the pair of sets that attains the lower one.

    Attributes:
        lower: attained by `rows` × `columns`.
        upper: holds whatever the sets; rounding errors are added to it.
        rows, columns: which cells of the common refinement belong to S and to T.
        masses: widths of these cells.
    """

    lower: float
    upper: float
    rows: Bool[np.ndarray, " cell"]
    columns: Bool[np.ndarray, " cell"]
    masses: Float[np.ndarray, " cell"]


def cut_norm_bounds(
    first: StepGraphon, second: StepGraphon, *, starts: int = 16, steps: int = 60, seed: int = 0
) -> CutNormBounds:
    """Bounds on the labelled cut norm of the difference of two step graphons.

    They need not have the same cells: the difference is taken on the common refinement. A kernel
    has to be discretised first, and the error of that is not part of the bounds.

    Below: alternating maximisation. For given S the best T takes the columns of positive sum, and
    the other way round; this climbs from several starts, for either sign.

    Above: the least of Σ of the positive and Σ of the negative part, and a spectral bound.
    Bordering the matrix B of cell integrals with its negated row and column sums gives B′ with
    ‖B‖_□ = ‖B′‖_{∞→1}/4 (Alon and Naor, "Approximating the cut-norm via Grothendieck's
    inequality", 2006), and for all weights a > 0

        ‖B′‖_{∞→1} ≤ ‖a^(−½)·B′·a^(−½)‖₂·Σa.

    Weights are improved by descent; any of them bounds rigorously, and the best ones are within
    Grothendieck's constant (< 1.783) of the norm.

    Args:
        first, second: what to compare.
        starts: random starts of the maximisation, besides the eigenvectors' signs.
        steps: of the descent on the weights.
        seed: of the random starts.

    Raises:
        InvalidInput: if `starts` or `steps` is negative.
    """
    for name, count in (("starts", starts), ("steps", steps)):
        if count < 0:
            raise InvalidInput(name, count, "must not be negative")
    masses, difference = _difference_on_common_cells(first, second)
    integrals = masses[:, None] * difference * masses
    with one_blas_thread():
        rows, columns = _best_sets(integrals, starts, seed)
        spectral = _spectral_bound(integrals, masses, steps)
    lower = abs(float(integrals[np.ix_(rows, columns)].sum()))
    one_sign = max(np.maximum(integrals, 0).sum(), np.maximum(-integrals, 0).sum())
    upper = min(float(one_sign), spectral)
    rounding = 10 * masses.size * np.finfo(float).eps * float(np.abs(integrals).sum())
    return CutNormBounds(lower, upper + rounding, rows, columns, masses)


def _difference_on_common_cells(
    first: StepGraphon, second: StepGraphon
) -> tuple[Float[np.ndarray, " cell"], Float[np.ndarray, "cell cell"]]:
    inner = [np.cumsum(np.asarray(each.masses, float))[:-1] for each in (first, second)]
    edges = np.sort(np.concatenate([[0.0, 1.0], *inner]))
    edges = edges[np.diff(edges, prepend=-1.0) > COINCIDENT]
    edges[0], edges[-1] = 0.0, 1.0
    middles = (edges[1:] + edges[:-1]) / 2
    parts = []
    for graphon, cuts in zip((first, second), inner, strict=True):
        cell = np.searchsorted(cuts, middles, side="right")
        parts.append(np.asarray(graphon.weights, float)[np.ix_(cell, cell)])
    return np.diff(edges), parts[0] - parts[1]


def _best_sets(
    integrals: Float[np.ndarray, "cell cell"], starts: int, seed: int
) -> tuple[Bool[np.ndarray, " cell"], Bool[np.ndarray, " cell"]]:
    cells = len(integrals)
    vectors = np.linalg.eigh(integrals)[1][:, [0, -1]].T
    random = np.random.default_rng(seed).random((starts, cells)) < 0.5
    begin = np.concatenate([np.ones((1, cells), bool), vectors > 0, vectors < 0, random])
    best, best_rows, best_columns = -1.0, begin[0], begin[0]
    for signed in (integrals, -integrals):
        rows, columns = begin, begin @ signed > 0
        # The value rises or the sets stay: far fewer rounds than this are ever taken.
        for _ in range(10 * cells):
            rows, before = columns @ signed > 0, rows
            columns = rows @ signed > 0
            if np.array_equal(rows, before):
                break
        values = np.einsum("kp,pq,kq->k", rows, signed, columns, optimize=True)
        winner = int(values.argmax())
        if values[winner] > best:
            best, best_rows, best_columns = values[winner], rows[winner], columns[winner]
    return best_rows, best_columns


def _spectral_bound(
    integrals: Float[np.ndarray, "cell cell"], masses: Float[np.ndarray, " cell"], steps: int
) -> float:
    sums = integrals.sum(axis=1)
    bordered = np.block([[integrals, -sums[:, None]], [-sums[None, :], sums.sum()[None, None]]])
    absolute = np.abs(bordered).sum(axis=1)
    if not absolute.sum():
        return 0.0
    # Weights by mass give the norm of the integral operator; by row sums, Schur's test.
    candidates = [_Weighted.of(bordered, each) for each in (np.append(masses, 1.0), absolute)]
    now = min(candidates, key=lambda each: each.bound)
    best, size = now.bound, 0.3
    for _ in range(steps):
        move = np.clip(size * masses.size * now.slope, -1.0, 1.0)
        trial = _Weighted.of(bordered, now.weights * np.exp(-move))
        best = min(best, trial.bound)
        if trial.smooth < now.smooth:
            now, size = trial, 1.3 * size
        else:
            size /= 2
    return best / 4


@dataclasses.dataclass(frozen=True)
class _Weighted:
    """‖a^(−½)·B′·a^(−½)‖₂·Σa at weights a that sum to one.

    Attributes:
        weights: a.
        bound: with the spectral norm, hence rigorous.
        smooth: logarithm of the same with a Schatten norm.
        slope: of `smooth` by log a.
    """

    weights: Float[np.ndarray, " row"]
    bound: float
    smooth: float
    slope: Float[np.ndarray, " row"]

    @classmethod
    def of(
        cls, bordered: Float[np.ndarray, "row row"], weights: Float[np.ndarray, " row"]
    ) -> "_Weighted":
        weights = np.maximum(weights / weights.sum(), 1e-9 / weights.size)
        weights = weights / weights.sum()
        root = np.sqrt(weights)
        eigenvalues, vectors = np.linalg.eigh(bordered / root[:, None] / root)
        magnitudes = np.abs(eigenvalues)
        top = float(magnitudes.max())
        powers = (magnitudes / top) ** SCHATTEN
        smooth = np.log(top) + np.log(powers.sum()) / SCHATTEN
        return cls(weights, top, float(smooth), weights - vectors**2 @ (powers / powers.sum()))
