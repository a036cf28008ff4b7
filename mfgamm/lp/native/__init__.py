"""The interior point compiled from C++: what a CPU runs, where it has a compiler."""

from mfgamm.lp.native.build import (
    CompilerMissing as CompilerMissing,
    is_available as is_available,
)
from mfgamm.lp.native.call import (
    respond_natively as respond_natively,
    solve_linear_natively as solve_linear_natively,
    solve_natively as solve_natively,
)
