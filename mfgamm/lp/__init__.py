"""Batched linear programs with storage structure; knows nothing of energy."""

from mfgamm.lp.linear_response import (
    exchange_response as exchange_response,
    newton_step as newton_step,
)
from mfgamm.lp.solve import (
    InteriorPoint as InteriorPoint,
    ProgramPoint as ProgramPoint,
    ProgramSolution as ProgramSolution,
)
from mfgamm.lp.storage_program import (
    Multipliers as Multipliers,
    Parts as Parts,
    StorageProgram as StorageProgram,
)
