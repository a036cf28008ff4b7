"""Recorded data on the calendar: by a stated rule, or refused by name."""

import datetime
import sys

import numpy as np
import pandas as pd
import pytest

from mfgamm.core import InvalidInput, MissingDependency
from mfgamm.scenario import make_calendar
from mfgamm.scenario.schema import CsvCurves, ParquetCurves, TimeTable
from mfgamm.scenario.sources import read_curves

KEY = "sources.load"
CURVES = np.random.default_rng(0).uniform(0, 2, (3, 96)).round(4)


def time_table(start="2023-07-12", days=1, **keys):
    return TimeTable(start=datetime.date.fromisoformat(start), days=days, **keys)


def read(path, time=None, **keys):
    time = time or time_table()
    source = CsvCurves(kind="csv", path=str(path), **({"unit": "kW"} | keys))
    return read_curves(KEY, source, make_calendar(time), time)


@pytest.fixture
def write(tmp_path):
    """Writes a table as CSV and returns the path."""

    def write(table, name="load.csv", **keys):
        path = tmp_path / name
        pd.DataFrame(table).to_csv(path, **({"header": False, "index": False} | keys))
        return path

    return write


def stamped(curves, stamps):
    frame = pd.DataFrame(curves.T, columns=[f"h{k}" for k in range(len(curves))])
    frame.insert(0, "time", stamps)
    return frame


def quarter_hours(start, count, tz=None, freq="15min"):
    return pd.date_range(start, periods=count, freq=freq, tz=tz)


class TestLayouts:
    def test_rows(self, write):
        assert np.allclose(read(write(CURVES)), CURVES)

    def test_columns(self, write):
        assert np.allclose(read(write(CURVES.T), layout="columns"), CURVES)

    def test_watts_become_kilowatts(self, write):
        assert np.allclose(read(write(CURVES), unit="W"), CURVES / 1000)

    @pytest.mark.parametrize(("sep", "decimal"), [(";", "."), (";", ","), ("\t", ","), (",", ".")])
    def test_delimiter_and_decimal_are_recognised(self, write, sep, decimal):
        assert np.allclose(read(write(CURVES, sep=sep, decimal=decimal)), CURVES)

    @pytest.mark.parametrize("names", [None, range(96), range(1, 97), [f"t{k}" for k in range(96)]])
    def test_header_is_recognised(self, write, names):
        table = pd.DataFrame(CURVES, columns=names)
        assert np.allclose(read(write(table, header=names is not None)), CURVES)

    def test_header_may_be_stated(self, write):
        assert read(write(CURVES), header=True).shape == (2, 96)
        with pytest.raises(InvalidInput, match=r"'t0': is not a finite number, in row 1, column 1"):
            path = write(pd.DataFrame(CURVES, columns=[f"t{k}" for k in range(96)]), header=True)
            read(path, header=False)

    def test_ignored_columns(self, write):
        table = stamped(CURVES, range(96))
        path = write(table, header=True)
        assert np.allclose(read(path, layout="columns", ignore_columns=["time"]), CURVES)
        with pytest.raises(InvalidInput, match=r"ignore_columns = 'id': no such column.*time, h0"):
            read(path, layout="columns", ignore_columns=["id"])

    def test_timestamps_in_the_header(self, write):
        stamps = quarter_hours("2023-07-12", 96).strftime("%Y-%m-%dT%H:%M")
        path = write(pd.DataFrame(CURVES, columns=stamps), header=True)
        assert np.allclose(read(path, timestamps="header"), CURVES)

    def test_parquet(self, tmp_path):
        path = tmp_path / "load.parquet"
        stamped(CURVES, quarter_hours("2023-07-12", 96, "Europe/Paris")).to_parquet(path)
        source = ParquetCurves(
            kind="parquet", path=str(path), unit="kW", layout="columns", timestamps="time"
        )
        time = time_table()
        assert np.allclose(read_curves(KEY, source, make_calendar(time), time), CURVES)
        path.write_text("no parquet")
        with pytest.raises(InvalidInput, match="is not a Parquet file"):
            read_curves(KEY, source, make_calendar(time), time)

    def test_parquet_without_pyarrow_says_what_to_install(self, tmp_path, monkeypatch):
        path = tmp_path / "load.parquet"
        path.touch()
        monkeypatch.setitem(sys.modules, "pyarrow", None)
        monkeypatch.setitem(sys.modules, "pyarrow.lib", None)
        source = ParquetCurves(kind="parquet", path=str(path), unit="kW")
        with pytest.raises(MissingDependency, match=r"mfgamm\[parquet\]"):
            read_curves(KEY, source, make_calendar(time_table()), time_table())


