"""Storage programs as sparse linear programs, for solvers that take any:

    minimise  cost·x + offset    subject to  A·x = right,   lower ≤ x ≤ upper.

Columns that are fixed in every lane, and rows left empty by that, are dropped: no solver is made
to carry variables that are not there. All lanes share A's pattern; its values may differ.
"""

import dataclasses

import numpy as np
import scipy.sparse as sp

from mfgamm.lp import StorageProgram

# Lanes multiplied at once: their products fit in memory.
SLICE = 1024


@dataclasses.dataclass(frozen=True)
class StandardForm:
    """A batch of linear programs, lanes *first*.

    Attributes:
        cost, lower, upper: `[lane, column]`.
        right: `[lane, row]`.
        offset: what the dropped columns cost, `[lane]`.
        indptr, indices: pattern of A by rows.
        data: entries of A, `[lane, entry]`.
        kept: each column's place among the program's variables, flattened.
    """

    cost: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    right: np.ndarray
    offset: np.ndarray
    indptr: np.ndarray
    indices: np.ndarray
    data: np.ndarray
    kept: np.ndarray

    @property
    def lanes(self) -> int:
        return self.cost.shape[0]

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.right.shape[1], self.cost.shape[1]

    @classmethod
    def from_program(cls, program: StorageProgram) -> "StandardForm":
        """Write out the equations of every lane entry by entry."""
        lanes = program.lanes

        def flat(array) -> np.ndarray:
            array = np.asarray(array, float)
            return np.ascontiguousarray(np.moveaxis(array, -1, 0).reshape(lanes, -1))

        if np.any(np.asarray(program.curvature)):
            raise ValueError("curvature must be zero: the peers solve linear programs")
        cost, lower, upper = flat(program.cost), flat(program.lower), flat(program.upper)
        right = np.concatenate([flat(program.balance), flat(program.inflow)], axis=1)
        rows, columns, data = _entries(program)

        fixed = np.all(lower == upper, axis=0)
        offset = np.sum(cost[:, fixed] * lower[:, fixed], axis=1)
        away = fixed[columns]
        for row, entry, column in zip(rows[away], data.T[away], columns[away], strict=True):
            right[:, row] -= entry * lower[:, column]
        rows, columns, data = rows[~away], columns[~away], data[:, ~away]
        counts = np.bincount(rows, minlength=right.shape[1])
        # An empty row that does not read 0 = 0 is kept: it makes the program infeasible.
        stays = (counts > 0) | np.any(np.abs(right) > 1e-12, axis=0)
        order = np.lexsort((columns, rows))
        number = np.cumsum(~fixed) - 1
        return cls(
            cost=cost[:, ~fixed],
            lower=lower[:, ~fixed],
            upper=upper[:, ~fixed],
            right=np.ascontiguousarray(right[:, stays]),
            offset=offset,
            indptr=np.concatenate([[0], np.cumsum(counts[stays])]).astype(np.int32),
            indices=number[columns[order]].astype(np.int32),
            data=np.ascontiguousarray(data[:, order]),
            kept=np.flatnonzero(~fixed),
        )

    def matrix(self, lane: int) -> sp.csr_matrix:
        """A of one lane."""
        return sp.csr_matrix((self.data[lane], self.indices, self.indptr), shape=self.shape)

    @property
    def shares_matrix(self) -> bool:
        """Whether A is the same in every lane."""
        return bool(np.all(self.data == self.data[0]))

    def compress(self, variables) -> np.ndarray:
        """A program's variables `[variable, time, lane]` as columns `[lane, column]`."""
        variables = np.asarray(variables, float)
        return variables.reshape(-1, variables.shape[-1])[self.kept].T

    def objective(self, primal: np.ndarray) -> np.ndarray:
        """cost·x + offset of each lane, €."""
        return np.einsum("lc,lc->l", self.cost, primal) + self.offset

    def violation(self, primal: np.ndarray) -> np.ndarray:
        """Largest amount by which a lane misses an equation or a bound, kW or kWh."""
        outside = np.maximum(self.lower - primal, primal - self.upper)
        worst = np.max(outside, axis=1, initial=0.0)
        for start in range(0, self.lanes, SLICE):
            part = slice(start, start + SLICE)
            products = self.data[part] * primal[part][:, self.indices]
            sums = np.zeros(self.right[part].shape)
            filled = np.diff(self.indptr) > 0
            sums[:, filled] = np.add.reduceat(products, self.indptr[:-1][filled], axis=1)
            residual = np.max(np.abs(sums - self.right[part]), axis=1, initial=0.0)
            worst[part] = np.maximum(worst[part], residual)
        # Not a number must not pass for zero.
        return np.where(np.all(np.isfinite(primal), axis=1), worst, np.inf)


def _entries(program: StorageProgram) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Row, column and, per lane, value of every entry of A, from the equations as documented."""
    stores, (_, steps, lanes) = program.stores, program.cost.shape
    exchanges, time = len(program.sign), np.arange(steps)
    pieces = []

    def put(row_block: int, rows, variable: int, columns, values) -> None:
        values = np.broadcast_to(np.asarray(values, float), (lanes,))
        block = np.broadcast_to(values[:, None], (lanes, rows.size))
        pieces.append((row_block * steps + rows, variable * steps + columns, block))

    for k, sign in enumerate(program.sign):
        put(0, time, k, time, sign)
    for i in range(stores):
        inflow, outflow, state = (exchanges + i + stores * j for j in range(3))
        put(0, time, inflow, time, 1.0)
        put(0, time, outflow, time, -1.0)
        put(1 + i, time, state, time, 1.0)
        put(1 + i, time[1:], state, time[:-1], -np.asarray(program.retention[i]))
        put(1 + i, time, inflow, time, -np.asarray(program.gain_in[i]))
        put(1 + i, time, outflow, time, np.asarray(program.gain_out[i]))
    rows, columns, values = zip(*pieces, strict=True)
    return np.concatenate(rows), np.concatenate(columns), np.concatenate(values, axis=1)
