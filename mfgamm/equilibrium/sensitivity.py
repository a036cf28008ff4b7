"""How an equilibrium answers to its parameters: derivatives, each checked and each judged.

One reverse pass for each metric gives its derivative by every parameter. Beside it stand the
central difference of equilibria solved anew, and the derivative at a smoothing ten times as fine:
where equilibria of the exact game are not isolated, derivatives exist at every smoothing but do
not settle as it vanishes, and are then no statement about the exact game.
"""

from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from mfgamm.core import InvalidInput, Number, require_float64
from mfgamm.equilibrium.central_path import PathPoint, Smoothing
from mfgamm.equilibrium.community import Community, Game
from mfgamm.equilibrium.continuation import resmooth, smoothed_equilibrium
from mfgamm.equilibrium.sensitivity_metrics import Metrics, membership, metrics_of
from mfgamm.equilibrium.sensitivity_parameters import Parameter, parameters_of
from mfgamm.equilibrium.smoothed import smoothed_outcome
from mfgamm.equilibrium.solve import without_community
from mfgamm.prosumer import require_feasible

# A derivative has settled if a smoothing this much finer moves it by no more than this share.
FINER, SETTLED = 10.0, 0.1
# A check that is off by more than this share is a warning.
AGREEMENT = 1e-3
# A step of a parameter that moves a metric by less than this share of it moves it not at all.
NOTHING = 1e-5


class Sensitivities(eqx.Module):
    """Derivatives of metrics by parameters at a smoothed equilibrium.

    Attributes:
        metrics, metric_units: what is derived (static).
        parameters, parameter_units: by what (static).
        value: of each metric.
        step: a change of each parameter worth talking about.
        derivative: in the metric's over the parameter's unit.
        difference: the same by central differences of equilibria solved anew.
        finer: the derivative at a smoothing ten times as fine.
        smoothing: at which they hold.
    """

    metrics: tuple[str, ...] = eqx.field(static=True)
    metric_units: tuple[str, ...] = eqx.field(static=True)
    parameters: tuple[str, ...] = eqx.field(static=True)
    parameter_units: tuple[str, ...] = eqx.field(static=True)
    value: Float[np.ndarray, " metric"]
    step: Float[np.ndarray, " parameter"]
    derivative: Float[np.ndarray, "metric parameter"]
    difference: Float[np.ndarray, "metric parameter"]
    finer: Float[np.ndarray, "metric parameter"]
    smoothing: Smoothing

    @property
    def effect(self) -> Float[np.ndarray, "metric parameter"]:
        """What a step of a parameter does to a metric, to first order, in the metric's unit."""
        return self.derivative * self.step

    @property
    def settled(self) -> Bool[np.ndarray, "metric parameter"]:
        """Whether a finer smoothing leaves the derivative nearly as it is."""
        return self._near(self.finer, SETTLED)

    @property
    def verified(self) -> Bool[np.ndarray, "metric parameter"]:
        """Whether equilibria solved anew confirm the derivative."""
        return self._near(self.difference, AGREEMENT)

    def _near(self, other, share: float) -> Bool[np.ndarray, "metric parameter"]:
        gap = np.abs(other - self.derivative)
        negligible = NOTHING * np.abs(self.value)[:, None] / self.step
        return gap <= share * np.abs(self.derivative) + negligible


def sensitivities(
    community: Community, *, barrier: Number = 1e-5, blur: Number = 1e-4
) -> Sensitivities:
    """The table of all derivatives of a community's metrics by its parameters.

    Args:
        community: the game.
        barrier: of the smoothing, €.
        blur: of the market, a share below 1.

    Raises:
        InvalidInput: if an argument is out of range, or single precision is in use.
        InfeasibleHousehold: naming every household without a plan.
        NotConverged: if the smoothed equilibrium is not reached.
    """
    types = community.population.types
    require_float64("community.population", types.generation)
    if not 0 < barrier <= 1:
        raise InvalidInput("barrier", barrier, "must be in (0, 1] €")
    if not 0 < blur < 1:
        raise InvalidInput("blur", blur, "must be a share in (0, 1)")
    require_feasible(community.population)
    benchmark = without_community(community)
    game = Game(types, community.market, benchmark.cost)
    smoothing = Smoothing(jnp.asarray(float(barrier)), jnp.asarray(float(blur)))
    fine = Smoothing(smoothing.barrier / FINER, smoothing.blur / FINER)
    point = smoothed_equilibrium(game, benchmark.plan, smoothing)
    fine_point = resmooth(game, point, smoothing, fine)

    parameters = parameters_of(community)
    members = membership(community.population.categories)
    table = _Table(parameters, members)
    names, units = _labels(list(dict.fromkeys(community.population.categories)))
    return Sensitivities(
        metrics=names,
        metric_units=units,
        parameters=tuple(each.name for each in parameters),
        parameter_units=tuple(each.unit for each in parameters),
        value=np.asarray(table.at(jnp.zeros(len(parameters)), game, point, smoothing)),
        step=np.array([each.step for each in parameters]),
        derivative=np.asarray(table.derivative(game, point, smoothing)),
        difference=table.difference(game, point, smoothing),
        finer=np.asarray(table.derivative(game, fine_point, fine)),
        smoothing=smoothing,
    )


class _Table:
    """Metrics as a function of the parameters' changes, compiled once for all its uses."""

    def __init__(self, parameters: tuple[Parameter, ...], members: Float[Array, "category type"]):
        def at(
            amounts: Float[Array, " parameter"], game: Game, point: PathPoint, smoothing: Smoothing
        ) -> Float[Array, " metric"]:
            for parameter, amount in zip(parameters, amounts, strict=True):
                game = parameter.move(game, amount)
            return _stacked(metrics_of(game, smoothed_outcome(game, point, smoothing), members))

        self.parameters = parameters
        self.at = eqx.filter_jit(at)
        self._jacobian = eqx.filter_jit(jax.jacrev(at))

    def derivative(self, *equilibrium) -> Float[Array, "metric parameter"]:
        return self._jacobian(jnp.zeros(len(self.parameters)), *equilibrium)

    def difference(self, *equilibrium) -> Float[np.ndarray, "metric parameter"]:
        widths = np.array([each.width for each in self.parameters])
        columns = [
            (self.at(ahead, *equilibrium) - self.at(-ahead, *equilibrium)) / (2 * width)
            for ahead, width in zip(jnp.diag(jnp.asarray(widths)), widths, strict=True)
        ]
        return np.stack(columns, axis=1)


def _stacked(metrics: Metrics) -> Float[Array, " metric"]:
    grid = jnp.stack([metrics.gain, metrics.peak_import, metrics.grid_import])
    return jnp.concatenate([grid, metrics.bills])


def _labels(categories: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names and units of `_stacked`."""
    money = "€/household-day"
    grid = (("gain", money), ("peak import", "kW/household"), ("import", "kWh/household-day"))
    bills = ((f"bill, {name}", money) for name in categories)
    names, units = zip(*grid, *bills, strict=True)
    return names, units
