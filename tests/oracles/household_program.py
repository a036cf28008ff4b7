"""A household's linear program written out naively from its devices, solved by HiGHS.

Independent of the kernel on purpose: dense loops over devices and steps, sparse rows, no
elimination, no stacking, no scaling.
"""

import numpy as np
import scipy.sparse as sp
from scipy.optimize import linprog


def solve_with_highs(household, sell, buy, step_hours, discount=None):
    """Optimal cost, €, or None where HiGHS proves that there is no plan."""
    steps = household.generation.size
    discount = np.ones(steps) if discount is None else discount
    devices = [device.virtual_battery(steps, step_hours) for device in household.devices]
    columns = 3 * steps + 3 * steps * len(devices)
    cost, bounds = np.zeros(columns), np.zeros((columns, 2))
    rows, right = sp.lil_matrix(((1 + len(devices)) * steps, columns)), []
    for t in range(steps):
        s, d, z = t, steps + t, 2 * steps + t
        cost[s], cost[d] = -sell[t] * step_hours, buy[t] * step_hours
        cost[s] *= discount[t]
        cost[d] *= discount[t]
        bounds[s, 1] = bounds[d, 1] = household.trade_limit
        bounds[z, 1] = household.generation[t] * household.curtailable
        rows[t, s], rows[t, d], rows[t, z] = 1, -1, 1
        for i in range(len(devices)):
            rows[t, 3 * steps * (1 + i) + t] = 1
            rows[t, 3 * steps * (1 + i) + steps + t] = -1
        right.append(household.generation[t] - household.base_load[t])
    for i, device in enumerate(devices):
        offset = 3 * steps * (1 + i)
        for t in range(steps):
            charge, discharge, state = offset + t, offset + steps + t, offset + 2 * steps + t
            bounds[charge, 1] = device.charge_limit[t]
            bounds[discharge, 1] = device.discharge_limit[t]
            bounds[state] = device.state_lower[t], device.state_upper[t]
            row = steps * (1 + i) + t
            rows[row, state], rows[row, charge] = 1, -device.charge_gain
            rows[row, discharge] = device.discharge_gain
            known = -device.use[t]
            if t == 0:
                known += device.retention * device.initial
            else:
                rows[row, state - 1] = -device.retention
            right.append(known)
        cost[offset + 3 * steps - 1] = -device.terminal_value * discount[-1]
    result = linprog(
        cost,
        A_eq=rows.tocsr(),
        b_eq=np.array(right),
        bounds=bounds,
        method="highs",
        options={"primal_feasibility_tolerance": 1e-9, "dual_feasibility_tolerance": 1e-9},
    )
    return float(result.fun) if result.status == 0 else None
