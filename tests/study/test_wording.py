import pytest

from mfgamm.study.wording import (
    bound,
    change,
    count,
    enumerated,
    euros,
    horizon,
    measure,
    number,
    percent,
    power_of_ten,
    seconds,
)


def plain(text):
    return text.replace("\N{NARROW NO-BREAK SPACE}", "'").replace("\N{NO-BREAK SPACE}", " ")


@pytest.mark.parametrize(
    "text, expected",
    [
        (number(1234567.891, 2), "1'234'567.89"),
        (number(-0.0004, 3), "0.000"),
        (number(-1234), "−1'234"),
        (number(float("nan")), "–"),
        (measure(1364.5, "kWh"), "1'364 kWh"),
        (measure(27.44, "kW"), "27.4 kW"),
        (measure(9.996, "kW"), "10.0 kW"),
        (measure(1e-9, "kW"), "0 kW"),
        (euros(-0.004), "0.00 €"),
        (bound(0.00138607), "0.0014 €"),
        (bound(0.00640001), "0.0065 €"),
        (bound(0.2), "0.20 €"),
        (bound(0.0), "0.000001 €"),
        (percent(0.11248), "11.2 %"),
        (percent(0.009705), "0.97 %"),
        (percent(0.01), "1 %"),
        (percent(1e-5), "0.001 %"),
        (percent(0.0), "0 %"),
        (percent(1e-9), "below 0.0001 %"),
        (change(1104.6, 1559.7), "+41.2 %"),
        (change(100, 100.0001), "0 %"),
        (change(100, 81.1), "−18.9 %"),
        (change(0, 5), "–"),
        (power_of_ten(1.8041e-13, "€"), "1.8 × 10⁻¹³ €"),
        (power_of_ten(0.0, "€"), "0 €"),
        (seconds(3.44), "3.4 s"),
        (seconds(49.9), "50 s"),
        (seconds(125), "2 min 05 s"),
        (seconds(2430), "40 min"),
        (seconds(8200), "2.3 h"),
        (count(1.0, "household"), "1 household"),
        (count(1000, "household"), "1'000 households"),
        (horizon(1.0), "1 day"),
        (horizon(366.0), "366 days"),
        (horizon(23 / 24), "23 hours"),
        (horizon(73 / 24), "73 hours"),
        (enumerated(["a", "b", "c"]), "a, b and c"),
    ],
)
def test_numbers_read_well(text, expected):
    assert plain(text) == expected


@pytest.mark.parametrize("value", [1e-7, 3e-5, 0.00123, 0.0999, 0.5, 12.345, 999.999])
def test_a_bound_is_never_rounded_down(value):
    assert float(plain(bound(value)).removesuffix(" €").replace("'", "")) >= value