class TestRefusals:
    def test_no_file(self, tmp_path):
        with pytest.raises(InvalidInput, match=r"sources.load.path = .*there is no such file"):
            read(tmp_path / "absent.csv")

    def test_empty_file(self, tmp_path):
        path = tmp_path / "empty.csv"
        path.touch()
        with pytest.raises(InvalidInput, match="the file is empty"):
            read(path)

    def test_ragged_lines(self, tmp_path):
        path = tmp_path / "ragged.csv"
        path.write_text("1,2\n1,2,3\n")
        with pytest.raises(InvalidInput, match="cannot be read as CSV with the delimiter ','"):
            read(path)

    def test_cell_that_is_no_number(self, write):
        table = pd.DataFrame(CURVES).astype(object)
        table.iloc[1, 4] = "n.a.?"
        with pytest.raises(InvalidInput, match=r"'n.a.\?': is not a finite number, in row 2, colu"):
            read(write(table))
        table.columns = [f"t{k}" for k in range(96)]
        with pytest.raises(InvalidInput, match=r"in row 3, column 5 \('t4'\)"):
            read(write(table, header=True))

    def test_wrong_length(self, write):
        with pytest.raises(InvalidInput, match=r"'95 steps': expected 96 steps of 15 minutes"):
            read(write(CURVES[:, 1:]))
        with pytest.raises(InvalidInput, match=r"3 steps.*layout may be the other way"):
            read(write(CURVES.T))

    @pytest.mark.parametrize(("day", "steps"), [("2023-03-26", 92), ("2023-10-29", 100)])
    def test_wrong_length_on_a_daylight_saving_day(self, write, day, steps):
        words = f"'96 steps': expected {steps} steps .*{day} is a daylight-saving day"
        with pytest.raises(InvalidInput, match=words):
            read(write(CURVES), time_table(day))
        assert read(write(np.ones((2, steps))), time_table(day)).shape == (2, steps)

    def test_negative_values(self, write):
        curves = CURVES.copy()
        curves[1, 7] = -0.5
        with pytest.raises(InvalidInput, match=r"'-0.5 kW': is negative, in curve 2 at step 8"):
            read(write(curves))
        assert read(write(curves), negative="zero")[1, 7] == 0

    def test_missing_values(self, write):
        curves = CURVES.copy()
        curves[2, 10] = np.nan
        with pytest.raises(InvalidInput, match=r"1 of 288 values are missing.*curve 3 at step 11"):
            read(write(curves))
        filled = read(write(curves), missing="interpolate")
        assert filled[2, 10] == pytest.approx((CURVES[2, 9] + CURVES[2, 11]) / 2)
        assert np.allclose(np.delete(filled, 10, axis=1), np.delete(CURVES, 10, axis=1))

    def test_curve_without_any_value(self, write):
        curves = CURVES.copy()
        curves[1] = np.nan
        with pytest.raises(InvalidInput, match="'curve 2': has no value at all"):
            read(write(curves), missing="interpolate")


class TestHorizon:
    def test_one_day_is_repeated(self, write):
        curves = read(write(CURVES), time_table(days=3))
        assert np.allclose(curves, np.tile(CURVES, 3))

    def test_whole_horizon(self, write):
        two_days = np.hstack([CURVES, 2 * CURVES])
        assert np.allclose(read(write(two_days), time_table(days=2)), two_days)

    def test_one_day_is_not_repeated_over_a_change_of_clocks(self, write):
        with pytest.raises(InvalidInput, match=r"expected 96 or 100 steps.*or 292 for the horizon"):
            read(write(CURVES), time_table("2023-10-28", days=3))

    def test_finer_data_are_averaged_and_coarser_repeated(self, write):
        hourly = time_table(step_minutes=60)
        means = CURVES.reshape(3, 24, 4).mean(-1)
        assert np.allclose(read(write(CURVES), hourly, step_minutes=15), means)
        assert np.allclose(read(write(means), step_minutes=60), means.repeat(4, axis=1))

    def test_steps_that_do_not_divide_are_refused(self, write):
        words = r"sources.load.step_minutes = 20: must be a whole multiple or a divisor .* = 15"
        with pytest.raises(InvalidInput, match=words):
            read(write(np.ones((2, 72))), step_minutes=20)


