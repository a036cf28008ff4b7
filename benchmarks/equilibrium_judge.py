"""Plans from anywhere, judged by the certificate that solvers are judged by."""

import jax.numpy as jnp

from mfgamm import Community
from mfgamm.equilibrium import Game, without_community
from mfgamm.equilibrium.solver import answer
from mfgamm.lp import InteriorPoint
from mfgamm.prosumer import Plan


def judged(community: Community, plan: Plan) -> dict[str, float]:
    """How far plans are from equilibrium at the prices that they lead to."""
    types = community.population.types
    game = Game(types, community.market, without_community(community).cost)
    certificate = answer(game, plan, None, InteriorPoint(), jnp.asarray(0)).certificate
    return {
        "exploitability_eur_per_day": float(certificate.exploitability),
        "gain_eur_per_day": float(certificate.gain),
    }
