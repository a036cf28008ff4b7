"""The game: clusters of stochastic households and the market that prices their flows."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from mfgamm.core import Clusters, Flows, InvalidInput, Membership, Prices, concrete
from mfgamm.graphon import local_aggregate
from mfgamm.market import AbstractMarket
from mfgamm.meanfield import (
    AbstractDevice,
    ControlledDiffusion,
    EnergyBill,
    Levels,
    net_load_of,
    with_base_load,
)


class MeanFieldGame(eqx.Module):
    """Clusters of households without number, one kind of household with a load for each cluster.

    Attributes:
        household: the generic household, from `mfgamm.meanfield.household`; its own base load is
            replaced by the clusters'.
        base_load: expected load less expected generation in each cluster, kW.
        start: probabilities of the states at the beginning, `[cluster, *state]`, or `[*state]` for
            all clusters.
        market: from the clusters' flows to their prices.
        masses: share of the households in each cluster.

    Raises:
        InvalidInput: if shapes do not fit, the base load is not finite, masses are not shares, the
            start is not a distribution, or the decision problem is not a household's.
    """

    household: ControlledDiffusion
    base_load: Float[Array, "cluster time"] = eqx.field(converter=jnp.asarray)
    start: Float[Array, "*cluster_state"] = eqx.field(converter=jnp.asarray)
    market: AbstractMarket
    masses: Float[Array, " cluster"] = eqx.field(converter=jnp.asarray)

    def __check_init__(self):
        for part, kind in (("running_cost", EnergyBill), ("controls", Levels)):
            given = getattr(self.household, part)
            if not isinstance(given, kind):
                raise InvalidInput(
                    "game.household",
                    type(given).__name__,
                    f"{part} must be {kind.__name__}; make it with `mfgamm.meanfield.household`",
                )
        self._require_loads()
        self._require_masses()
        self._require_start()
        self._require_market()

    @property
    def clusters(self) -> int:
        """Number of clusters."""
        return self.base_load.shape[0]

    @property
    def devices(self) -> tuple[AbstractDevice, ...]:
        """Of the household, one for each state variable."""
        return net_load_of(self.household).devices

    @property
    def levels(self) -> Levels:
        """What the household chooses among."""
        assert isinstance(self.household.controls, Levels)
        return self.household.controls

    @property
    def days(self) -> Float[Array, ""]:
        """Length of the horizon in days."""
        return self.household.steps * self.household.step_hours / 24

    @property
    def starts(self) -> Float[Array, "cluster *state"]:
        """The start of each cluster."""
        return jnp.broadcast_to(self.start, (self.clusters, *self.household.grid.shape))

    @property
    def members(self) -> Membership:
        """Every cluster as one type of household, for the market's books."""
        return Membership(self.masses, Clusters(jnp.arange(self.clusters), self.clusters))

    @property
    def grid_prices(self) -> Prices:
        """The grid's own prices, €/kWh, `[cluster, time]`."""
        tariff, shape = self.market.tariff, self.base_load.shape
        return Prices(
            sell=jnp.broadcast_to(tariff.feed_in, shape),
            buy=jnp.broadcast_to(tariff.retail, shape),
        )

    def prices(self, flows: Flows) -> Prices:
        """What the market makes of flows, €/kWh.

        Args:
            flows: of a cluster's own households on average, kW, `[cluster, time]` (GMFG paper,
                eq. 16, weighs them by the clusters' masses).
        """
        quoted = self.market.prices(self.carried(flows))
        return jax.tree.map(lambda each: jnp.broadcast_to(each, self.base_load.shape), quoted)

    def carried(self, flows: Flows) -> Flows:
        """Flows with their clusters' masses, as markets take them (GMFG paper, eq. 16)."""
        return jax.tree.map(lambda each: local_aggregate(each, self.masses), flows)

    def at_home(self, base_load: Float[Array, " time"]) -> ControlledDiffusion:
        """The household with the base load of one cluster."""
        return with_base_load(self.household, base_load)

    def _require_loads(self) -> None:
        loads, steps = self.base_load, self.household.steps
        if loads.ndim != 2 or loads.shape[1] != steps:
            raise InvalidInput(
                "game.base_load", loads.shape, f"must be [cluster, time] with {steps} steps"
            )
        known = concrete(loads)
        if known is not None and not np.all(np.isfinite(known)):
            raise InvalidInput("game.base_load", "nan or inf", "must be finite, kW")

    def _require_masses(self) -> None:
        if self.masses.shape != (self.clusters,):
            raise InvalidInput(
                "game.masses", self.masses.shape, f"must hold one share for each of {self.clusters}"
            )
        known = concrete(self.masses)
        if known is not None and not (known.min() >= 0 and abs(known.sum() - 1) < 1e-6):
            raise InvalidInput("game.masses", known.tolist(), "must be shares that sum to one")

    def _require_start(self) -> None:
        shape = self.household.grid.shape
        if self.start.shape not in (shape, (self.clusters, *shape)):
            raise InvalidInput(
                "game.start", self.start.shape, f"must be {shape}, or that for each cluster"
            )
        known = concrete(self.start)
        if known is None:
            return
        totals = known.reshape(-1, self.household.grid.size).sum(axis=1)
        if known.min() < 0 or np.max(np.abs(totals - 1)) > 1e-5:
            raise InvalidInput(
                "game.start", totals.tolist(), "must be probabilities: one in total, none negative"
            )

    def _require_market(self) -> None:
        """Prices are tried by shape only: nothing is computed."""
        own = getattr(self.market, "masses", self.masses)
        known, given = concrete(own), concrete(self.masses)
        different = known is not None and given is not None and not np.allclose(known, given)
        if own.shape != self.masses.shape or different:
            raise InvalidInput("game.market.masses", own.shape, "must be those of the game")
        flows = Flows(supply=self.base_load, demand=self.base_load)
        try:
            jax.eval_shape(self.prices, flows)
        except (TypeError, ValueError) as error:
            raise InvalidInput(
                "game.market",
                type(self.market).__name__,
                f"must price flows of {self.clusters} clusters and {self.household.steps} steps "
                f"({error})",
            ) from error
