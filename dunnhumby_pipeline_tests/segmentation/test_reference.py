"""The reference study's setting beside ours, and what others chose for households."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from dunnhumby_pipeline.contracts.features import CATALOGUE
from dunnhumby_pipeline.contracts.reference_study import REPORTED, REPORTED_SEGMENTS
from dunnhumby_pipeline.contracts.registry import table
from dunnhumby_pipeline.segmentation.lifetime.status import READ, household_status
from dunnhumby_pipeline.segmentation.lifetime.value_tiers import value_tiers
from dunnhumby_pipeline.segmentation.profiles.assignment import assignment_by_value, corrected_v
from dunnhumby_pipeline.segmentation.profiles.profiles import ASSIGNED, ProfileError, feature_roles
from dunnhumby_pipeline.segmentation.profiles.reference import MEASURES, Setting, beside_reference, overlap
from dunnhumby_pipeline.segmentation.segments.naming import claims
from dunnhumby_pipeline.segmentation.segments.tables import segment_households
from dunnhumby_pipeline.settings import SegmentationSettings, StatusSettings
from dunnhumby_pipeline_tests.fakes.known_truth import planted_households

SMALL = SegmentationSettings(
    n_factors=3,
    n_segments=3,
    n_bootstraps=2,
    max_factors=3,
    n_factor_refits=1,
    segment_range=(3, 3),
    mixtures=False,
)


@pytest.fixture(scope="module")
def compared() -> tuple[pd.DataFrame, dict[str, pd.DataFrame], dict[str, pd.DataFrame]]:
    features, _ = planted_households((60, 45, 30), seed=7)
    features = features.assign(active_last_4w=1, active_last_12w=1)
    features = features.assign(**{name: 100.0 for name in ("tenure", "tenure_weeks") if name not in features})
    features = features.assign(**{name: 50.0 for name in READ if name not in features})
    found = segment_households(features, SMALL, seed=1)
    values = features[["household_key"]].assign(value_tier=value_tiers(features["monetary_sales"], (0.2, 0.3)))
    status = household_status(features, values, StatusSettings())
    ours = Setting(found.segments, found.factor_loadings)
    theirs = Setting(found.reference_segments, found.reference_loadings)
    return features, vars(found), beside_reference(features, status, ours, theirs, found.segment_scoreboard, 0.95)


def test_the_reference_setting_has_seven_named_segments_of_all_households(compared: tuple) -> None:
    features, found, tables = compared
    own = found["reference_segments"]
    assert own["household_key"].tolist() == features["household_key"].tolist()
    assert own["segment"].nunique() == own["segment_name"].nunique() == 7
    assert all(claims(name) is not None for name in own["segment_name"].unique())
    profiles = tables["reference_profiles"]
    assert profiles["n_households"].sum() == len(features)
    assert profiles[["share_high", "share_mid", "share_low"]].sum(axis=1).tolist() == pytest.approx([1.0] * 7)
    for name in tables:
        assert set(table(name).required) == set(tables[name]), name


def test_both_settings_are_measured_beside_what_was_reported(compared: tuple) -> None:
    _, found, tables = compared
    rows = tables["reference_comparison"].set_index("measure")
    assert rows.index.tolist() == list(MEASURES)
    assert (rows.at["n_segments", "reference"], rows.at["n_segments", "ours"]) == (7, 3)
    assert rows.loc[list(REPORTED), "reported"].to_dict() == REPORTED
    assert rows["reported"].isna().sum() == len(MEASURES) - len(REPORTED)
    selection = found["factor_selection"]
    chosen = selection[selection["chosen"]].iloc[0]
    assert rows.at["pooled_r2", "ours"] == pytest.approx(chosen["pooled_r2"], abs=0.01)
    assert rows.at["centred_r2", "ours"] == pytest.approx(chosen["centred_r2"], abs=0.02)
    board = found["segment_scoreboard"].set_index("role")
    for measure in ("silhouette", "cold_ari", "smallest_share"):
        assert rows.at[measure, "ours"] == board.at["chosen", measure]
        assert rows.at[measure, "reference"] == board.at["reference", measure]
    assert sum(size for _, size in REPORTED_SEGMENTS) == 2500


def test_the_overlap_counts_every_household_once(compared: tuple) -> None:
    features, found, tables = compared
    crossed = tables["reference_overlap"]
    assert len(crossed) == 7 * 3
    assert crossed["n"].sum() == len(features)
    assert np.allclose(crossed.groupby("reference_segment")["share"].sum(), 1.0)
    assert np.allclose(crossed.groupby("segment")["share_of_segment"].sum(), 1.0)
    with pytest.raises(ProfileError, match="1 households are in segments of one setting alone"):
        overlap(found["segments"].iloc[1:], found["reference_segments"])


def test_a_scoreboard_without_the_reference_is_refused(compared: tuple) -> None:
    features, found, _ = compared
    board = found["segment_scoreboard"]
    ours = Setting(found["segments"], found["factor_loadings"])
    values = features[["household_key"]].assign(value_tier="mid")
    status = household_status(features, values, StatusSettings())
    with pytest.raises(ProfileError, match="segment_scoreboard has no row of role reference; fit the segments again"):
        beside_reference(features, status, ours, ours, board[board["role"] != "reference"], 0.95)


# --------------------------------------------------------------------------------------------- what others chose


def test_campaigns_are_no_evidence_of_what_a_segment_is_like() -> None:
    rng = np.random.default_rng(1)
    names = [feature.name for feature in CATALOGUE]
    features = pd.DataFrame(rng.random((60, len(names))), columns=names)
    roles = feature_roles(features, names, ["monetary_sales", "frequency"]).set_index("feature")["role"]
    assert {"received_typea", "active_typea", "redeemed_typea", "n_redemptions"} <= set(ASSIGNED)
    assert set(roles[list(ASSIGNED)]) == {"assigned"}
    assert roles["weekend_share"] == "independent"


def chosen_by_spend(n: int = 400) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Households of three segments that differ in spend alone, described and mailed by spend alone."""
    rng = np.random.default_rng(3)
    spend = rng.gamma(2.0, 500.0, n)
    keys = np.arange(1, n + 1)
    tiers = value_tiers(pd.Series(spend, name="clv"), (0.2, 0.3))
    likely = pd.Series(spend).rank(pct=True).to_numpy()
    features = pd.DataFrame(
        {
            "household_key": keys,
            "monetary_sales": spend,
            "received_typea": (rng.random(n) < likely).astype(int),
            "received_typeb": 0,
            "received_typec": 1,
            "n_redemptions": (rng.random(n) < likely / 3).astype(int),
        }
    )
    demographics = pd.DataFrame({"household_key": keys[rng.random(n) < likely**2]})
    status = pd.DataFrame({"household_key": keys, "value_tier": tiers})
    segments = pd.DataFrame({"household_key": keys, "segment": pd.qcut(spend, 5, labels=list("abcde")).astype(str)})
    return features, demographics, status, segments


