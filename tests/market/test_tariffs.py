import numpy as np
import pytest

from mfgamm import (
    InvalidInput,
    Tariff,
    TariffPeriod,
    flat_tariff,
    series_tariff,
    time_of_use_tariff,
)

HOURS = np.arange(24.0)


def test_two_rates_with_a_period_over_midnight():
    night = TariffPeriod(22, 6, retail=0.1)
    tariff = time_of_use_tariff(HOURS, [night], feed_in=0.05, retail=0.2)
    cheap = np.asarray(tariff.retail) == 0.1
    np.testing.assert_array_equal(np.flatnonzero(cheap), [0, 1, 2, 3, 4, 5, 22, 23])
    np.testing.assert_array_equal(tariff.feed_in, 0.05)


def test_later_periods_override_earlier_ones():
    periods = [TariffPeriod(0, 24, retail=0.3), TariffPeriod(12, 14, retail=0.1, feed_in=0.02)]
    tariff = time_of_use_tariff(HOURS, periods, feed_in=0.05, retail=0.2)
    assert float(tariff.retail[11]) == 0.3 and float(tariff.retail[12]) == 0.1
    assert float(tariff.feed_in[13]) == 0.02


def test_flat_and_series():
    np.testing.assert_allclose(flat_tariff(3, feed_in=0.05, retail=0.2).spread, [0.15] * 3)
    assert float(series_tariff([0.1, -0.05], [0.2, 0.0]).spread[1]) == pytest.approx(0.05)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: flat_tariff(3, feed_in=0.3, retail=0.2), "exceeds the retail price 0.2"),
        (lambda: series_tariff([0.1, np.nan], [0.2, 0.2]), "finite"),
        (lambda: Tariff([0.1], [0.2, 0.2]), "shape"),
        (lambda: TariffPeriod(5, 25), r"tariff.periods.stop = 25: must be an hour in \[0, 24\]"),
        (lambda: time_of_use_tariff(np.array([24.0]), [], feed_in=0, retail=1), "hours"),
    ],
)
def test_bad_tariffs_are_named(make, message):
    with pytest.raises(InvalidInput, match=message):
        make()
