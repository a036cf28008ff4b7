"""The audit: good mechanisms pass, and each broken one fails in the axiom that it breaks."""

import jax.numpy as jnp
import numpy as np
import pytest

from mfgamm.amm import Blended, Hyperbolic, Learned, Linear, PaymentRule, audit, clear
from mfgamm.core import InvalidInput, Prices, Tariff

TARIFF = Tariff(np.array([0.0886, 0.12, 0.1]), np.array([0.2146, 0.18, 0.1]))
MID = Linear.mid_market()


@pytest.mark.parametrize(
    "curve",
    [
        MID,
        Linear.geometric(),
        Hyperbolic(),
        Blended((Hyperbolic(), MID), np.array([1.0, 2.0])),
        Learned(np.array([0.3, -1.0, 2.0, 0.0])),
    ],
    ids=lambda curve: type(curve).__name__,
)
@pytest.mark.parametrize("fee", [0.0, 0.3, 1.0])
def test_curves_satisfy_every_axiom_with_any_fee(curve, fee):
    result = audit(lambda *market: clear(curve, *market, fee), TARIFF)
    assert result.passed, result.summary()
    assert max(finding.worst for finding in result.findings.values()) < 1e-15
    assert result.largest_surplus == pytest.approx(fee * 0.126, abs=1e-15)


def test_weak_responsiveness_is_told_from_strict():
    assert audit(MID, TARIFF).flat_prices == (("sell", "deficit"), ("buy", "surplus"))
    hyperbolic = audit(Hyperbolic(), TARIFF)
    assert hyperbolic.flat_prices == (("sell", "deficit"),) and not hyperbolic.strictly_responsive
    strict = audit(potential_prices, TARIFF)
    assert strict.passed and strict.strictly_responsive, strict.summary()


def test_a_payment_rule_that_pays_common_prices_passes_as_the_prices_do():
    result = audit(PaymentRule(mid_market_payments), TARIFF)
    assert result.passed, result.summary()
    assert result.flat_prices == (("sell", "deficit"), ("buy", "surplus"))


# Prices from the convex potential L(d−s) + h√[((d−s)² + ν(d+s)²)/(1+ν)]: both respond always.


def potential_prices(supply, demand, tariff, curvature=0.2):
    middle, half = (tariff.retail + tariff.feed_in) / 2, tariff.spread / 2
    net, volume = demand - supply, demand + supply
    norm = np.sqrt((1 + curvature) * (net**2 + curvature * volume**2))
    norm = np.where(norm > 0, norm, 1.0)
    return Prices(
        sell=jnp.asarray(middle + half * (net - curvature * volume) / norm),
        buy=jnp.asarray(middle + half * (net + curvature * volume) / norm),
    )


def mid_market_payments(net_exports, tariff):
    feed_in, retail = float(tariff.feed_in[0]), float(tariff.retail[0])
    exports, imports = np.maximum(net_exports, 0), np.maximum(-net_exports, 0)
    supply, demand, middle = exports.sum(), imports.sum(), (feed_in + retail) / 2
    sold, met = min(demand / max(supply, 1e-300), 1), min(supply / max(demand, 1e-300), 1)
    sell, buy = sold * middle + (1 - sold) * feed_in, met * middle + (1 - met) * retail
    return sell * exports - buy * imports


# One broken mechanism for each axiom, named after what is wrong with it.


def serial_queue(net_exports, tariff):
    """First come, first served: the matched trade at mid-market, the others with the grid."""
    middle = float((tariff.feed_in + tariff.retail)[0] / 2)
    exports, imports = np.maximum(net_exports, 0), np.maximum(-net_exports, 0)
    traded = min(exports.sum(), imports.sum())

    def matched(flow):
        return np.diff(np.minimum(np.cumsum(flow), traded), prepend=0.0)

    sold, bought = matched(exports), matched(imports)
    return (
        middle * (sold - bought)
        + float(tariff.feed_in[0]) * (exports - sold)
        - float(tariff.retail[0]) * (imports - bought)
    )


def bonus_for_large_sellers(net_exports, tariff):
    paid, exports = mid_market_payments(net_exports, tariff), np.maximum(net_exports, 0)
    alone = float(tariff.feed_in[0]) * exports
    relative_size = exports / max(exports.max(), 1e-300)
    return np.where(exports > 0, alone + (paid - alone) * relative_size, paid)


def price_above_retail(supply, demand, tariff):
    prices = clear(MID, supply, demand, tariff)
    return prices.sell, prices.buy + 0.01 * (demand > supply)


def mid_market_at_any_imbalance(supply, demand, tariff):
    middle = (tariff.feed_in + tariff.retail) / 2 + 0.0 * supply
    return middle, middle


def nothing_to_pay_where_nobody_buys(supply, demand, tariff):
    prices = clear(MID, supply, demand, tariff)
    return prices.sell, np.where((demand == 0) & (supply > 0), 0.0, prices.buy)


def fee_that_grows_with_supply(supply, demand, tariff):
    return clear(MID, supply, demand, tariff, supply / np.maximum(supply + demand, 1e-300))


def anchor_that_feels_the_absolute_imbalance(supply, demand, tariff):
    anchor = tariff.feed_in + tariff.spread * (0.5 + 0.4 * np.tanh(demand - supply))
    return clear(Linear.at(anchor), supply, demand, tariff)


