"""Kernels that several tests look at, with the spectra of their operators on all functions."""

import jax.numpy as jnp
import numpy as np

from mfgamm.graphon import (
    ClusterDistance,
    Constant,
    ExponentialOfDistance,
    FunctionKernel,
    OneMinusMax,
    PowerLaw,
    Product,
    StepGraphon,
    StochasticBlock,
)

DISTANCES = np.array(
    [[0.0, 0.2, 0.7, 1.0], [0.2, 0.0, 0.6, 0.9], [0.7, 0.6, 0.0, 0.3], [1.0, 0.9, 0.3, 0.0]]
)
MASSES = np.array([0.1, 0.4, 0.3, 0.2])

KERNELS = {
    "constant": Constant(0.7),
    "product": Product(),
    "power law": PowerLaw(exponent=0.8, hub=0.05),
    "uniform attachment": OneMinusMax(),
    "blocks": StochasticBlock([0.9, 0.5, 0.7], 0.2, [0.2, 0.3, 0.5]),
    "distance on a line": ExponentialOfDistance(2.0, lambda x, y: jnp.abs(x - y)),
    "distance of clusters": ExponentialOfDistance(1.5, ClusterDistance(DISTANCES, MASSES)),
    "function": FunctionKernel(lambda x, y: (x + y) / 2),
    "step graphon": StepGraphon(np.exp(-DISTANCES), MASSES),
}


def line_eigenvalue(decay: float) -> float:
    """Largest eigenvalue of exp(−decay·|x − y|) on [0, 1]: 2·decay/(decay² + ω²).

    ω solves ω·tan(ω/2) = decay (the kernel is the Green's function of decay² − d²/dx² with
    Robin ends); the first root lies below π.
    """
    low, high = 0.0, np.pi
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if middle * np.tan(middle / 2) < decay else (low, middle)
    return 2 * decay / (decay**2 + low**2)
