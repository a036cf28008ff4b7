"""The scenario file: one model per table, every key with its range."""

from mfgamm.scenario.schema.clusters import (
    AnyClusters as AnyClusters,
    ClusterRow as ClusterRow,
    ClustersTable as ClustersTable,
    GeneratedClusters as GeneratedClusters,
    NetworkClusters as NetworkClusters,
    TabledClusters as TabledClusters,
)
from mfgamm.scenario.schema.distribution import (
    Choice as Choice,
    Constant as Constant,
    Distribution as Distribution,
    Normal as Normal,
    Uniform as Uniform,
)
from mfgamm.scenario.schema.market import MarketTable as MarketTable, SolverTable as SolverTable
from mfgamm.scenario.schema.population import (
    BatteryTable as BatteryTable,
    CategoryTable as CategoryTable,
    HeatPumpTable as HeatPumpTable,
    PopulationTable as PopulationTable,
    StorageTable as StorageTable,
    VehicleTable as VehicleTable,
)
from mfgamm.scenario.schema.recording import Recording as Recording
from mfgamm.scenario.schema.scenario import Scenario as Scenario
from mfgamm.scenario.schema.sources import (
    CsvCurves as CsvCurves,
    GeneratedLoad as GeneratedLoad,
    GeneratedSolar as GeneratedSolar,
    GeneratedWind as GeneratedWind,
    ParquetCurves as ParquetCurves,
    RecordedCurves as RecordedCurves,
    SourcesTable as SourcesTable,
)
from mfgamm.scenario.schema.tariff import (
    AnyTariff as AnyTariff,
    FlatTariff as FlatTariff,
    Period as Period,
    SeriesTariff as SeriesTariff,
    TimeOfUseTariff as TimeOfUseTariff,
)
from mfgamm.scenario.schema.time_axis import TimeTable as TimeTable
