"""Synthetic load and generation, seeded household by household."""

from mfgamm.scenario.generation.load import (
    daily_profile as daily_profile,
    load_consumption as load_consumption,
)
from mfgamm.scenario.generation.solar import (
    clear_sky_irradiance as clear_sky_irradiance,
    solar_generation as solar_generation,
)
from mfgamm.scenario.generation.wind import (
    power_curve as power_curve,
    wind_generation as wind_generation,
    wind_speed as wind_speed,
)