@pytest.mark.parametrize(
    ("mechanism", "axiom"),
    [
        (PaymentRule(serial_queue), "anonymity"),
        (PaymentRule(bonus_for_large_sellers), "coalition-proofness"),
        (price_above_retail, "individual rationality"),
        (mid_market_at_any_imbalance, "budget balance"),
        (nothing_to_pay_where_nobody_buys, "no-arbitrage"),
        (fee_that_grows_with_supply, "responsiveness"),
        (anchor_that_feels_the_absolute_imbalance, "homogeneity"),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_a_broken_mechanism_fails_in_the_axiom_it_breaks_and_in_no_other(mechanism, axiom):
    result = audit(mechanism, TARIFF)
    assert result.violated == (axiom,), result.summary()
    assert result[axiom].worst > 1e-3 and not result.passed


def test_the_witness_is_a_market_in_which_the_fault_can_be_seen():
    finding = audit(mid_market_at_any_imbalance, TARIFF)["budget balance"]
    witness = finding.witness
    feed_in, retail = float(TARIFF.feed_in[witness.step]), float(TARIFF.retail[witness.step])
    middle = (feed_in + retail) / 2
    surplus = max(witness.supply - witness.demand, 0)
    shortage = max(witness.demand - witness.supply, 0)
    deficit = middle * (witness.supply - witness.demand) - feed_in * surplus + retail * shortage
    larger = max(witness.supply, witness.demand)
    assert deficit / larger == pytest.approx(finding.worst)
    assert witness.step == 0  # where the spread is widest


def test_the_witness_of_a_household_fault_names_the_household():
    witness = audit(PaymentRule(serial_queue), TARIFF)["anonymity"].witness
    assert len(witness.net_exports) == 5 and witness.household is not None
    assert witness.net_exports[witness.household] != 0
    assert f"household {witness.household}" in str(witness)


def absent_buyers_are_quoted_above_retail(supply, demand, tariff):
    prices = clear(MID, supply, demand, tariff)
    return prices.sell, np.where(demand == 0, tariff.retail + 0.01, prices.buy)


def sell_price_that_feels_the_size_of_the_community(supply, demand, tariff):
    prices = clear(MID, supply, demand, tariff)
    return prices.sell - 0.1 * (prices.sell - tariff.feed_in) / (1 + supply), prices.buy


def gifts_while_nobody_sells(net_exports, tariff):
    gift = 0.5 * float(tariff.feed_in[0]) * np.minimum(net_exports, 0)
    return mid_market_payments(net_exports, tariff) if np.any(net_exports > 0) else gift


@pytest.mark.parametrize(
    ("mechanism", "axiom", "remark"),
    [
        (absent_buyers_are_quoted_above_retail, "individual rationality", "buyers pay more"),
        (sell_price_that_feels_the_size_of_the_community, "homogeneity", "sell price changes"),
        (PaymentRule(gifts_while_nobody_sells), "no-arbitrage", "buy price is below feed-in"),
    ],
)
def test_a_fault_of_one_price_alone_is_found(mechanism, axiom, remark):
    finding = audit(mechanism, TARIFF)[axiom]
    assert not finding.passed and finding.witness.remark.startswith(remark)


def test_selling_dearer_than_buying_also_costs_the_operator():
    def crossed(supply, demand, tariff):
        prices = clear(MID, supply, demand, tariff)
        return prices.sell + 0.01, prices.buy - 0.01

    assert {"no-arbitrage", "budget balance"} <= set(audit(crossed, TARIFF).violated)


def test_an_equal_rebate_per_account_invites_splitting():
    def rebate(net_exports, tariff):
        return np.where(net_exports > 0, tariff.feed_in, tariff.retail) * net_exports + 0.01

    assert "coalition-proofness" in audit(PaymentRule(rebate), TARIFF).violated


def test_prices_that_are_not_finite_are_violations():
    def careless(supply, demand, tariff):
        middle = (tariff.feed_in + tariff.retail) / 2
        met, sold = np.minimum(supply / demand, 1), np.minimum(demand / supply, 1)
        buy = met * middle + (1 - met) * tariff.retail
        return sold * middle + (1 - sold) * tariff.feed_in, buy

    result = audit(careless, TARIFF)  # 0/0 in the empty market only
    assert not result.passed
    assert np.isinf(result["individual rationality"].worst)
    witness = result["individual rationality"].witness
    assert witness.supply == witness.demand == 0


def test_the_summary_has_a_line_for_each_axiom():
    lines = audit(PaymentRule(serial_queue), TARIFF).summary().splitlines()
    assert lines[0] == "serial_queue: 6 of 7 axioms hold" and len(lines) == 9
    assert "VIOLATED" in lines[2] and "net exports" in lines[2]
    assert str(audit(MID, TARIFF)).startswith("Linear: 7 of 7 axioms hold")


def test_an_audit_repeats_itself():
    first, second = (audit(anchor_that_feels_the_absolute_imbalance, TARIFF) for _ in range(2))
    assert first["homogeneity"] == second["homogeneity"]


def test_a_tariff_in_single_precision_is_not_blamed_for_rounding():
    single = Tariff(*np.array([[0.0886], [0.2146]], np.float32))

    def prices(supply, demand, tariff):
        return clear(Hyperbolic(), np.float32(supply), np.float32(demand), tariff)

    assert audit(prices, single).passed
    assert not audit(prices, single, tolerance=1e-12).passed


def test_a_class_in_place_of_a_curve_is_refused():
    with pytest.raises(InvalidInput, match="an instance, not its class"):
        audit(Hyperbolic, TARIFF)
