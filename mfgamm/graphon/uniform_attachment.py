"""The limit of growing networks in which everybody meets everybody with the same chance."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from mfgamm.graphon.kernel import AbstractKernel


class UniformAttachment(AbstractKernel):
    """W(x, y) = 1 − max(x, y): who came first (near 0) knows most.

    Growing a graph by one node at a time, and linking at each step every pair that is not yet
    linked with a chance of one over the number of nodes, leads to this limit (Borgs, Chayes,
    Lovász, Sós, Vesztergombi, "Limits of randomly grown graph sequences", 2011). The kernel is
    the Green's function of −d²/dx² with a reflecting end at 0 and an absorbing one at 1, hence
    positive definite: eigenvalues 1/[(l − ½)π]² with eigenfunctions √2·cos((l − ½)πx), l ≥ 1.
    """

    def __call__(
        self, x: Float[Array, "*#batch"], y: Float[Array, "*#batch"]
    ) -> Float[Array, "*batch"]:
        return 1 - jnp.maximum(x, y)


# The literature knows it by its formula, too.
OneMinusMax = UniformAttachment
