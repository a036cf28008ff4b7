"""The planner's whole problem as one sparse linear program, solved by HiGHS.

Written naively from the devices, household after household and step after step; independent of the
planner on purpose. Devices decide once, trade and curtailment once in each scenario.
"""

import numpy as np
import scipy.sparse as sp
from scipy.optimize import linprog


def planner_optimum(households, tariff, step_hours, weights=None, scenarios=None, discount=None):
    """Least expected cost, € per household, of the community against the grid's tariff.

    `scenarios` is a list of (probability, generation `[household, time]`); certainty if None.
    """
    steps, count = households[0].generation.size, len(households)
    weights = np.full(count, 1 / count) if weights is None else np.asarray(weights)
    if scenarios is None:
        scenarios = [(1.0, np.stack([each.generation for each in households]))]
    program = _Program(steps, np.ones(steps) if discount is None else discount, step_hours)
    retail, feed_in = (np.asarray(x) for x in (tariff.retail, tariff.feed_in))
    grid = [program.grid(probability, retail, feed_in) for probability, _ in scenarios]
    for weight, household, k in zip(weights, households, range(count), strict=True):
        intake = [program.device(each, weight) for each in household.devices]
        for (_, generation), balance in zip(scenarios, grid, strict=True):
            program.trade(household, generation[k], intake, weight, balance)
    return program.solve()


class _Program:
    def __init__(self, steps, discount, hours):
        self.steps, self.discount, self.hours = steps, discount, hours
        self.cost, self.bounds, self.entries, self.right = [], [], [], []

    def variable(self, low, high, cost=0.0):
        self.bounds.append((low, high))
        self.cost.append(cost)
        return len(self.cost) - 1

    def row(self, right, entries=()):
        self.right.append(right)
        self.entries.extend((len(self.right) - 1, column, value) for column, value in entries)
        return len(self.right) - 1

    def grid(self, probability, retail, feed_in):
        """Rows: imports − exports − the community's net demand = 0."""
        worth = probability * self.hours * self.discount
        return [
            self.row(
                0.0,
                [
                    (self.variable(0, None, worth[t] * retail[t]), 1.0),
                    (self.variable(0, None, -worth[t] * feed_in[t]), -1.0),
                ],
            )
            for t in range(self.steps)
        ]

    def device(self, device, weight):
        """The charge and discharge columns of each step."""
        virtual, flows, state = device.virtual_battery(self.steps, self.hours), [], None
        for t in range(self.steps):
            charge = self.variable(0, virtual.charge_limit[t])
            discharge = self.variable(0, virtual.discharge_limit[t])
            last = t == self.steps - 1
            worth = -weight * virtual.terminal_value * self.discount[-1] * last
            before = state
            state = self.variable(virtual.state_lower[t], virtual.state_upper[t], worth)
            entries = [(state, 1.0), (charge, -virtual.charge_gain)]
            entries.append((discharge, virtual.discharge_gain))
            known = -virtual.use[t]
            if before is None:
                known += virtual.retention * virtual.initial
            else:
                entries.append((before, -virtual.retention))
            self.row(known, entries)
            flows.append((charge, discharge))
        return flows

    def trade(self, household, generation, intake, weight, balance):
        limit = household.trade_limit
        for t in range(self.steps):
            sell, buy = self.variable(0, limit), self.variable(0, limit)
            curtailed = self.variable(0, generation[t] * household.curtailable)
            entries = [(sell, 1.0), (buy, -1.0), (curtailed, 1.0)]
            for flows in intake:
                entries += [(flows[t][0], 1.0), (flows[t][1], -1.0)]
            self.row(generation[t] - household.base_load[t], entries)
            self.entries += [(balance[t], sell, weight), (balance[t], buy, -weight)]

    def solve(self):
        rows, columns, values = zip(*self.entries, strict=True)
        matrix = sp.csr_matrix((values, (rows, columns)), (len(self.right), len(self.cost)))
        result = linprog(
            self.cost,
            A_eq=matrix,
            b_eq=self.right,
            bounds=self.bounds,
            method="highs",
            options={"primal_feasibility_tolerance": 1e-9, "dual_feasibility_tolerance": 1e-9},
        )
        assert result.status == 0, result.message
        return float(result.fun)
