"""Whether energy is kept: what is stored, and what enters it, along a population's path."""

import equinox as eqx
import jax.numpy as jnp

from mfgamm.meanfield import Foresight, backward, forward, mean_flows


def balance(model, now, probability, policy):
    """Mean energy in each device but the first, mean power that enters it, and flows."""
    options = model.controls.options(model.grid, policy)
    kept, entering = [], []
    for motion in sorted(model.motions, key=lambda motion: motion.axis)[1:]:
        rate = motion.drift(now, model.grid.state, options)
        kept.append(model.grid.mean(probability, model.grid.state[motion.axis]))
        entering.append(model.grid.mean(probability, model.average(policy, rate)))
    return jnp.stack(kept), jnp.stack(entering), mean_flows(model, now, probability, policy)


@eqx.filter_jit
def live(model, prices, start, temperature):
    """Values, and the evolution with its balances."""
    values = backward(model, prices, temperature)
    return values, forward(model, prices, Foresight(values, temperature), start, balance)
