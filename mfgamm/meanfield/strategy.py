"""How a population behaves: by the values that it foresees, or by a table."""

from abc import abstractmethod
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from mfgamm.meanfield.backward import decide, require_temperature
from mfgamm.meanfield.control import Policy
from mfgamm.meanfield.model import ControlledDiffusion, Moment


class AbstractStrategy(eqx.Module):
    """A policy for every step."""

    @abstractmethod
    def series(self) -> PyTree[Array]:
        """What the policies are made from, step by step: time first."""

    @abstractmethod
    def policy(
        self, model: ControlledDiffusion, now: Moment, environment: Any, piece: PyTree[Array]
    ) -> Policy:
        """The policy of a step, from that step's piece of the series."""


class Foresight(AbstractStrategy):
    """The best answer to values: policies are recomputed where they are needed, never stored.

    Attributes:
        values: V as `backward` returns it, €.
        temperature: τ with which they were computed, €; None for none.
    """

    values: Float[Array, "instant *state"]
    temperature: Float[Array, ""] | None = eqx.field(
        converter=lambda given: None if given is None else jnp.asarray(given), default=None
    )

    def series(self) -> PyTree[Array]:
        return self.values[1:]

    def policy(self, model, now, environment, piece) -> Policy:
        temperature = require_temperature(model, self.temperature)
        return decide(model, now, environment, temperature, piece)[1]


class Table(AbstractStrategy):
    """Policies that are given.

    Attributes:
        policies: `[time, *level, *state]` probabilities, or `[time, control, *state]` controls.
    """

    policies: Float[Array, "time ..."]

    def series(self) -> PyTree[Array]:
        return self.policies

    def policy(self, model, now, environment, piece) -> Policy:
        return piece
