"""The seven axioms of a local energy market, each as a measurable violation in €/kWh.

Source: AMM paper, "Axioms", and the slides that follow it. Every function takes what was
observed of a mechanism and returns the largest violation with its witness.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from mfgamm.amm.findings import Violation, Witness, worst_index, worst_of
from mfgamm.amm.mechanism import MechanismView

# Below this the change of a price between two sampled imbalances counts as none, €/kWh.
FLAT = 1e-13
SCALES = (0.01, 1 / 3, 50.0)
SPLITS = (0.5, 0.2)


@dataclass(frozen=True)
class Observations:
    """What was sampled of a mechanism.

    Attributes:
        view: the mechanism itself, to ask more of it.
        supply, demand: aggregate flows, kW, shape [supply, demand], sorted along their axis.
        sell, buy: prices there, €/kWh.
        profiles: net exports of households, kW.
        paid: what they receive, €/h.
        orders: permutations of the households.
    """

    view: MechanismView
    supply: Float[np.ndarray, "supply demand"]
    demand: Float[np.ndarray, "supply demand"]
    sell: Float[np.ndarray, "supply demand step"]
    buy: Float[np.ndarray, "supply demand step"]
    profiles: Float[np.ndarray, "profile household"]
    paid: Float[np.ndarray, "profile household step"]
    orders: list[np.ndarray]

    @property
    def sells(self) -> np.ndarray:
        """Where a sell price exists, shape [supply, demand, 1]."""
        return (self.supply > 0)[..., None] | self.view.quotes_absent_sides

    @property
    def buys(self) -> np.ndarray:
        """Where a buy price exists, shape [supply, demand, 1]."""
        return (self.demand > 0)[..., None] | self.view.quotes_absent_sides

    def in_quotes(self, size, applies, remark: str) -> Violation:
        """The worst of violations that are sampled over [supply, demand, step]."""
        worst, (row, column, step) = worst_index(size, applies)
        flows = float(self.supply[row, column]), float(self.demand[row, column])
        return Violation(worst, Witness(*flows, step, remark))

    def in_households(self, size, remark: str) -> Violation:
        """The worst of violations, €/h, over [profile, household, step], per kWh traded.

        For a household that does not trade, per kWh traded by the others.
        """
        own = np.abs(self.profiles)
        traded = np.where(own > 0, own, own.sum(axis=1, keepdims=True))
        worst, (profile, household, step) = worst_index(size / traded[..., None])
        return Violation(worst, self._witness(profile, step, remark, household))

    def in_profiles(self, size, applies, remark: str) -> Violation:
        """The worst of violations, €/kWh, over [profile, step]."""
        worst, (profile, step) = worst_index(size, applies)
        return Violation(worst, self._witness(profile, step, remark))

    def _witness(self, profile, step, remark, household=None) -> Witness:
        flows = self.profiles[profile]
        return Witness(
            supply=float(np.maximum(flows, 0).sum()),
            demand=float(np.maximum(-flows, 0).sum()),
            step=step,
            remark=remark,
            net_exports=tuple(float(flow) for flow in flows),
            household=household,
        )


def anonymity(seen: Observations) -> Violation:
    """Identical actions meet identical terms, in whatever order households are listed.

    AMM paper, "Anonymity ⇒ batch clearing".
    """
    return worst_of(
        *(
            seen.in_households(
                np.abs(_undo(order, seen.view.payments(seen.profiles[:, order])) - seen.paid),
                f"is paid otherwise if households are listed in the order {tuple(order.tolist())}",
            )
            for order in seen.orders
        )
    )


def coalition_proofness(seen: Observations) -> Violation:
    """Nobody gains by splitting a flow over two accounts, or by pooling two of one side.

    AMM paper, "Coalition-proofness ⇔ Linear individual terms". A seller and a buyer who pool net
    their flows and save buy − sell in any such market: that is no matter of this axiom. The
    second account is listed next to the first, so that a mechanism that depends on the order is
    not blamed twice.
    """
    violations = []
    for household in range(seen.profiles.shape[1]):
        for share in SPLITS:
            split = np.insert(seen.profiles, household, 0.0, axis=1)
            split[:, household] = share * seen.profiles[:, household]
            split[:, household + 1] = (1 - share) * seen.profiles[:, household]
            paid = seen.view.payments(split)
            apart = paid[:, household] + paid[:, household + 1]
            size = np.zeros_like(seen.paid)
            size[:, household] = np.abs(apart - seen.paid[:, household])
            remark = f"is paid otherwise if it splits its flow {share:g} : {1 - share:g}"
            violations.append(seen.in_households(size, remark))
    return worst_of(*violations)


def individual_rationality(seen: Observations) -> Violation:
    """Nobody does worse than with the grid alone: sell ≥ feed_in and buy ≤ retail.

    AMM paper, "Individual Rationality ⇒ Concentrated Liquidity".
    """
    feed_in, retail, flows = seen.view.feed_in, seen.view.retail, seen.profiles[..., None]
    alone = feed_in * np.maximum(flows, 0) - retail * np.maximum(-flows, 0)
    return worst_of(
        seen.in_quotes(feed_in - seen.sell, seen.sells, "sellers get less than the grid pays"),
        seen.in_quotes(seen.buy - retail, seen.buys, "buyers pay more than the grid charges"),
        seen.in_households(alone - seen.paid, "is worse off than with the grid alone"),
    )


def budget_balance(seen: Observations) -> Violation:
    """The operator collects what it pays out, the grid included; per kWh of the larger side.

    AMM paper, "Budget balance, No-arbitrage, Responsiveness & Homogeneity".
    """
    remark = "the operator pays out more than it collects"
    total = seen.profiles.sum(axis=1)[:, None]
    grid = seen.view.feed_in * np.maximum(total, 0) - seen.view.retail * np.maximum(-total, 0)
    larger = np.maximum(
        np.maximum(seen.profiles, 0).sum(axis=1), np.maximum(-seen.profiles, 0).sum(axis=1)
    )[:, None]
    return worst_of(
        seen.in_quotes(_deficit(seen), _somebody_trades(seen), remark),
        seen.in_profiles((seen.paid.sum(axis=1) - grid) / larger, True, remark),
    )


def largest_surplus(seen: Observations) -> float:
    """The most that the operator keeps, € per kWh of the larger side: zero if exact."""
    return worst_index(-_deficit(seen), _somebody_trades(seen))[0]


def no_arbitrage(seen: Observations) -> Violation:
    """Nothing is sold for more than it can be bought for: inside, or between inside and grid.

    AMM paper, "Axiom-Compliant Price Functions: Summary". Where both sides trade this follows
    from individual rationality and budget balance; for the quote of an absent side it does not.
    """
    feed_in, retail = seen.view.feed_in, seen.view.retail
    selling, buying = seen.profiles > 0, seen.profiles < 0
    price = seen.paid / np.where(seen.profiles == 0, 1.0, seen.profiles)[..., None]
    dearest_sale = np.max(np.where(selling[..., None], price, -np.inf), axis=1)
    cheapest_purchase = np.min(np.where(buying[..., None], price, np.inf), axis=1)
    both_trade = selling.any(axis=1, keepdims=True) & buying.any(axis=1, keepdims=True)
    return worst_of(
        seen.in_quotes(
            seen.sell - seen.buy, seen.sells & seen.buys, "sell price exceeds buy price"
        ),
        seen.in_quotes(seen.sell - retail, seen.sells, "sell price exceeds retail price"),
        seen.in_quotes(feed_in - seen.buy, seen.buys, "buy price is below feed-in price"),
        seen.in_profiles(
            dearest_sale - cheapest_purchase,
            both_trade,
            "one household sells dearer than another buys",
        ),
    )


def responsiveness(seen: Observations) -> Violation:
    """Prices fall with supply and rise with demand (weakly); the step of a price between
    neighbouring samples where it does not.

    AMM paper, "Budget balance, No-arbitrage, Responsiveness & Homogeneity".
    """
    violations = []
    for name, price, exists in (("sell", seen.sell, seen.sells), ("buy", seen.buy, seen.buys)):
        for axis, flow, falls in ((0, "supply", 1), (1, "demand", -1)):
            size = falls * np.diff(price, axis=axis, append=np.take(price, [-1], axis=axis))
            both = exists & np.roll(exists, -1, axis=axis)
            direction = "rises" if falls == 1 else "falls"
            remark = f"{name} price {direction} with {flow}"
            violations.append(seen.in_quotes(size, both, remark))
    return worst_of(*violations)


def flat_prices(seen: Observations) -> tuple[tuple[str, str], ...]:
    """The (price, regime) pairs where a price stands still between neighbouring imbalances.

    The paper asks for strict responses. With re-anchored curves none has them everywhere: in
    deficit every seller gets G(1), whatever the imbalance (AMM paper, "Payments: three imbalance
    regimes", case III). Samples more than ten to one out of balance are left out, since a price
    near its limit moves by less than rounding.
    """
    spread = np.asarray(seen.view.retail > seen.view.feed_in)
    near = (seen.supply < 10 * seen.demand) & (seen.demand < 10 * seen.supply)
    regimes = {"surplus": seen.demand <= seen.supply, "deficit": seen.demand >= seen.supply}
    flat = []
    for name, price in (("sell", seen.sell), ("buy", seen.buy)):
        for regime, holds in regimes.items():
            inside = holds & near
            both = np.logical_and(inside[:-1], inside[1:])[..., None] & spread
            if np.any(both & (np.abs(np.diff(price, axis=0)) <= FLAT)):
                flat.append((name, regime))
    return tuple(flat)


def homogeneity(seen: Observations) -> Violation:
    """Prices depend on the ratio of supply to demand, not on the size of the community.

    AMM paper, "Budget balance, No-arbitrage, Responsiveness & Homogeneity".
    """
    violations = []
    for scale in SCALES:
        sell, buy = seen.view.prices(scale * seen.supply, scale * seen.demand)
        for name, change, exists in (
            ("sell", np.abs(sell - seen.sell), seen.sells),
            ("buy", np.abs(buy - seen.buy), seen.buys),
        ):
            remark = f"{name} price changes if all flows grow {scale:.3g}-fold"
            violations.append(seen.in_quotes(change, exists, remark))
    return worst_of(*violations)


def _undo(order: np.ndarray, paid: np.ndarray) -> np.ndarray:
    """Payments in the households' first order, given those in the permuted one."""
    return paid[:, np.argsort(order)]


def _somebody_trades(seen: Observations) -> np.ndarray:
    return (np.maximum(seen.supply, seen.demand) > 0)[..., None]


def _deficit(seen: Observations) -> np.ndarray:
    """What the operator pays out beyond what it collects, € per kWh of the larger side."""
    supply, demand = seen.supply[..., None], seen.demand[..., None]
    earned = np.where(seen.sells, supply * seen.sell, 0.0)
    charged = np.where(seen.buys, demand * seen.buy, 0.0)
    bought_from_grid = seen.view.retail * np.maximum(demand - supply, 0)
    sold_to_grid = seen.view.feed_in * np.maximum(supply - demand, 0)
    larger = np.maximum(supply, demand)
    return (earned + bought_from_grid - charged - sold_to_grid) / np.where(larger > 0, larger, 1.0)