def test_what_spend_chose_tells_segments_apart_until_spend_is_alike() -> None:
    features, demographics, status, segments = chosen_by_spend()
    found = assignment_by_value(features, demographics, status, segments).set_index("what")
    known = found.loc["demographics known"]
    has = features["household_key"].isin(demographics["household_key"])
    assert known["n"] == has.sum()
    assert known["auc_of_spend"] == pytest.approx(roc_auc_score(has, features["monetary_sales"]))
    assert known["share_high"] > known["share_mid"] > known["share_low"]
    mailed = found.loc["mailed TypeA"]
    assert mailed["cramers_v"] > 0.4
    assert mailed["chosen_by"] == "the retailer; those that spend more"
    # A segment is a fifth of spend here: within one there is a single segment, and nothing left to tell.
    assert np.isnan(mailed["cramers_v_within"])
    by_lot = features.assign(received_typea=np.arange(len(features)) % 2)
    lot = assignment_by_value(by_lot, demographics, status, segments).set_index("what")
    assert lot.at["mailed TypeA", "chosen_by"] == "the retailer; not by spend"
    assert lot.at["mailed TypeB", "chosen_by"] == "the retailer; nobody has it, or everybody"
    shuffled = segments.assign(segment=np.tile(list("ab"), len(segments) // 2))
    within = assignment_by_value(features, demographics, status, shuffled).set_index("what")["cramers_v_within"]
    assert within["mailed TypeA"] < 0.2
    assert found.loc[["mailed TypeB", "mailed TypeC"], ["auc_of_spend", "cramers_v"]].isna().all(axis=None)
    assert found.loc["mailed TypeB", "share_high"] == 0
    with pytest.raises(ProfileError, match="found 400, 399, 400; make them from one run"):
        assignment_by_value(features, demographics, status.iloc[1:], segments)


def test_the_corrected_v_is_nought_for_noise_and_one_for_certainty() -> None:
    rng = np.random.default_rng(0)
    groups = pd.Series(rng.integers(0, 7, 80))
    plain, corrected = [], []
    for _ in range(40):
        has = pd.Series(rng.random(80) < 0.3)
        chi2 = stats.chi2_contingency(pd.crosstab(has, groups), correction=False).statistic
        plain.append((chi2 / 80) ** 0.5)
        corrected.append(corrected_v(has, groups))
    assert np.mean(plain) > 0.22
    assert np.mean(corrected) < 0.1
    assert corrected_v(pd.Series([True, False] * 50), pd.Series(["a", "b"] * 50)) == pytest.approx(1.0)
    assert np.isnan(corrected_v(pd.Series([True] * 5), pd.Series(list("aabbb"))))
