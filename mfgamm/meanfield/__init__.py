"""Mean field populations: decisions backward in time, densities forward, on grids of states."""

from mfgamm.meanfield.axis import Axis as Axis, Grid as Grid, joint as joint
from mfgamm.meanfield.backward import (
    backward as backward,
    costs_to_go as costs_to_go,
    evaluate as evaluate,
)
from mfgamm.meanfield.control import (
    AbstractControls as AbstractControls,
    Levels as Levels,
    QuadraticControls as QuadraticControls,
)
from mfgamm.meanfield.controllable_load import ControllableLoad as ControllableLoad
from mfgamm.meanfield.deviation import Deviation as Deviation
from mfgamm.meanfield.device import AbstractDevice as AbstractDevice
from mfgamm.meanfield.energy_storage import EnergyStorage as EnergyStorage
from mfgamm.meanfield.forward import (
    Evolution as Evolution,
    exploitability as exploitability,
    forward as forward,
    mean_state as mean_state,
    push as push,
    whole_density as whole_density,
)
from mfgamm.meanfield.generator import (
    AbstractGenerator as AbstractGenerator,
    ScharfetterGummel as ScharfetterGummel,
    Upwind as Upwind,
)
from mfgamm.meanfield.household import (
    EnergyBill as EnergyBill,
    Incentives as Incentives,
    NetLoad as NetLoad,
    household as household,
    mean_flows as mean_flows,
    net_load_of as net_load_of,
    with_base_load as with_base_load,
)
from mfgamm.meanfield.model import (
    ControlledDiffusion as ControlledDiffusion,
    Moment as Moment,
    Motion as Motion,
)
from mfgamm.meanfield.scheme import AbstractScheme as AbstractScheme
from mfgamm.meanfield.semi_lagrangian import SemiLagrangian as SemiLagrangian
from mfgamm.meanfield.shiftable_load import ShiftableLoad as ShiftableLoad
from mfgamm.meanfield.strategy import (
    AbstractStrategy as AbstractStrategy,
    Foresight as Foresight,
    Table as Table,
)
from mfgamm.meanfield.vehicle import ElectricVehicle as ElectricVehicle
