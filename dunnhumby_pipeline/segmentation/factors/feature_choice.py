"""Which features are factored: groups are chosen, unusable features and correlated twins are left out by rule.

Twins count a behaviour twice: factors and distances then follow whatever the dictionary measures most often.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from dunnhumby_pipeline.contracts.features import FACTORED
from dunnhumby_pipeline.contracts.study_features import FEATURES
from dunnhumby_pipeline.segmentation.factors.matrix import MatrixError, fit_scaling

FEWEST = 4
# 1 minus the other shares of sales: the others say it already.
COMPLEMENT = "share_other"
COLUMNS = ["feature", "group", "used", "dropped_for", "correlation", "reason"]


@dataclass(frozen=True)
class FeatureChoice:
    """`features`: those factored. `table`: one row per feature: group, used, dropped_for, correlation, reason."""

    features: tuple[str, ...]
    table: pd.DataFrame


def choose_features(frame: pd.DataFrame, groups: Sequence[str], twin_correlation: float) -> FeatureChoice:
    """The features of `groups` that carry information of their own about the households of `frame`.

    Features are taken one by one, first those of the reference study and then the others, each in the order of
    the dictionary. One is left out when it has no value or one value only, is a 0/1 step, is the complement of
    other shares, or is a *twin*: |r| >= `twin_correlation` with a feature already taken from its group, r being
    Pearson's correlation of percentiles. The twin taken first is the one kept, and is named in `dropped_for`;
    of several, the one correlated most.

    Raises MatrixError when a feature of the reference study is missing from `frame`, or when fewer than four
    features remain.
    """
    choice = _by_rule(frame, groups, twin_correlation)
    kept, table = choice.features, choice.table
    if len(kept) < FEWEST:
        raise MatrixError(
            f"segmentation.feature_groups is {list(groups)}: {len(kept)} usable features remain "
            f"({', '.join(kept) or 'none'}), at least {FEWEST} are needed; choose more groups, or see why features "
            f"were left out: {'; '.join(f'{row.feature}: {row.reason}' for row in table.itertuples() if not row.used)}"
        )
    return choice


def given_features(
    frame: pd.DataFrame, groups: Sequence[str], twin_correlation: float, features: tuple[str, ...]
) -> FeatureChoice:
    """`features`, those of an earlier choice, beside what `choose_features` finds in `frame`.

    dropped_for, correlation and reason are those of today's rule; `used` is of `features`, and the reason says where
    the two differ. Raises MatrixError when one of them is missing from `frame` (`fit_scaling` refuses unusable ones).
    """
    absent = [feature for feature in features if feature not in frame.columns]
    if absent:
        raise MatrixError(f"features are missing: {', '.join(absent)}; found {', '.join(frame.columns)}")
    table = _by_rule(frame, groups, twin_correlation).table
    used = table["feature"].isin(features)
    reasons = table["reason"].where(
        ~used | table["used"], "used, as in the run before; by rule today: " + table["reason"]
    )
    reasons = reasons.where(
        used | ~table["used"], "not in the run before, whose features are kept; the rule would use it"
    )
    return FeatureChoice(features, table.assign(used=used, reason=reasons))


def _by_rule(frame: pd.DataFrame, groups: Sequence[str], twin_correlation: float) -> FeatureChoice:
    absent = [feature for feature in FACTORED if feature not in frame.columns]
    if absent:
        raise MatrixError(f"features are missing: {', '.join(absent)}; found {', '.join(frame.columns)}")
    ordered = sorted(FEATURES, key=lambda feature: feature.name not in FACTORED)
    reasons = {feature.name: _unusable(frame, feature.name, feature.unit) for feature in ordered}
    usable = [feature for feature in ordered if reasons[feature.name] is None and feature.group in groups]
    names = tuple(feature.name for feature in usable)
    correlation = pd.DataFrame(dtype=float)
    if names:
        matrix = fit_scaling(frame, names).apply(frame)
        correlation = pd.DataFrame(np.atleast_2d(np.corrcoef(matrix, rowvar=False)), index=names, columns=names)
    kept: list[str] = []
    rows: dict[str, tuple[object, ...]] = {}
    for feature in ordered:
        name, reason = feature.name, reasons[feature.name]
        if feature.group not in groups:
            reason = "its group is not chosen"
        if reason is not None:
            rows[name] = (name, feature.group, False, None, np.nan, reason)
            continue
        siblings = [other.name for other in usable if other.name in kept and other.group == feature.group]
        closest = correlation.loc[name, siblings].abs().idxmax() if siblings else None
        r = float(correlation.loc[name, closest]) if closest else np.nan
        if closest and abs(r) >= twin_correlation:
            rows[name] = (name, feature.group, False, closest, r, f"twin of {closest}")
        else:
            kept.append(name)
            rows[name] = (name, feature.group, True, None, r, "used")
    return FeatureChoice(tuple(kept), pd.DataFrame([rows[feature.name] for feature in FEATURES], columns=COLUMNS))


def usable_of(frame: pd.DataFrame, features: tuple[str, ...]) -> tuple[str, ...]:
    """Those of `features` with more than one value in `frame`."""
    return tuple(name for name in features if name in frame.columns and frame[name].nunique() > 1)


def _unusable(frame: pd.DataFrame, name: str, unit: str) -> str | None:
    if name not in frame.columns:
        return "not in the table"
    n_values = frame[name].nunique()
    if n_values < 2:
        return "one value only" if n_values else "no value"
    if unit == "0/1":
        return "a 0/1 step of another feature"
    return "the complement of the other shares" if name == COMPLEMENT else None
