"""What the households of each segment are like: size and money, features, demographics, departments."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict

import numpy as np
import pandas as pd
from scipy import stats

from dunnhumby_pipeline.contracts.features import CATALOGUE
from dunnhumby_pipeline.segmentation.lifetime.status import StatusError, status_shares
from dunnhumby_pipeline.segmentation.segments.effect_sizes import group_difference

SPEND = "monetary_sales"
# Rank correlation from which on a feature says the same as another.
TWIN_CORRELATION = 0.9
# Two households always correlate fully.
FEWEST_CORRELATED = 3
# Steps and complements of other features: functions of them, whatever the rank correlation with any one.
MADE_OF = {
    "active_last_4w": {"recency"},
    "active_last_12w": {"recency"},
    "share_other": {"share_grocery", "share_fresh", "share_bakery", "share_health_beauty", "share_alcohol"},
}
# Whom the retailer mailed, and what follows from it, is no trait of those it mailed.
ASSIGNED = frozenset(feature.name for feature in CATALOGUE if feature.group == "campaigns")
DEMOGRAPHICS = (
    "age_desc",
    "marital_status_code",
    "income_desc",
    "homeowner_desc",
    "hh_comp_desc",
    "household_size_desc",
    "kid_category_desc",
)


class ProfileError(ValueError):
    """Segments cannot be described. The message says which table lacks what."""


def segment_profiles(features: pd.DataFrame, segments: pd.DataFrame, status: pd.DataFrame) -> pd.DataFrame:
    """Size, money, value and stage of each segment, the largest revenue first.

    `features`: a row per household (`customer_features`); `segments`: household_key, segment, segment_name; `status`
    as of `status.household_status`. A segment without a household is there when the column `segment` is categorical
    and has it as a category.
    Columns: segment, segment_name, n_households, share, revenue ($), revenue_share, revenue_index (share of revenue /
    share of households), spend_mean and spend_median ($), share_high, share_mid and share_low (of its households in
    each value tier), recency_median (days), active_4w and active_12w (shares), tenure_weeks_median, share_new,
    share_active, share_lapsing and share_lapsed (of its households at each stage). A segment has no tier and no stage
    of its own: of the households of one segment, a third can be of high value and half of mid.
    Raises ProfileError when the tables do not have the same households or a column is missing.
    """
    joined = _joined(features, segments, (SPEND, "recency", "active_last_4w", "active_last_12w", "tenure_weeks"))
    table = joined.groupby("segment", observed=False).agg(
        n_households=(SPEND, "size"),
        revenue=(SPEND, "sum"),
        spend_mean=(SPEND, "mean"),
        spend_median=(SPEND, "median"),
        recency_median=("recency", "median"),
        active_4w=("active_last_4w", "mean"),
        active_12w=("active_last_12w", "mean"),
        tenure_weeks_median=("tenure_weeks", "median"),
    )
    table["share"] = table["n_households"] / len(joined)
    table["revenue_share"] = table["revenue"] / joined[SPEND].sum()
    table["revenue_index"] = table["revenue_share"] / table["share"].where(table["share"] > 0)
    try:
        tiers, stages = (status_shares(status, segments, part) for part in ("value_tier", "lifecycle"))
    except StatusError as error:
        raise ProfileError(str(error)) from error
    table = table.join(tiers).join(stages)
    names = segments.drop_duplicates("segment").set_index("segment")["segment_name"]
    table["segment_name"] = table.index.astype(object).map(names)
    order = [
        "segment_name", "n_households", "share", "revenue", "revenue_share", "revenue_index", "spend_mean",
        "spend_median", *tiers.columns, "recency_median", "active_4w", "active_12w", "tenure_weeks_median",
        *stages.columns,
    ]  # fmt: skip
    table = table[order].sort_values("revenue", ascending=False, kind="stable")
    table.index = table.index.astype(str)
    return table.reset_index()


def segment_features(
    features: pd.DataFrame,
    segments: pd.DataFrame,
    used: Sequence[str],
    confidence: float,
    described: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Mean of each feature in each segment, and how well the feature tells segments apart.

    `used` are the features that made the segments, `described` (by default every feature of the catalogue that is a
    column) those to describe. Segments differ by construction in what they were made from, and in whatever says the
    same: evidence is in features of role 'independent' alone (`feature_roles`).
    Columns: segment, feature, n (households with a value), mean, ci_lower, ci_upper (t-interval of the mean),
    z_score ((mean - mean of all) / standard deviation of all), overall_mean, overall_sd, eta_squared, f_statistic,
    f_p_value, epsilon_squared, kruskal_h, kruskal_p_value (see `effect_sizes`), role, closest_used, rank_correlation.
    A missing value is left out of its feature, never filled; a constant feature has neither z-score nor effect.
    Raises ProfileError as `segment_profiles` does.
    """
    names = [feature.name for feature in CATALOGUE if feature.name in features.columns]
    names = list(described) if described is not None else names
    joined = _joined(features, segments, names)
    overall = joined[names].agg(["mean", "std"]).T.set_axis(["overall_mean", "overall_sd"], axis=1)
    # Of a constant, rounding can leave a little spread.
    varies = joined[names].nunique() > 1
    overall["overall_sd"] = overall["overall_sd"].where(varies, 0.0)
    grouped = joined.groupby("segment", observed=False)[names]
    long = pd.concat(
        {"n": grouped.count().stack(), "mean": grouped.mean().stack(), "sd": grouped.std().stack()}, axis=1
    )
    long = long.rename_axis(["segment", "feature"]).reset_index().merge(overall, left_on="feature", right_index=True)
    half = stats.t.ppf((1 + confidence) / 2, (long["n"] - 1).where(long["n"] > 1)) * long["sd"] / np.sqrt(long["n"])
    long["ci_lower"], long["ci_upper"] = long["mean"] - half, long["mean"] + half
    spread = long["overall_sd"]
    long["z_score"] = (long["mean"] - long["overall_mean"]) / spread.where(spread > 0)
    effects = pd.DataFrame(
        [{"feature": name} | asdict(group_difference(joined[name], joined["segment"])) for name in names]
    ).drop(columns=["n", "n_groups"])
    long = long.merge(effects, on="feature")
    long = long.merge(feature_roles(features, names, used), on="feature")
    order = [
        "segment", "feature", "n", "mean", "ci_lower", "ci_upper", "z_score", "overall_mean", "overall_sd",
        *effects.columns.drop("feature"), "role", "closest_used", "rank_correlation",
    ]  # fmt: skip
    long["segment"] = long["segment"].astype(str)
    return long[order].sort_values(["segment", "feature"], ignore_index=True)


