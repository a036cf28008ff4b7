"""Shared shapes, results, errors, checkpoints and safe numerics: the ground floor."""

from mfgamm.core.apportionment import apportioned as apportioned
from mfgamm.core.blas_threads import one_blas_thread as one_blas_thread
from mfgamm.core.checkpoint import Checkpoint as Checkpoint, Journal as Journal
from mfgamm.core.errors import (
    InfeasibleHousehold as InfeasibleHousehold,
    InvalidInput as InvalidInput,
    MfgammError as MfgammError,
    NotConverged as NotConverged,
)
from mfgamm.core.extras import (
    MissingDependency as MissingDependency,
    optional_package as optional_package,
)
from mfgamm.core.membership import Clusters as Clusters, Membership as Membership
from mfgamm.core.numerics import (
    Number as Number,
    concrete as concrete,
    require_float64 as require_float64,
    safe_divide as safe_divide,
)
from mfgamm.core.quantities import (
    Flows as Flows,
    Prices as Prices,
    Tariff as Tariff,
)
from mfgamm.core.solution import AbstractSolution as AbstractSolution, Status as Status