class TestTimestamps:
    def curves_at(self, write, stamps, time=None, **keys):
        values = np.arange(len(stamps), dtype=float)[None]
        path = write(stamped(values, stamps), header=True)
        return read(path, time, **({"layout": "columns", "timestamps": "time"} | keys))

    def test_the_horizon_is_cut_out(self, write):
        curves = self.curves_at(write, quarter_hours("2023-07-10", 4 * 96))
        assert np.array_equal(curves[0], np.arange(192, 288))

    def test_another_date_may_be_chosen(self, write):
        stamps = quarter_hours("2019-01-01", 3 * 96)
        curves = self.curves_at(write, stamps, date=datetime.date(2019, 1, 2))
        assert np.array_equal(curves[0], np.arange(96, 192))
        words = r"sources.load.date = '2023-07-12': the data run from 2018-12-31 23:00"
        with pytest.raises(InvalidInput, match=words):
            self.curves_at(write, stamps)

    def test_another_date_must_have_days_as_long(self, write):
        stamps = quarter_hours("2023-10-29", 100, "Europe/Paris")
        with pytest.raises(InvalidInput, match=r"days are not as long.*25 hours"):
            self.curves_at(write, stamps, date=datetime.date(2023, 10, 29))

    def test_offsets_are_honoured(self, write):
        stamps = quarter_hours("2023-07-11 20:00", 150, "UTC")
        assert self.curves_at(write, stamps)[0, 0] == 8
        with pytest.raises(InvalidInput, match=r"timezone = 'UTC'.*carry an offset"):
            self.curves_at(write, stamps, timezone="UTC")

    def test_naive_stamps_are_local_unless_a_zone_is_given(self, write):
        stamps = quarter_hours("2023-07-11 20:00", 150)
        assert self.curves_at(write, stamps)[0, 0] == 16
        assert self.curves_at(write, stamps, timezone="UTC")[0, 0] == 8

    def test_autumn_wall_clock_is_told_apart_by_order(self, write):
        autumn = time_table("2023-10-29")
        stamps = quarter_hours("2023-10-29", 100, "Europe/Paris").tz_localize(None)
        assert np.array_equal(self.curves_at(write, stamps, autumn)[0], np.arange(100))

    def test_wall_clock_without_the_repeated_hour_is_refused(self, write):
        with pytest.raises(InvalidInput, match=r"timezone = 'Europe/Paris'.*do not fit this zone"):
            self.curves_at(write, quarter_hours("2023-10-29", 96), time_table("2023-10-29"))

    def test_spring_wall_clock(self, write):
        spring = time_table("2023-03-26")
        stamps = quarter_hours("2023-03-26", 92, "Europe/Paris").tz_localize(None)
        assert np.array_equal(self.curves_at(write, stamps, spring)[0], np.arange(92))
        with pytest.raises(InvalidInput, match=r"do not fit this zone's clock"):
            self.curves_at(write, quarter_hours("2023-03-26", 96), spring)

    def test_duplicates_are_refused(self, write):
        stamps = quarter_hours("2023-07-12", 96, "UTC").tolist()
        stamps[5] = stamps[4]
        with pytest.raises(InvalidInput, match=r"2023-07-12 01:00.*occurs twice"):
            self.curves_at(write, stamps)

    def test_a_gap_counts_as_missing(self, write):
        stamps = quarter_hours("2023-07-12", 97).delete(40)
        with pytest.raises(InvalidInput, match=r"1 of 96 values are missing.*at step 41"):
            self.curves_at(write, stamps)
        curves = self.curves_at(write, stamps, missing="interpolate")
        assert curves[0, 40] == pytest.approx((curves[0, 39] + curves[0, 41]) / 2)

    def test_stamps_off_the_grid_are_refused(self, write):
        stamps = quarter_hours("2023-07-12 00:05", 96)
        with pytest.raises(InvalidInput, match=r"22:05:00\+00:00.*lies off the grid of 15 minutes"):
            self.curves_at(write, stamps)

    def test_ambiguous_dates_are_refused(self, write):
        stamps = quarter_hours("2023-07-12", 96).strftime("%d/%m/%Y %H:%M")
        with pytest.raises(InvalidInput, match=r"'12/07/2023 00:00': must be ISO 8601"):
            self.curves_at(write, stamps)

    def test_unknown_column_is_refused(self, write):
        with pytest.raises(InvalidInput, match=r"timestamps = 'when': no such column.*time, h0"):
            self.curves_at(write, quarter_hours("2023-07-12", 96), timestamps="when")

    def test_hourly_stamps_are_repeated(self, write):
        curves = self.curves_at(write, quarter_hours("2023-07-12", 24, freq="h"))
        assert np.array_equal(curves[0], np.arange(24).repeat(4))