def feature_roles(features: pd.DataFrame, names: Sequence[str], used: Sequence[str]) -> pd.DataFrame:
    """What each feature of `names` can prove about segments that were made from the features `used`.

    Columns: feature, role, closest_used (the feature of `used` whose rank correlation with it is largest in absolute
    value; null for those used), rank_correlation (Spearman's, over the households that have both). role: 'used';
    'twin' from an absolute rank correlation of `TWIN_CORRELATION` on, or when made of used ones alone (`MADE_OF`);
    'assigned' when the retailer chose whom it holds for (campaigns), or it follows from that choice; else
    'independent'. A constant, or a feature that fewer than three households share with another, correlates with
    none. Raises ProfileError when a feature is not a column.
    """
    asked = list(dict.fromkeys([*names, *used]))
    missing = [name for name in asked if name not in features.columns]
    if missing:
        raise ProfileError(f"customer features lack {', '.join(missing)}; found {', '.join(features.columns)}")
    numbers = features[asked].astype("float64")
    correlation = numbers.corr(method="spearman", min_periods=FEWEST_CORRELATED)[list(used)]
    rows = []
    for name in names:
        known = correlation.loc[name].dropna()
        closest = None if name in used or known.empty else str(known.abs().idxmax())
        r = float(known[closest]) if closest else float("nan")
        twin = abs(r) >= TWIN_CORRELATION or (name in MADE_OF and MADE_OF[name] <= set(used))
        other = "twin" if twin else "assigned" if name in ASSIGNED else "independent"
        rows.append((name, "used" if name in used else other, closest, r))
    return pd.DataFrame(rows, columns=["feature", "role", "closest_used", "rank_correlation"])


