"""Numbers and moments as people read them: thin spaces, few digits, true minus signs."""

import datetime
import math

import numpy as np
import xarray as xr

from mfgamm.study.summary import Summary

THIN_SPACE = "\N{NARROW NO-BREAK SPACE}"
UNIT_SPACE = "\N{NO-BREAK SPACE}"
MINUS = "\N{MINUS SIGN}"
MISSING = "\N{EN DASH}"
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def number(value: float | int, decimals: int = 0) -> str:
    """1234.5 → "1 234.5"; what rounds to zero carries no sign, what is not finite is a dash."""
    if not math.isfinite(value):
        return MISSING
    rounded = round(float(value), decimals) + 0.0
    return f"{rounded:,.{decimals}f}".replace(",", THIN_SPACE).replace("-", MINUS)


def trimmed(value: float | int, decimals: int) -> str:
    """A number without the decimals that it does not need: 7.50 → "7.5"."""
    text = number(value, decimals)
    return text.rstrip("0").removesuffix(".") if "." in text else text


def measure(value: float | int, unit: str) -> str:
    """A quantity to three digits or to the unit, with its unit: "1 365 kWh", "27.4 kW"."""
    size = abs(value)
    decimals = 0 if size >= 99.95 or size < 0.005 else 1 if size >= 9.995 else 2
    return number(value, decimals) + UNIT_SPACE + unit


def instead(after: float | int, before: float | int, unit: str) -> str:
    """A quantity and what it replaces: "6 029 kWh instead of 7 431 kWh"."""
    new, old = measure(after, unit), measure(before, unit)
    return f"{new} either way" if new == old else f"{new} instead of {old}"


def hours(value: float | int) -> str:
    """A number of hours, to about a minute: "7.5"."""
    return trimmed(value, 2)


def euros(value: float | int, decimals: int = 2) -> str:
    """An amount of money, in the decimals given."""
    return number(value, decimals) + UNIT_SPACE + "€"


def bound(value: float | int) -> str:
    """A small amount of money, rounded up so that it still bounds: "0.0065 €"."""
    if value <= 1e-6:
        return f"0.000001{UNIT_SPACE}€"
    decimals = min(6, max(2, 1 - math.floor(math.log10(value))))
    return euros(math.ceil(value * 10**decimals - 1e-9) / 10**decimals, decimals)


def percent(share: float | int) -> str:
    """A share to three digits, or two below one per cent: "18.9 %", "0.97 %"."""
    if not math.isfinite(share):
        return MISSING
    size = abs(100 * share)
    if 0 < size < 1e-4:
        return f"below{UNIT_SPACE}0.0001{UNIT_SPACE}%"
    decimals = 1 if size >= 0.9995 or size == 0 else 1 - math.floor(math.log10(size))
    return trimmed(100 * share, decimals) + UNIT_SPACE + "%"


def change(before: float | int, after: float | int) -> str:
    """How much `after` is above or below `before`: "+41.2 %"; a dash where there was nothing."""
    if abs(before) < 1e-6:
        return MISSING
    share = (after - before) / abs(before)
    sign = "+" if round(share, 3) > 0 else ""
    return sign + percent(round(share, 3))


def power_of_ten(value: float | int, unit: str) -> str:
    """A residual: "1.8 × 10⁻¹³ €", and plainly zero where it is."""
    if value == 0 or not math.isfinite(value):
        return number(value) + UNIT_SPACE + unit
    mantissa, exponent = f"{value:.1e}".split("e")
    power = str(int(exponent)).translate(SUPERSCRIPTS)
    return f"{mantissa.replace('-', MINUS)}{UNIT_SPACE}×{UNIT_SPACE}10{power}{UNIT_SPACE}{unit}"


def seconds(value: float | int) -> str:
    """A duration: "3.4 s", "38 s", "2 min 05 s", "41 min", "2.3 h"."""
    if value < 9.95:
        return number(value, 1) + UNIT_SPACE + "s"
    minutes, rest = divmod(round(value), 60)
    if minutes == 0:
        return f"{rest}{UNIT_SPACE}s"
    if minutes < 10:
        return f"{minutes}{UNIT_SPACE}min{UNIT_SPACE}{rest:02d}{UNIT_SPACE}s"
    if minutes < 100:
        return f"{round(value / 60)}{UNIT_SPACE}min"
    return number(value / 3600, 1) + UNIT_SPACE + "h"


def count(value: float | int, noun: str) -> str:
    """ "1 household", "1 000 households"."""
    return number(value) + UNIT_SPACE + noun + ("" if number(value) == "1" else "s")


def horizon(days: float) -> str:
    """A length of time: "1 day", "23 hours"."""
    if abs(days - round(days)) < 1e-9:
        return count(days, "day")
    return count(24 * days, "hour")


def of_the_gain(summary: Summary) -> str:
    """What exploitability is a share of; a nominal gain stands in where there is none."""
    return "of a nominal gain" if summary.exploitability_scale_is_nominal else "of the gain"


def of_which_gain(summary: Summary) -> str:
    """The same, and how much the nominal gain is."""
    if not summary.exploitability_scale_is_nominal:
        return of_the_gain(summary)
    amount = power_of_ten(summary.exploitability_scale_eur, "€ per household-day")
    return f"{of_the_gain(summary)} of {amount} (the community gains next to nothing)"


def enumerated(parts: list[str]) -> str:
    """ "a", "a and b", "a, b and c"."""
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1]


def date(when: np.datetime64) -> str:
    """ "12 July 2023"."""
    day = when.astype("datetime64[D]").astype(datetime.date)
    return f"{day.day}{UNIT_SPACE}{day:%B}{UNIT_SPACE}{day.year}"


def dates(dataset: xr.Dataset) -> str:
    """The local days of the horizon: "12 July 2023", "12 July 2023 to 14 July 2023"."""
    local = dataset["local_time"].values
    first, last = date(local[0]), date(local[-1])
    return first if first == last else f"{first} to {last}"


def moment(dataset: xr.Dataset, edge: int) -> str:
    """When a step begins by the wall clock: "13:15", with its date if there are several.

    Args:
        dataset: a study's results.
        edge: of a step; the number of steps is the end of the horizon.
    """
    local = dataset["local_time"].values.astype("datetime64[m]")
    several = local[0].astype("datetime64[D]") != local[-1].astype("datetime64[D]")
    start = local[min(edge, local.size - 1)].astype(datetime.datetime)
    clock = f"{start:%H:%M}"
    if edge == local.size:
        ends = start + datetime.timedelta(hours=float(dataset.attrs["step_hours"]))
        clock = f"{ends:%H:%M}".replace("00:00", "24:00")
    return f"{clock} on {start.day}{UNIT_SPACE}{start:%B}" if several else clock
