"""Audit of a pricing mechanism against the seven axioms, from the outside."""

import numpy as np

from mfgamm.amm import axioms
from mfgamm.amm.findings import Audit, Finding
from mfgamm.amm.mechanism import Mechanism, MechanismView, PaymentRule, view_of
from mfgamm.core import Tariff

AXIOMS = {
    "anonymity": axioms.anonymity,
    "coalition-proofness": axioms.coalition_proofness,
    "individual rationality": axioms.individual_rationality,
    "budget balance": axioms.budget_balance,
    "no-arbitrage": axioms.no_arbitrage,
    "responsiveness": axioms.responsiveness,
    "homogeneity": axioms.homogeneity,
}

HOUSEHOLDS = 5


def audit(
    mechanism: Mechanism, tariff: Tariff, *, tolerance: float | None = None, seed: int = 0
) -> Audit:
    """The worst violation of each axiom among many sampled markets, and where it occurs.

    Aggregate flows are sampled over six decades on either side, with exact balance, empty
    sides and an empty market among them; households in communities of five, with twins, idle
    and one-sided ones among them. Passing is evidence, not proof; a violation is a proof.

    Args:
        mechanism: a bonding curve; or a function `(supply, demand, tariff) -> Prices` (or a
            pair sell, buy; flows in kW as numpy arrays [..., step], of any leading shape); or a
            `PaymentRule`. It may be any Python code, and is assumed to be deterministic.
        tariff: the grid's prices, €/kWh, at the steps to be tried; leading axes are flattened.
        tolerance: the violation that still counts as rounding, €/kWh; by default 1e-9 if the
            tariff is in double precision and 1e-5 otherwise.
        seed: of the sampling.

    Raises:
        InvalidInput: if `mechanism` is none of the three kinds. Also whatever it raises itself.
    """
    if tolerance is None:
        tolerance = 1e-9 if tariff.retail.dtype == np.float64 else 1e-5
    # A price that is not finite is a finding of the audit, not a reason to interrupt it.
    with np.errstate(all="ignore"):
        seen = _observe(view_of(mechanism, tariff), np.random.default_rng(seed))
        violations = {name: violation_of(seen) for name, violation_of in AXIOMS.items()}
        flat, surplus = axioms.flat_prices(seen), axioms.largest_surplus(seen)
    remarks = {
        "budget balance": _budget_remark(surplus, tolerance),
        "responsiveness": _response_remark(flat),
    }
    findings = {
        name: Finding(name, each.size, each.witness, tolerance, remarks.get(name, ""))
        for name, each in violations.items()
    }
    return Audit(_name(mechanism), findings, flat, surplus)


def _observe(view: MechanismView, random: np.random.Generator) -> axioms.Observations:
    amounts = _amounts(random, per_decade=4 if view.quotes_absent_sides else 2)
    supply, demand = np.meshgrid(amounts, amounts, indexing="ij")
    sell, buy = view.prices(supply, demand)
    profiles = _profiles(random)
    orders = [np.arange(HOUSEHOLDS)[::-1], *(random.permutation(HOUSEHOLDS) for _ in range(2))]
    paid = view.payments(profiles)
    return axioms.Observations(view, supply, demand, sell, buy, profiles, paid, orders)


def _amounts(random: np.random.Generator, per_decade: int) -> np.ndarray:
    """Flows, kW: none, a regular grid over six decades, and as many at random between."""
    regular = np.logspace(-3, 3, 6 * per_decade + 1)
    between = 10 ** random.uniform(-3, 3, 3 * per_decade)
    return np.sort(np.concatenate([[0.0], regular, between]))


def _profiles(random: np.random.Generator) -> np.ndarray:
    """Net exports, kW, shape [profile, household]."""
    telling = np.array(
        [
            [2.0, 2.0, -3.0, 1.0, -2.0],  # balanced, with twins
            [4.0, -1.0, 3.0, -1.0, 0.0],  # surplus, with twins and an idle one
            [1.0, -4.0, 0.5, 0.0, -4.0],  # deficit, likewise
            [1.0, 2.0, 3.0, 0.0, 0.5],  # nobody buys
            [-1.0, -2.0, 0.0, -3.0, -0.5],  # nobody sells
            [0.0, 0.0, 5.0, 0.0, 0.0],
        ]
    )
    sizes = 10 ** random.uniform(-1.5, 1.5, (8, HOUSEHOLDS))
    return np.concatenate([telling, sizes * random.choice([-1.0, 1.0], sizes.shape)])


def _budget_remark(surplus: float, tolerance: float) -> str:
    return "exact" if surplus <= tolerance else f"the operator keeps up to {surplus:.3g} €/kWh"


def _response_remark(flat: tuple[tuple[str, str], ...]) -> str:
    where = ", ".join(f"{price} price flat in {regime}" for price, regime in flat)
    return f"weakly: {where}" if flat else "strictly"


def _name(mechanism: Mechanism) -> str:
    named = mechanism.payments if isinstance(mechanism, PaymentRule) else mechanism
    return getattr(named, "__name__", type(named).__name__)
