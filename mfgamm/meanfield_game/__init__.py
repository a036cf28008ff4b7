"""The mean field game of clusters: stochastic households under the prices that they lead to."""

from mfgamm.meanfield_game.certificate import (
    Certificate as Certificate,
    best_cost as best_cost,
    certify as certify,
)
from mfgamm.meanfield_game.fictitious_play import fictitious_play as fictitious_play
from mfgamm.meanfield_game.finite_population import (
    FinitePlay as FinitePlay,
    play_finite as play_finite,
)
from mfgamm.meanfield_game.game import MeanFieldGame as MeanFieldGame
from mfgamm.meanfield_game.mirror_descent import mirror_descent as mirror_descent
from mfgamm.meanfield_game.play import Behaviour as Behaviour, Play as Play
from mfgamm.meanfield_game.response import (
    Response as Response,
    price_map as price_map,
    respond as respond,
)
from mfgamm.meanfield_game.simulate import Lives as Lives, simulate as simulate
from mfgamm.meanfield_game.solve import (
    MeanFieldEquilibrium as MeanFieldEquilibrium,
    Stages as Stages,
    default_method as default_method,
    equilibrium_response as equilibrium_response,
    solve_mean_field_game as solve_mean_field_game,
    unfinished_equilibrium as unfinished_equilibrium,
)
