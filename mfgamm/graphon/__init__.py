"""Graphons: kernels, step graphons, what clusters see of each other, networks drawn from them.

Real networks and their clusters are in `mfgamm.graphon.grid`.
"""

from mfgamm.graphon.aggregate import (
    AbstractAggregate as AbstractAggregate,
    DenseAggregate as DenseAggregate,
    SeparableAggregate as SeparableAggregate,
    local_aggregate as local_aggregate,
    scalar_aggregate as scalar_aggregate,
)
from mfgamm.graphon.cut_norm import (
    CutNormBounds as CutNormBounds,
    cut_norm_bounds as cut_norm_bounds,
)
from mfgamm.graphon.exponential_of_distance import (
    ClusterDistance as ClusterDistance,
    ExponentialOfDistance as ExponentialOfDistance,
)
from mfgamm.graphon.kernel import (
    AbstractKernel as AbstractKernel,
    AbstractSeparableKernel as AbstractSeparableKernel,
    FunctionKernel as FunctionKernel,
)
from mfgamm.graphon.low_rank import LowRankAggregate as LowRankAggregate
from mfgamm.graphon.sampling import (
    SampledNetwork as SampledNetwork,
    bernoulli_network as bernoulli_network,
    regular_positions as regular_positions,
    uniform_positions as uniform_positions,
    weighted_network as weighted_network,
)
from mfgamm.graphon.separable_kernels import (
    Constant as Constant,
    PowerLaw as PowerLaw,
    Product as Product,
)
from mfgamm.graphon.step_graphon import StepGraphon as StepGraphon
from mfgamm.graphon.stochastic_block import StochasticBlock as StochasticBlock
from mfgamm.graphon.uniform_attachment import (
    OneMinusMax as OneMinusMax,
    UniformAttachment as UniformAttachment,
)