def segment_demographics(
    demographics: pd.DataFrame, segments: pd.DataFrame, attributes: Sequence[str] = DEMOGRAPHICS
) -> pd.DataFrame:
    """Answers of each segment's households, where they are known.

    Columns: segment, attribute, answer, n (households), share (of the segment's households that answered), lift
    (share / share among all that answered), answered (those households), coverage (share of the segment's households
    with a row of demographics), answer_coverage (share of the segment's households that answered this attribute).
    Every segment has a row for every answer that anyone gave, with n = 0 where nobody did. share and lift are NaN for
    a segment of which nobody answered. Raises ProfileError when an attribute is not a column.
    """
    known = _demographics_of(demographics, segments, attributes)
    sizes = known.groupby("segment", observed=False).agg(size=("described", "size"), described=("described", "sum"))
    tables = []
    for attribute in attributes:
        counts = pd.crosstab(known["segment"], known[attribute], dropna=False).reindex(sizes.index, fill_value=0)
        counts = counts.loc[:, counts.columns.notna()].rename_axis(index="segment", columns="answer")
        long = counts.stack().rename("n").reset_index()
        long["answered"] = long.groupby("segment", observed=False)["n"].transform("sum")
        overall = long.groupby("answer", observed=True)["n"].transform("sum") / long["n"].sum()
        long["share"] = long["n"] / long["answered"].where(long["answered"] > 0)
        long["lift"] = long["share"] / overall
        long["attribute"] = attribute
        tables.append(long)
    table = pd.concat(tables, ignore_index=True)
    size = table["segment"].astype(object).map(sizes["size"])
    described = table["segment"].astype(object).map(sizes["described"])
    table["coverage"] = described / size.where(size > 0)
    table["answer_coverage"] = table["answered"] / size.where(size > 0)
    table = table.astype({"segment": "str", "answer": "str"})
    order = ["segment", "attribute", "answer", "n", "share", "lift", "answered", "coverage", "answer_coverage"]
    return table[order].sort_values(["segment", "attribute", "answer"], ignore_index=True)


def demographic_tests(
    demographics: pd.DataFrame, segments: pd.DataFrame, attributes: Sequence[str] = DEMOGRAPHICS
) -> pd.DataFrame:
    """Whether segments and answers go together: a row per attribute, and 'known' for having demographics at all.

    Columns: attribute, n (households that answered), coverage (of all households), chi_square, degrees_of_freedom,
    p_value, cramers_v (0-1, Cramer 1946), min_expected (the test is rough when this is below 5). NaN where fewer than
    two segments or two answers are known. When 'known' goes with segments, those who answered are no fair picture of
    all. Raises ProfileError as `segment_demographics` does.
    """
    known = _demographics_of(demographics, segments, attributes)
    rows = []
    for attribute in ("known", *attributes):
        column = known["described"] if attribute == "known" else known[attribute]
        counts = pd.crosstab(known["segment"], column).to_numpy()
        counts = counts[counts.sum(axis=1) > 0]
        n = int(counts.sum())
        row = {"attribute": attribute, "n": n, "coverage": n / len(known)}
        row |= dict.fromkeys(("chi_square", "degrees_of_freedom", "p_value", "cramers_v", "min_expected"), np.nan)
        if min(counts.shape) > 1:
            test = stats.chi2_contingency(counts, correction=False)
            row |= {
                "chi_square": test.statistic,
                "degrees_of_freedom": test.dof,
                "p_value": test.pvalue,
                "cramers_v": (test.statistic / n / (min(counts.shape) - 1)) ** 0.5,
                "min_expected": test.expected_freq.min(),
            }
        rows.append(row)
    return pd.DataFrame(rows)


def _joined(features: pd.DataFrame, segments: pd.DataFrame, columns: Iterable[str]) -> pd.DataFrame:
    """`columns` of each household as floats, with its segment."""
    columns = list(columns)
    missing = [name for name in ("household_key", *columns) if name not in features.columns]
    if missing:
        raise ProfileError(f"customer features lack {', '.join(missing)}; found {', '.join(features.columns)}")
    _check_segments(segments)
    strangers = set(features["household_key"]) ^ set(segments["household_key"])
    if strangers or features["household_key"].duplicated().any():
        raise ProfileError(
            f"features and segments must have each household once, and the same ones: {len(features)} rows of "
            f"features, {len(segments)} of segments, {len(strangers)} households in one alone; make both from one run"
        )
    numbers = features[["household_key", *columns]].astype(dict.fromkeys(columns, "float64"))
    return numbers.merge(segments[["household_key", "segment"]], on="household_key")


def _check_segments(segments: pd.DataFrame) -> None:
    missing = [name for name in ("household_key", "segment") if name not in segments.columns]
    if missing:
        raise ProfileError(f"segments lack {', '.join(missing)}; found {', '.join(segments.columns)}")
    if segments["segment"].isna().any() or segments["household_key"].duplicated().any():
        raise ProfileError("segments: expected each household once, in a segment; some are there twice or without one")


def _demographics_of(demographics: pd.DataFrame, segments: pd.DataFrame, attributes: Sequence[str]) -> pd.DataFrame:
    missing = [name for name in ("household_key", *attributes) if name not in demographics.columns]
    if missing:
        raise ProfileError(f"demographics lack {', '.join(missing)}; found {', '.join(demographics.columns)}")
    _check_segments(segments)
    own = demographics[["household_key", *attributes]].assign(described=True)
    if own["household_key"].duplicated().any():
        raise ProfileError("demographics: expected each household once; some are there twice")
    joined = segments[["household_key", "segment"]].merge(own, on="household_key", how="left")
    return joined.assign(described=joined["described"].notna())
