"""What the benchmark of equilibria says of two solvers, and the paper's program by another tool."""

import json

import numpy as np
import pytest
from oracles.random_households import random_households

from benchmarks.equilibrium import main
from benchmarks.equilibrium_agreement import APART, HEADINGS, cells, verdict
from benchmarks.equilibrium_paper import TIKHONOV, bins_by_category, planner_program, unavailable
from mfgamm import CommunityMarket, Population, TariffPeriod, time_of_use_tariff
from mfgamm.amm import curve_by_name
from mfgamm.planner import mix_bank, strategy_bank, synthetic_prices

STEPS, HOURS, COUNT = 12, 2.0, 8
TARIFF = time_of_use_tariff(
    np.arange(STEPS) * HOURS, [TariffPeriod(6, 23, 0.2146)], feed_in=0.0886, retail=0.1696
)


def searched(apart, tolerance=1e-6, converged=True, finer=None):
    row = {
        "types": 50,
        "generation_scale": 1.0,
        "curve": "mid-market",
        "tolerance": tolerance,
        "converged": converged,
        "apart_eur_per_kwh": apart,
        "steps_apart": int(apart > APART),
        "relative": [2e-7, 3e-9],
        "gain_eur_per_day": [0.18, 0.19],
    }
    row |= {} if finer is None else {"finer": finer}
    return row | {"verdict": verdict(row)}


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (searched(1e-5), "agree to 0.001"),
        (searched(1e-5, converged=False), "not converged"),
        (searched(2e-3, finer=searched(2e-4, 1e-8)), "agree to 0.001 at 1e-08"),
        (searched(2e-3, finer=searched(2e-3, 1e-8)), "two equilibria to 1e-08"),
        (searched(2e-3, finer=searched(2e-3, 1e-8, False)), "two equilibria to 1e-06"),
    ],
)
def test_several_equilibria_are_claimed_only_as_far_as_certificates_go(row, said):
    assert row["verdict"] == said and cells(row)[-1] == said
    assert len(cells(row)) == len(HEADINGS)


def test_a_result_becomes_the_table_of_the_docs(tmp_path, capsys):
    path = tmp_path / "agreement.json"
    path.write_text(json.dumps({"rows": [searched(2e-3, finer=searched(2e-3, 1e-8))]}), "utf-8")
    assert main(["--markdown", str(path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3 and "two equilibria to 1e-08" in lines[2]


@pytest.mark.filterwarnings("ignore")  # of packages that CVXPY imports
def test_cvxpy_and_mfgamm_solve_the_same_planners_program():
    if reason := unavailable():
        pytest.skip(reason)
    population = Population.from_households(random_households(COUNT, STEPS, 11), step_hours=HOURS)
    market = CommunityMarket(curve_by_name("hyperbolic"), TARIFF)
    bank = strategy_bank(population.types, synthetic_prices(market, HOURS, 6, 0))
    shares, cost = planner_program(population.types, bank, TARIFF)
    ours = mix_bank(population.types, bank, market, tikhonov=TIKHONOV)
    assert cost == pytest.approx(float(ours.cost), abs=1e-7)
    net = (
        np.asarray(bank.net_trade(population.types)) * np.asarray(population.types.weights)[:, None]
    )
    traded = [np.einsum("kn,knt->t", each, net) for each in (shares, ours.strategy.weights)]
    # The net trade is unique, the shares are not.
    np.testing.assert_allclose(*traded, atol=1e-3)
    np.testing.assert_allclose(shares.sum(axis=0), 1, atol=1e-12)
    bins = bins_by_category(population)
    assert bins.representative.size == 1 and bins.mass.sum() == pytest.approx(1)
