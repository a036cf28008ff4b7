"""Communities by decree: strong ties inside a block, weak ones between blocks."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from mfgamm.core import InvalidInput, concrete
from mfgamm.graphon.kernel import AbstractKernel
from mfgamm.graphon.parameter import as_number
from mfgamm.graphon.partition import as_masses, cell_of


class StochasticBlock(AbstractKernel):
    """W(x, y) = within[κ(x)] if both lie in the same block κ, otherwise `between`.

    The planted-partition model. Blocks that differ pairwise are a `StepGraphon`, which takes the
    whole matrix. With B equal blocks of one `within` the eigenvalues are
    (within + (B − 1)·between)/B, once, and (within − between)/B, B − 1 times: negative if ties
    between blocks are the stronger ones.

    Attributes:
        within: weight inside each block, in [0, 1].
        between: weight across blocks, in [0, 1].
        masses: share of each block; they sum to one.

    Raises:
        InvalidInput: if a weight lies outside [0, 1], or the shares are none.
    """

    within: Float[Array, " block"] = eqx.field(converter=lambda x: jnp.asarray(x, dtype=float))
    between: Float[Array, ""] = eqx.field(converter=as_number)
    masses: Float[Array, " block"] = eqx.field(converter=as_masses)

    def __check_init__(self):
        if self.within.shape != self.masses.shape:
            raise InvalidInput(
                "stochastic_block.within",
                f"shape {self.within.shape}",
                f"give one weight for each of the {self.masses.size} blocks",
            )
        for name, array in (("within", self.within), ("between", self.between)):
            values = concrete(array)
            if values is not None and not np.all((values >= 0) & (values <= 1)):
                raise InvalidInput(
                    f"stochastic_block.{name}", values.tolist(), "weights must lie in [0, 1]"
                )

    def __call__(
        self, x: Float[Array, "*#batch"], y: Float[Array, "*#batch"]
    ) -> Float[Array, "*batch"]:
        first, second = cell_of(x, self.masses), cell_of(y, self.masses)
        return jnp.where(first == second, self.within[first], self.between)
