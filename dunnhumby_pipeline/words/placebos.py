"""Whether an effect that should be none is surely small, in words: the same in checks, figures and report."""

from __future__ import annotations

from statistics import NormalDist
from typing import Literal

from dunnhumby_pipeline.words.numbers import is_number

Smallness = Literal["small enough", "not small enough", "too uncertain to say"]
_QUANTILE = NormalDist().inv_cdf(0.95)


def at_most(estimate: float, se: float) -> float:
    """|estimate| + 1.645 se: as large as it may be, at 5 % on each side. NaN without an error."""
    return abs(estimate) + _QUANTILE * se


def smallness(estimate: float, se: float, matters: float) -> Smallness:
    """Whether an effect is surely smaller than `matters`, in its unit: two one-sided tests at 5 % (Schuirmann 1987).

    An interval that includes zero is no evidence of likeness: with an error as large as `matters` every effect would
    pass. "not small enough": the estimate itself is as large as `matters` or larger.
    """
    most = at_most(estimate, se)
    if is_number(most) and most < matters:
        return "small enough"
    return "not small enough" if is_number(most) and abs(estimate) >= matters else "too uncertain to say"
