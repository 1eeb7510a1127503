"""What features and segments are called in figures and tables. No matplotlib here."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from dunnhumby_pipeline.contracts.feature import per_day_column
from dunnhumby_pipeline.contracts.features import CATALOGUE, TOTALS
from dunnhumby_pipeline.contracts.frames import require
from dunnhumby_pipeline.words import terms

_LABELS = {feature.name: feature.label for feature in CATALOGUE}
# What households were asked, by the column of the answer.
QUESTIONS = {
    "age_desc": "Age",
    "marital_status_code": "Marital status",
    "income_desc": "Income",
    "homeowner_desc": "Home",
    "hh_comp_desc": "Composition",
    "household_size_desc": "Household size",
    "kid_category_desc": "Children",
}
# What a column of one level, of a gap or of a campaign type begins with; the rest of its name is the level.
_LEVELS = {f"{name}_": said for name, said in (*QUESTIONS.items(), ("lookback_segment", "Look-back segment"))}
_TOTALS = {per_day_column(name): name for name in TOTALS}
_FACTORS = {start.removesuffix("_"): said for start, said in _LEVELS.items()}
_GAP = "missingindicator_"


def feature(name: str) -> str:
    """A feature in words: 'monetary_avg_basket_sales' is 'Sales per basket'."""
    return _LABELS.get(name) or terms.spoken(name)


def covariate(name: str) -> str:
    """A covariate of a trial, or a column of the matrix made of them, in words: 'age_desc_19-24' is 'Age: 19-24'."""
    if name.startswith(_GAP):
        return f"{covariate(name.removeprefix(_GAP))}: not known"
    for start, said in _LEVELS.items():
        if name.startswith(start):
            return f"{said}: {name.removeprefix(start).replace('_', ' ')}"
    if name in _TOTALS:
        return f"{feature(_TOTALS[name])}, per day of look-back"
    if name.startswith("campaign_"):
        return f"Campaign {name.removeprefix('campaign_')}"
    return feature(name)


def rule(text: str) -> str:
    """A rule over covariates, as tables hold it, in words: 'frequency_per_week above 2; campaign is not 30' is
    'Visits per week above 2; Campaign is not 30'. What is no condition on a column stays as it is.
    """
    conditions = (condition.partition(" ") for condition in text.split("; "))
    return "; ".join(f"{_subject(name)}{space}{rest}" if rest else name for name, space, rest in conditions)


def _subject(name: str) -> str:
    return _FACTORS.get(name) or (covariate(name) if name == "campaign" or "_" in name or name in _LABELS else name)


def segment_names(segment_profiles: pd.DataFrame) -> dict[str, str]:
    """Name of each segment by its slug, as `segment_profiles` lists them: the largest revenue first."""
    require(segment_profiles, "segment_profiles", ["segment", "segment_name"])
    return dict(zip(segment_profiles["segment"], segment_profiles["segment_name"], strict=True))


def in_named_order(found: Iterable[str], names: dict[str, str]) -> list[str]:
    """The segments `found` in the order of `names`; those it does not know last, by slug."""
    present = set(found)
    return [*(slug for slug in names if slug in present), *sorted(present - set(names))]


def segment_name(slug: str, names: dict[str, str]) -> str:
    """A segment's name; its slug in words when it has none."""
    return names.get(slug, terms.spoken(slug))
