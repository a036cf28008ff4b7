"""What a search for a fixed point returns."""

from jaxtyping import Array, Float, Int, PyTree

from mfgamm.core import AbstractSolution


class FixedPoint(AbstractSolution):
    """A point, and how far the map moves it.

    Attributes:
        value: x, with the structure of the start: where the residual was smallest.
        status: a `Status` code.
        residuals: F(x) − x, with the same structure.
        history: largest residual after each iteration, the start's first, `nan` where the search
            had ended.
        certificate: largest residual, max|F(x) − x|, in the unit of x.
        iterations: steps taken.
    """

    value: PyTree[Float[Array, "..."]]
    status: Int[Array, ""]
    residuals: PyTree[Float[Array, "..."]]
    history: Float[Array, " iteration"]
    certificate: Float[Array, ""]
    iterations: Int[Array, ""]
