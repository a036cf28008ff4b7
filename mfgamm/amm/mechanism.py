"""One view of every pricing mechanism: what it quotes, and what each household is paid."""

import abc
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from jaxtyping import Float

from mfgamm.amm.bonding_curve import AbstractBondingCurve
from mfgamm.amm.clearing import clear
from mfgamm.core import InvalidInput, Prices, Tariff

PriceFunction = Callable[[Any, Any, Tariff], Any]


@dataclass(frozen=True)
class PaymentRule:
    """A mechanism that pays households in ways that no common price describes.

    Attributes:
        payments: a function `(net_exports, tariff) -> payments` of the households' net exports,
            kW, shape [household], and the tariff of one step, shape [1]; it returns what each
            household receives (negative: pays), €/h, shape [household]. It must accept any
            number of households, and is called from Python, one step at a time.
    """

    payments: Callable[[Any, Tariff], Any]


Mechanism = AbstractBondingCurve | PaymentRule | PriceFunction


class MechanismView(abc.ABC):
    """What an audit observes of a mechanism under one tariff.

    Attributes:
        feed_in, retail: the grid's prices, €/kWh, shape [step] (the tariff, flattened).
        quotes_absent_sides: whether there is a price for a side on which nobody trades.
    """

    quotes_absent_sides: bool

    def __init__(self, tariff: Tariff):
        self.feed_in = np.asarray(tariff.feed_in).ravel()
        self.retail = np.asarray(tariff.retail).ravel()

    @abc.abstractmethod
    def prices(
        self, supply: Float[np.ndarray, "*point"], demand: Float[np.ndarray, "*point"]
    ) -> tuple[Float[np.ndarray, "*point step"], Float[np.ndarray, "*point step"]]:
        """What a kWh sold earns and what a kWh bought costs on average, €/kWh, given kW."""

    @abc.abstractmethod
    def payments(
        self, net_exports: Float[np.ndarray, "profile household"]
    ) -> Float[np.ndarray, "profile household step"]:
        """What each household receives, €/h, given what it exports, kW."""


class PriceView(MechanismView):
    """A mechanism with one sell and one buy price for all, given the aggregate flows."""

    quotes_absent_sides = True

    def __init__(self, function: PriceFunction, tariff: Tariff):
        super().__init__(tariff)
        self.function = function
        self.tariff = Tariff(self.feed_in, self.retail)

    def prices(self, supply, demand):
        shape = (*supply.shape, self.retail.size)
        flows = [np.broadcast_to(flow[..., None], shape) for flow in (supply, demand)]
        quoted = self.function(flows[0], flows[1], self.tariff)
        sell, buy = (quoted.sell, quoted.buy) if isinstance(quoted, Prices) else quoted
        return np.broadcast_to(sell, shape), np.broadcast_to(buy, shape)

    def payments(self, net_exports):
        exports, imports = np.maximum(net_exports, 0), np.maximum(-net_exports, 0)
        sell, buy = self.prices(exports.sum(axis=1), imports.sum(axis=1))
        return exports[..., None] * sell[:, None] - imports[..., None] * buy[:, None]


class PaymentView(MechanismView):
    """A mechanism known by its payments only; its prices are averages over a fixed panel.

    The panel's sellers hold 1/2, 3/10 and 1/5 of the supply, its buyers 3/5 and 2/5 of the
    demand. The average price of a side on which nobody trades is nan.
    """

    quotes_absent_sides = False
    SELLERS, BUYERS = np.array([0.5, 0.3, 0.2]), np.array([0.6, 0.4])

    def __init__(self, rule: PaymentRule, tariff: Tariff):
        super().__init__(tariff)
        self.rule = rule
        self.steps = [
            Tariff(self.feed_in[[step]], self.retail[[step]]) for step in range(self.retail.size)
        ]

    def prices(self, supply, demand):
        supply, demand = supply[..., None], demand[..., None]
        panel = np.concatenate([supply * self.SELLERS, -demand * self.BUYERS], axis=-1)
        paid = self.payments(panel.reshape(-1, panel.shape[-1]))
        paid = paid.reshape(*panel.shape, self.retail.size)
        sellers = self.SELLERS.size
        earned, charged = paid[..., :sellers, :].sum(axis=-2), -paid[..., sellers:, :].sum(axis=-2)
        return (
            np.where(supply > 0, earned / np.where(supply > 0, supply, 1), np.nan),
            np.where(demand > 0, charged / np.where(demand > 0, demand, 1), np.nan),
        )

    def payments(self, net_exports):
        paid = [
            [np.asarray(self.rule.payments(profile.copy(), tariff)) for tariff in self.steps]
            for profile in net_exports
        ]
        return np.moveaxis(np.array(paid, dtype=float), 1, -1)


def view_of(mechanism: Mechanism, tariff: Tariff) -> MechanismView:
    """The view of a curve, a price function or a payment rule.

    Raises:
        InvalidInput: if `mechanism` is none of these.
    """
    if isinstance(mechanism, AbstractBondingCurve):
        return PriceView(partial(clear, mechanism), tariff)
    if isinstance(mechanism, PaymentRule):
        return PaymentView(mechanism, tariff)
    if callable(mechanism) and not isinstance(mechanism, type):
        return PriceView(mechanism, tariff)
    raise InvalidInput(
        "mechanism",
        mechanism,
        "give a bonding curve (an instance, not its class), a function (supply, demand, tariff) "
        "-> Prices, or a PaymentRule",
    )
