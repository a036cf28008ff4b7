"""Generated curves: reproducible, independent of the community's size, and plausible."""

import datetime

import numpy as np
import pytest
from scipy.special import gamma

from mfgamm.scenario import make_calendar
from mfgamm.scenario.generation import (
    daily_profile,
    load_consumption,
    power_curve,
    solar_generation,
    wind_generation,
    wind_speed,
)
from mfgamm.scenario.random_streams import stream
from mfgamm.scenario.schema import (
    Constant,
    GeneratedLoad,
    GeneratedSolar,
    GeneratedWind,
    TimeTable,
)

NAMES = [f"h-{rank}" for rank in range(40)]


def calendar(start="2023-07-12", days=1):
    return make_calendar(TimeTable(start=datetime.date.fromisoformat(start), days=days))


def solar(names=NAMES, seed=1, source=None, when=None):
    return solar_generation(source or GeneratedSolar(), when or calendar(), names, seed)


def wind(names=NAMES, seed=1, source=None, when=None):
    return wind_generation(source or GeneratedWind(), when or calendar(), names, seed)


def load(names=NAMES, seed=1, source=None, when=None, ceiling=1e6):
    return load_consumption(source or GeneratedLoad(), when or calendar(), names, seed, ceiling)


@pytest.mark.parametrize("generate", [solar, wind, load])
def test_households_keep_their_curves_whatever_the_others(generate):
    everyone = generate()
    assert np.array_equal(everyone, generate())
    assert np.array_equal(everyone[:7], generate(NAMES[:7]))
    assert np.array_equal(everyone[::-1], generate(NAMES[::-1]))
    assert not np.array_equal(everyone, generate(seed=2))


@pytest.mark.parametrize("generate", [solar, wind, load])
def test_a_longer_horizon_begins_with_the_shorter(generate):
    assert np.allclose(generate(when=calendar(days=2))[:, :96], generate(), atol=1e-12)


@pytest.mark.parametrize("generate", [solar, wind, load])
def test_values_are_finite_and_nonnegative(generate):
    curves = generate(when=calendar("2023-10-28", 3))
    assert curves.shape == (40, 292)
    assert np.all(np.isfinite(curves)) and np.all(curves >= 0)


@pytest.mark.parametrize(
    "curves",
    [
        solar(source=GeneratedSolar(regional_share=1.0)),
        wind(source=GeneratedWind(regional_share=1.0), when=calendar("2023-01-05")),
        load(source=GeneratedLoad(noise=0.0)),
    ],
)
def test_households_differ_even_in_the_same_weather(curves):
    assert len(np.unique(curves.sum(axis=1))) == len(NAMES)


def test_streams_of_different_names_differ():
    draws = {
        stream(1, *name).random() for name in [("a",), ("b",), ("a", "b"), ("ab",), ("b", "a")]
    }
    assert len(draws) == 5


class TestSolar:
    def test_nights_are_dark(self):
        when = calendar()
        night = (when.hour < 5) | (when.hour >= 22.5)
        assert np.all(solar()[:, night] == 0)
        assert np.all(solar()[:, (when.hour > 9) & (when.hour < 18)] > 0)

    def test_energy_per_kilowatt_peak_is_that_of_paris(self):
        one = GeneratedSolar(peak_kw=Constant(value=1.0))
        days = [solar(source=one, seed=seed).sum(axis=1).mean() / 4 for seed in range(10)]
        assert 3.0 < np.mean(days) < 5.5
        winter = solar(source=one, when=calendar("2023-12-21")).sum(axis=1).mean() / 4
        assert 0.3 < winter < 2

    def test_clearness_has_its_mean(self):
        when = calendar(days=30)
        clear = GeneratedSolar(clearness=0.98, clearness_deviation=1e-3)
        cloudy = GeneratedSolar(clearness=0.6, clearness_deviation=0.15)
        ratio = solar(source=cloudy, when=when).sum() / solar(source=clear, when=when).sum()
        assert ratio == pytest.approx(0.6 / 0.98, rel=0.05)

    def test_a_summer_day_peaks_in_the_afternoon_by_the_clock(self):
        south = GeneratedSolar(
            azimuth=Constant(value=180.0), clearness=0.98, clearness_deviation=1e-3
        )
        noon = calendar().hour[np.argmax(solar(source=south).mean(axis=0))]
        assert 13.5 <= noon <= 14.25

    def test_neighbours_share_their_clouds(self):
        noise = solar(when=calendar(days=10))
        lit = noise.mean(axis=0) > 0.3
        relative = noise[:, lit] / noise[:, lit].mean(axis=1, keepdims=True)
        shared = np.corrcoef(relative - relative.mean(axis=0))
        assert np.corrcoef(relative)[0, 1] > 0.3
        assert abs(np.mean(shared[np.triu_indices(40, 1)])) < 0.1


class TestWind:
    def test_power_curve(self):
        speed = np.array([0.0, 2.5, 2.6, 9.99, 10.0, 24.9, 25.0, 60.0])
        share = power_curve(GeneratedWind(), speed)
        assert share[[0, 1, 6, 7]].tolist() == [0, 0, 0, 0]
        assert share[[4, 5]].tolist() == [1, 1]
        assert 0 < share[2] < share[3] < 1

    def test_speed_has_the_weibull_moments(self):
        source = GeneratedWind(weibull_scale=(5.0,) * 52, weibull_shape=2.0, regional_share=0.0)
        speed = wind_speed(source, calendar(days=120), NAMES, seed=3)
        assert speed.mean() == pytest.approx(5 * gamma(1.5), rel=0.01)
        assert np.mean(speed**2) == pytest.approx(25 * gamma(2), rel=0.02)

    def test_winter_is_windier(self):
        winter = np.mean([wind(when=calendar("2023-01-05"), seed=s).mean() for s in range(30)])
        summer = np.mean([wind(seed=s).mean() for s in range(30)])
        assert winter > 1.3 * summer

    def test_output_stays_below_rated_power(self):
        source = GeneratedWind(rated_kw=Constant(value=2.0), weibull_scale=(15.0,) * 52)
        assert wind(source=source).max() == pytest.approx(2.0)


class TestLoad:
    def test_profile_has_mean_one_and_two_peaks(self):
        hours = np.arange(0, 24, 0.25)
        profile = daily_profile(hours)
        assert profile.mean() == pytest.approx(1, abs=1e-3)
        assert 19 <= hours[np.argmax(profile)] <= 20.5
        morning = (hours > 6) & (hours < 10)
        assert 7 <= hours[morning][np.argmax(profile[morning])] <= 8.5

    def test_mean_energy_is_the_stated_one(self):
        many = [f"h-{rank}" for rank in range(600)]
        energy = load(many).sum(axis=1) / 4
        assert energy.mean() == pytest.approx(12.0, rel=0.06)
        assert 0.25 < np.log(energy).std() < 0.45

    def test_ceiling_holds(self):
        assert load(ceiling=0.6).max() == 0.6
