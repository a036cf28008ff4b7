"""Figures of a study, each from its dataset alone."""

from mfgamm.study.figures.convergence import (
    describe_convergence as describe_convergence,
    plot_convergence as plot_convergence,
)
from mfgamm.study.figures.exchange import (
    describe_exchange as describe_exchange,
    plot_exchange as plot_exchange,
)
from mfgamm.study.figures.exhibits import (
    CLUSTER_EXHIBITS as CLUSTER_EXHIBITS,
    EXHIBITS as EXHIBITS,
    Exhibit as Exhibit,
    exhibits_of as exhibits_of,
)
from mfgamm.study.figures.flexibility import (
    describe_flexibility as describe_flexibility,
    plot_flexibility as plot_flexibility,
)
from mfgamm.study.figures.gains import (
    describe_gains as describe_gains,
    losing_households as losing_households,
    plot_gains as plot_gains,
)
from mfgamm.study.figures.inline_svg import inline_svg as inline_svg
from mfgamm.study.figures.prices import (
    describe_prices as describe_prices,
    grid_prices as grid_prices,
    no_trade as no_trade,
    plot_prices as plot_prices,
)
from mfgamm.study.figures.storage import (
    describe_storage as describe_storage,
    plot_storage as plot_storage,
)
from mfgamm.study.figures.style import CATEGORY_COLOURS as CATEGORY_COLOURS
