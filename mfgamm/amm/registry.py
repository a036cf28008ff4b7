"""Bonding curves by the name that a scenario file or a command line gives them."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from mfgamm.amm.bonding_curve import AbstractBondingCurve
from mfgamm.amm.hyperbolic import Hyperbolic
from mfgamm.amm.linear import Linear
from mfgamm.core import InvalidInput

CURVES: Mapping[str, Callable[[], AbstractBondingCurve]] = MappingProxyType(
    {
        "mid-market": Linear.mid_market,
        "geometric": Linear.geometric,
        "hyperbolic": Hyperbolic,
    }
)


def curve_by_name(name: str) -> AbstractBondingCurve:
    """The bonding curve called `name`: one of the paper's three.

    Raises:
        InvalidInput: if no curve has that name; the message lists those that exist.
    """
    if name not in CURVES:
        raise InvalidInput("curve", name, "choose one of " + ", ".join(CURVES))
    return CURVES[name]()
