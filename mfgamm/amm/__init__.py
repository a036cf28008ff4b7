"""Automated market making: bonding curves, batch clearing and the audit of the axioms."""

from mfgamm.amm.audit import audit as audit
from mfgamm.amm.blended import Blended as Blended
from mfgamm.amm.bonding_curve import AbstractBondingCurve as AbstractBondingCurve
from mfgamm.amm.clearing import (
    InsideTrade as InsideTrade,
    clear as clear,
    clear_inside as clear_inside,
    community_gain as community_gain,
    fee_income as fee_income,
    matched_power as matched_power,
)
from mfgamm.amm.findings import Audit as Audit, Finding as Finding
from mfgamm.amm.hyperbolic import Hyperbolic as Hyperbolic
from mfgamm.amm.learned import Learned as Learned
from mfgamm.amm.linear import Linear as Linear
from mfgamm.amm.mechanism import PaymentRule as PaymentRule
from mfgamm.amm.monotone import MonotonePotential as MonotonePotential
from mfgamm.amm.registry import curve_by_name as curve_by_name
