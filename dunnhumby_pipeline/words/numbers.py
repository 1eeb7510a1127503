"""How numbers are written, in figures and in text alike."""

from __future__ import annotations

import math
import re
from typing import Any, Literal

import pandas as pd

MINUS = "\N{MINUS SIGN}"
NOTHING = "\N{EN DASH}"
INFINITY = "\N{INFINITY}"

Verdict = Literal["above zero", "below zero", "not proven", "unknown"]


def is_number(value: Any) -> bool:
    """True unless the value is missing or not finite."""
    return not pd.isna(value) and math.isfinite(float(value))


def _written(value: float, decimals: int, unit: str = "") -> str:
    rounded = round(float(value), decimals)
    sign = MINUS if rounded < 0 else ""
    return f"{sign}{unit}{abs(rounded):,.{max(decimals, 0)}f}"


def _decimals(scale: float, digits: int) -> int:
    return digits - 1 - math.floor(math.log10(abs(scale))) if scale else 0


def number(value: float | None, digits: int = 3, unit: str = "") -> str:
    """`value` to `digits` significant digits with thousands separators: 4657.2 is "4,660"."""
    if value is None or not is_number(value):
        return NOTHING
    return _written(value, _decimals(value, digits), unit)


def dollars(value: float | None, digits: int = 3) -> str:
    """`number` as an amount, a minus before the $: "$4,660"."""
    return number(value, digits, "$")


def bounded(value: float | None, written: str) -> str:
    """`written`, or the sign of infinity where `value` has no bound."""
    return INFINITY if value is not None and math.isinf(value) else written


def whole_dollars(value: float | None) -> str:
    """An amount to the dollar: "$1,764"."""
    return _written(value, 0, "$") if value is not None and is_number(value) else NOTHING


def price(value: float | None) -> str:
    """An amount to the cent: "$42.43"."""
    return _written(value, 2, "$") if value is not None and is_number(value) else NOTHING


def count(value: float | None) -> str:
    """A whole number with thousands separators."""
    return _written(value, 0) if value is not None and is_number(value) else NOTHING


def counted(n: int, noun: str, many: str = "") -> str:
    """A number with its noun: "1 table", "2,000 tables"; `many` where the plural is not made with an s."""
    return f"{count(n)} {noun if n == 1 else many or noun + 's'}"


def percent(share: float | None, decimals: int = 0) -> str:
    """A share of one as a percentage: .313 is "31%"."""
    return f"{_written(100 * share, decimals)}%" if share is not None and is_number(share) else NOTHING


def signed(value: float | None, decimals: int = 1) -> str:
    """A difference with its sign: "+0.8"; one that rounds to zero has none."""
    if value is None or not is_number(value):
        return NOTHING
    written = _written(value, decimals)
    return f"+{written}" if round(float(value), decimals) > 0 else written


def interval(estimate: float, lower: float, upper: float, unit: str = "") -> str:
    """An estimate with its interval, as precise as the interval is wide: "$66 (35 to 97)".

    Two significant digits of the half-width are shown; more when a bound would otherwise read as zero,
    or the larger bound would keep fewer than three of its digits before the point.
    An estimate that is certain, or whose interval is unknown, stands alone.
    """
    if not is_number(estimate):
        return NOTHING
    if not (is_number(lower) and is_number(upper)) or lower == upper:
        return number(estimate, 3, unit)
    decimals = _interval_decimals(lower, upper)
    low, high = _written(lower, decimals), _written(upper, decimals)
    return f"{_written(estimate, decimals, unit)} ({low} to {high})"


def beside_interval(value: float, lower: float, upper: float, unit: str = "") -> str:
    """`value` with the decimals of the interval it stands beside."""
    if not is_number(value):
        return NOTHING
    if not (is_number(lower) and is_number(upper)) or lower == upper:
        return number(value, 3, unit)
    return _written(value, _interval_decimals(lower, upper), unit)


def _interval_decimals(lower: float, upper: float) -> int:
    # Rounding to tens or hundreds must leave three digits of the larger bound, or 66 would read as 70.
    coarsest = min(0, _decimals(max(abs(lower), abs(upper)), 3))
    decimals = max(_decimals((upper - lower) / 2, 2), coarsest)
    for _ in range(3):
        if all(bound == 0 or round(float(bound), decimals) != 0 for bound in (lower, upper)):
            break
        decimals += 1
    return decimals


def minused(text: str) -> str:
    """A text with the hyphens before its negative numbers as minus signs."""
    return re.sub(r"(?<![\w.)-])-(?=\$?\d)", MINUS, text)


def verdict(lower: float | None, upper: float | None) -> Verdict:
    """What an interval says about zero."""
    if lower is None or upper is None or not (is_number(lower) and is_number(upper)):
        return "unknown"
    if lower > 0:
        return "above zero"
    return "below zero" if upper < 0 else "not proven"
