"""How a search went, and the curve that it found."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from mfgamm.amm import AbstractBondingCurve, curve_by_name
from mfgamm.core import Tariff
from mfgamm.market import CommunityMarket
from mfgamm.study.figures.style import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PAGE_WIDTH,
    PALE,
    VERMILION,
    styled,
)

SOLD = np.linspace(0, 1, 201)


@styled
def plot_tuning(loss: Float[np.ndarray, " step"], market: CommunityMarket) -> Figure:
    """The objective step by step, and the tuned curve beside the paper's."""
    figure = Figure(figsize=(PAGE_WIDTH, 2.9), layout="constrained")
    search, shape = figure.subplots(1, 2)
    for axis in (search, shape):
        axis.grid(color=PALE, linewidth=0.6)
    search.plot(loss, color=GREY, linewidth=1.0, marker="o", markersize=3, label="each step")
    best = np.minimum.accumulate(loss)
    search.step(np.arange(loss.size), best, where="post", color=BLUE, label="best so far")
    search.set_xlabel("Step")
    search.set_ylabel("Objective")
    search.legend()
    drawn = {
        "mid-market": (curve_by_name("mid-market"), VERMILION, (0, (4, 2))),
        "hyperbolic": (curve_by_name("hyperbolic"), ORANGE, (0, (1, 1))),
        "tuned": (market.curve, GREEN, "-"),
    }
    for name, (curve, colour, line) in drawn.items():
        heights = curve_positions(curve, market.tariff)
        shape.plot(SOLD, heights, color=colour, linestyle=line, label=name)
    shape.set_xlabel("Share of the supply sold")
    shape.set_ylabel("Marginal price (share of the spread)")
    shape.set_ylim(-0.03, 1.03)
    shape.legend()
    return figure


def curve_positions(curve: AbstractBondingCurve, tariff: Tariff) -> Float[np.ndarray, " share"]:
    """Marginal prices as positions between feed-in (0) and retail (1), averaged over the steps."""
    feed_in, spread = np.asarray(tariff.feed_in), np.asarray(tariff.spread)
    above = np.asarray(curve.schedule(jnp.asarray(SOLD[:, None]), tariff)) - feed_in
    return np.mean(above[:, spread > 0] / spread[spread > 0], axis=1)
