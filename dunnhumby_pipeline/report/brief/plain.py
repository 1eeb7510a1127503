"""Ranges and dates as somebody reads them who never met a confidence interval."""

from __future__ import annotations

from fractions import Fraction

from dunnhumby_pipeline.words import numbers
from dunnhumby_pipeline.words.dates import on_day

__all__ = ["between", "how_often", "in_all", "on_day"]


def between(lower: float, upper: float) -> str:
    """A range of amounts: "between a loss of $1.80 and a gain of $11.30"."""
    return f"between {_gain(lower)} and {_gain(upper)}"


def in_all(lower: float, upper: float) -> str:
    """`between`, to the dollar."""
    return f"between {_gain(lower, whole=True)} and {_gain(upper, whole=True)}"


def how_often(confidence: float) -> str:
    """What a range promises: .95 is "19 times in 20"."""
    odds = Fraction(confidence).limit_denominator(100)
    return f"{odds.numerator} times in {odds.denominator}"


def _gain(amount: float, whole: bool = False) -> str:
    written = (numbers.whole_dollars if whole else numbers.price)(abs(amount))
    return f"a {'loss' if amount < 0 else 'gain'} of {written}"
