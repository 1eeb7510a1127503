"""How numbers and names are written, in pictures and in text alike. No matplotlib here."""

from __future__ import annotations

import math
from typing import Any, Literal

import pandas as pd

from dunnhumby_pipeline.causal.names import (
    AMOUNTS,
    FIRST_ELIGIBLE,
    NEVER_TARGETED,
    REDEEMED,
    SEQUENTIAL,
)
from dunnhumby_pipeline.causal.names import PRIMARY_OUTCOME as PRIMARY_OUTCOME
from dunnhumby_pipeline.settings import ABOVE_BREAKEVEN, TREAT_ALL, TREAT_NONE

MINUS = "\N{MINUS SIGN}"
NOTHING = "\N{EN DASH}"
INFINITY = "\N{INFINITY}"

Verdict = Literal["above zero", "below zero", "not proven", "unknown"]

_POLICIES = {
    TREAT_NONE: "Target nobody",
    TREAT_ALL: "Target everybody",
    ABOVE_BREAKEVEN: "Effect above breakeven",
}
_MODELS = {
    "constant": "Constant (same effect for all)",
    "t_learner": "T-learner",
    "r_learner": "R-learner",
    "causal_forest": "Causal forest",
}
_ESTIMATORS = {
    "naive": "Naive difference",
    "ols": "OLS regression",
    "ipw": "Inverse propensity weighted",
    "aipw": "AIPW",
    "overlap_weighted": "Overlap weighted",
    "dml": "Partially linear DML",
    "tmle": "TMLE",
    "matching": "Propensity matching",
    "entropy": "Entropy balancing",
    "att": "AIPW of the treated",
    "lin": "Lin regression",
}
_ESTIMANDS = {
    "association": "Association, adjusted for nothing",
    "ATE": "ATE: averaged over the trials",
    "ATT": "ATT: averaged over the treated",
    "ATO": "ATO: weighted to where both arms occur",
}
_POPULATIONS = {"overlap": "in overlap", "matched": "matched pairs"}
_WEIGHTINGS = {
    "none": "unweighted",
    "ipw": "inverse propensity",
    "trimmed": "trimmed to the overlap",
    "overlap": "overlap weights",
    "entropy": "entropy balancing",
    "entropy_treated": "entropy balancing to the treated",
}
_DESIGNS = {
    SEQUENTIAL: "Sequential trials",
    FIRST_ELIGIBLE: "First eligible wave",
    NEVER_TARGETED: "Never-targeted controls",
}
_OUTCOMES = {
    "purchase_amount": ("Spend", "$"),
    "purchase_count": ("Purchases", "purchases"),
    "redeemed": ("Redemption", "% points"),
    "amount_without_fuel": ("Spend without fuel", "$"),
    "margin_weighted_amount": ("Margin-weighted spend", "$"),
}


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
    """`number` as an amount, a minus standing before the $: "$4,660"."""
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


def percent(share: float | None, decimals: int = 0) -> str:
    """A share of one as a percentage: .313 is "31%"."""
    return f"{_written(100 * share, decimals)}%" if share is not None and is_number(share) else NOTHING


def signed(value: float | None, decimals: int = 1) -> str:
    """A difference with its sign: "+0.8"; one that rounds to nothing has none."""
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


def verdict(lower: float | None, upper: float | None) -> Verdict:
    """What an interval says about zero."""
    if lower is None or upper is None or not (is_number(lower) and is_number(upper)):
        return "unknown"
    if lower > 0:
        return "above zero"
    return "below zero" if upper < 0 else "not proven"


def spoken(name: str) -> str:
    """A column name as words: underscores to spaces, first letter capital."""
    text = name.replace("_", " ").strip()
    return text[:1].upper() + text[1:]


def policy(name: str) -> str:
    """A policy's name in words: "top_10%" is "Top 10% by effect"."""
    if name.startswith("top_"):
        return f"Top {name.removeprefix('top_')} by effect"
    return _POLICIES.get(name, spoken(name))


def model(name: str) -> str:
    """A CATE model's name in words."""
    return _MODELS.get(name, spoken(name))


def estimator(name: str, estimand: str, population: str) -> str:
    """An estimator's name with its estimand and, when it is not all trials, its population."""
    label = f"{estimator_name(name)} ({estimand})"
    return label if population == "all" else f"{label}, {population} only"


def estimator_name(name: str) -> str:
    """An estimator's name alone."""
    return _ESTIMATORS.get(name, spoken(name))


def estimand(name: str) -> str:
    """An estimand with the population that it averages over: "ATT: averaged over the treated"."""
    return _ESTIMANDS.get(name, spoken(name))


def population(name: str) -> str:
    """The trials that an estimate rests on, when they are not all, in words."""
    return _POPULATIONS.get(name, spoken(name).lower())


def weighting(name: str) -> str:
    """A weighting of the trials in words, in lower case."""
    return _WEIGHTINGS.get(name, spoken(name).lower())


def design(name: str) -> str:
    """A design of the study in words."""
    return _DESIGNS.get(name, spoken(name))


def outcome(name: str) -> tuple[str, str]:
    """An outcome's name in words, and the unit of its effects per household."""
    return _OUTCOMES.get(name, (spoken(name), "units"))


def outcome_scale(name: str) -> tuple[float, str]:
    """What effects on an outcome are multiplied by to be in the unit that `outcome` gives, and the sign before them."""
    return (100.0 if name == REDEEMED else 1.0), ("$" if name in AMOUNTS else "")


def outcome_interval(name: str, estimate: float, lower: float, upper: float) -> str:
    """An effect on an outcome with its interval, in the unit that `outcome` gives."""
    scale, sign = outcome_scale(name)
    return interval(scale * estimate, scale * lower, scale * upper, sign)
