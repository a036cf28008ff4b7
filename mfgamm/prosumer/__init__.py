"""Households and their devices, their best responses, and the population of types."""

from mfgamm.prosumer.battery import Battery as Battery
from mfgamm.prosumer.best_response import (
    BestResponse as BestResponse,
    best_response as best_response,
    read_plan as read_plan,
    respond as respond,
)
from mfgamm.prosumer.feasibility import (
    infeasible_households as infeasible_households,
    require_feasible as require_feasible,
)
from mfgamm.prosumer.flexible_load import FlexibleLoad as FlexibleLoad
from mfgamm.prosumer.household import Household as Household
from mfgamm.prosumer.mixed_strategy import (
    MixedStrategy as MixedStrategy,
    draw_community as draw_community,
    draw_indices as draw_indices,
)
from mfgamm.prosumer.plan import Plan as Plan
from mfgamm.prosumer.population import (
    HouseholdTypes as HouseholdTypes,
    Population as Population,
    Storage as Storage,
)
from mfgamm.prosumer.projection import project as project
from mfgamm.prosumer.thermal_storage import ThermalStorage as ThermalStorage
from mfgamm.prosumer.vehicle import Vehicle as Vehicle
from mfgamm.prosumer.virtual_battery import (
    AbstractDevice as AbstractDevice,
    VirtualBattery as VirtualBattery,
)
