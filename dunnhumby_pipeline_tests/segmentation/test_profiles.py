"""Profiles of segments by hand: money, features, demographics, departments, needs, value and need."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from dunnhumby_pipeline.segmentation.lifetime.status import LIFECYCLES
from dunnhumby_pipeline.segmentation.needs.value_need import ValueNeedError, household_value_need, value_need
from dunnhumby_pipeline.segmentation.profiles.departments import (
    NO_DEPARTMENT,
    segment_department_sales,
    segment_departments,
)
from dunnhumby_pipeline.segmentation.profiles.profiles import (
    ProfileError,
    demographic_tests,
    feature_roles,
    segment_demographics,
    segment_features,
    segment_profiles,
)
from dunnhumby_pipeline.segmentation.segments.effect_sizes import group_difference
from dunnhumby_pipeline.settings import EngineSettings

QUICK = settings(max_examples=15, deadline=None)
NAN = float("nan")
SHARES = {"share_high": 0.3, "share_mid": 0.5, "share_low": 0.2} | {
    f"share_{stage}": share for stage, share in zip(LIFECYCLES, (0.0, 0.9, 0.1, 0.0), strict=True)
}


def households(**columns: list[float]) -> pd.DataFrame:
    return pd.DataFrame({"household_key": range(1, len(next(iter(columns.values()))) + 1), **columns})


def segments_of(*slugs: str) -> pd.DataFrame:
    frame = pd.DataFrame({"household_key": range(1, len(slugs) + 1), "segment": slugs})
    return frame.assign(segment_name=frame["segment"].str.upper())


FEATURES = households(
    monetary_sales=[100.0, 300.0, 20.0, 40.0, 40.0],
    recency=[0.0, 2.0, 30.0, 90.0, 100.0],
    active_last_4w=[1, 1, 0, 0, 0],
    active_last_12w=[1, 1, 1, 0, 0],
    tenure_weeks=[43.0, 52.0, 29.0, 43.0, 36.0],
)
FIVE = segments_of("a", "a", "b", "b", "b")
STATUS = households(discount_share=[0.5] * 5).assign(
    value_tier=["high", "mid", "mid", "low", "low"], lifecycle=["new", "active", "lapsing", "lapsed", "lapsed"]
)


# ---------------------------------------------------------------------------------------------------- size and money


def test_profiles_by_hand() -> None:
    profiles = segment_profiles(FEATURES, FIVE, STATUS).set_index("segment")
    assert profiles.index.tolist() == ["a", "b"]
    assert profiles["segment_name"].tolist() == ["A", "B"]
    assert profiles["n_households"].tolist() == [2, 3]
    assert profiles["share"].tolist() == [0.4, 0.6]
    assert profiles["revenue"].tolist() == [400.0, 100.0]
    assert profiles["revenue_share"].tolist() == [0.8, 0.2]
    assert profiles["revenue_index"].tolist() == pytest.approx([2.0, 1 / 3])
    assert profiles["spend_mean"].tolist() == pytest.approx([200.0, 100 / 3])
    assert profiles["spend_median"].tolist() == [200.0, 40.0]
    assert profiles["share_high"].tolist() == [0.5, 0.0]
    assert profiles["share_mid"].tolist() == pytest.approx([0.5, 1 / 3])
    assert profiles["share_low"].tolist() == pytest.approx([0.0, 2 / 3])
    stages = profiles[["share_new", "share_active", "share_lapsing", "share_lapsed"]]
    assert stages.loc["a"].tolist() == [0.5, 0.5, 0.0, 0.0]
    assert stages.loc["b"].tolist() == pytest.approx([0.0, 0.0, 1 / 3, 2 / 3])
    assert not {"value_tier", "lifecycle"} & set(profiles), "a segment has no tier and no stage of its own"


def test_an_empty_segment_has_a_row_and_no_means() -> None:
    empty = FIVE.assign(segment=pd.Categorical(FIVE["segment"], categories=["a", "b", "nobody"]))
    profiles = segment_profiles(FEATURES, empty, STATUS).set_index("segment")
    assert profiles.at["nobody", "n_households"] == 0
    assert profiles.at["nobody", "revenue"] == 0
    assert profiles.loc["nobody", ["spend_mean", "share_high", "share_lapsed", "revenue_index"]].isna().all()
    described = segment_features(FEATURES, empty, ["recency"], 0.95, described=["recency"]).set_index("segment")
    assert described.at["nobody", "n"] == 0
    assert np.isnan(described.at["nobody", "mean"])
    known = pd.DataFrame({"household_key": [1], "age_desc": ["65+"]})
    answers = segment_demographics(known, empty, ["age_desc"]).set_index("segment")
    assert answers.at["nobody", "n"] == 0
    assert np.isnan(answers.at["nobody", "coverage"])


def test_tables_of_different_households_are_refused() -> None:
    with pytest.raises(ProfileError, match=r"5 rows of features, 4 of segments, 1 households in one alone"):
        segment_profiles(FEATURES, FIVE.iloc[1:], STATUS)
    with pytest.raises(ProfileError, match="customer features lack recency; found household_key"):
        segment_profiles(FEATURES.drop(columns="recency"), FIVE, STATUS)
    with pytest.raises(ProfileError, match="in a segment; some are there twice or without one"):
        segment_profiles(FEATURES, FIVE.assign(segment=["a", None, "b", "b", "b"]), STATUS)
    with pytest.raises(ProfileError, match=r"1 households have either a status or a segment, not both \(such as 5\)"):
        segment_profiles(FEATURES, FIVE, STATUS.iloc[:-1])
    with pytest.raises(ProfileError, match="segments lack segment; found household_key"):
        segment_features(FEATURES, FIVE.drop(columns="segment"), [], 0.95)


cents = st.integers(1, 1_000_000).map(lambda amount: amount / 100)


@QUICK
@given(st.lists(st.tuples(st.sampled_from("abc"), cents), min_size=3, max_size=40))
def test_shares_sum_to_one_and_weighted_z_scores_to_nothing(rows: list[tuple[str, float]]) -> None:
    slugs, spend = zip(*rows, strict=True)
    n = len(rows)
    features = households(
        monetary_sales=list(spend), recency=[1.0] * n, active_last_4w=[1.0] * n, active_last_12w=[1.0] * n,
        tenure_weeks=[9.0] * n,
    )  # fmt: skip
    status = features[["household_key"]].assign(value_tier="mid", lifecycle="active")
    profiles = segment_profiles(features, segments_of(*slugs), status)
    assert profiles["share"].sum() == pytest.approx(1.0)
    assert profiles["revenue_share"].sum() == pytest.approx(1.0)
    described = segment_features(features, segments_of(*slugs), [], 0.95)
    spent = described[described["feature"] == "monetary_sales"]
    if len(set(spend)) > 1:
        assert (spent["z_score"] * spent["n"]).sum() == pytest.approx(0.0, abs=1e-6 * n)
        assert spent["eta_squared"].isna().all() or spent["eta_squared"].between(0, 1 + 1e-9).all()
    assert described.loc[described["feature"] == "recency", "z_score"].isna().all()


# ------------------------------------------------------------------------------------------------- features, effects


def test_features_have_means_intervals_scores_and_effects() -> None:
    import statsmodels.api as sm

    rng = np.random.default_rng(1)
    slugs = np.repeat(["a", "b", "c"], [30, 50, 20])
    frame = households(
        recency=list(rng.gamma(2.0, 5.0, 100)), share_fresh=[0.3] * 100, discount_rate=list(rng.random(100))
    )
    frame["recency"] += (slugs == "b") * 8.0
    frame.loc[:4, "discount_rate"] = NAN
    table = segment_features(frame, segments_of(*slugs), ["recency", "share_fresh"], 0.9)
    rows = table.set_index(["segment", "feature"])

    in_a = frame.loc[slugs == "a", "recency"]
    row = rows.loc[("a", "recency")]
    interval = stats.t.interval(0.9, 29, in_a.mean(), stats.sem(in_a))
    assert (row["ci_lower"], row["ci_upper"]) == pytest.approx(interval)
    assert row["z_score"] == pytest.approx((in_a.mean() - frame["recency"].mean()) / frame["recency"].std())

    dummies = pd.get_dummies(pd.Series(slugs)).astype(float)
    assert row["eta_squared"] == pytest.approx(sm.OLS(frame["recency"], dummies).fit().rsquared)
    groups = [frame.loc[slugs == slug, "recency"] for slug in "abc"]
    expected = stats.f_oneway(*groups)
    assert (row["f_statistic"], row["f_p_value"]) == pytest.approx((expected.statistic, expected.pvalue))
    ranked = stats.kruskal(*groups)
    assert (row["kruskal_h"], row["kruskal_p_value"]) == pytest.approx((ranked.statistic, ranked.pvalue))
    assert row["epsilon_squared"] == pytest.approx(ranked.statistic * 101 / (100**2 - 1))

    assert rows.at[("a", "discount_rate"), "n"] == 25
    assert rows.at[("a", "discount_rate"), "mean"] == pytest.approx(frame.loc[5:29, "discount_rate"].mean())
    constant = rows.loc[("b", "share_fresh")]
    assert constant["mean"] == pytest.approx(0.3)
    assert constant[["z_score", "eta_squared", "f_p_value", "epsilon_squared"]].isna().all()
    assert table.groupby("feature")["role"].first().to_dict() == {
        "discount_rate": "independent",
        "recency": "used",
        "share_fresh": "used",
    }


def test_twins_of_what_made_the_segments_are_no_evidence() -> None:
    rng = np.random.default_rng(3)
    frame = households(recency=list(rng.gamma(2.0, 30.0, 200)), share_grocery=list(rng.random(200)))
    frame["recency_weeks"] = frame["recency"] // 7
    frame["active_last_4w"] = (frame["recency"] <= 28).astype(int)
    shares = ["share_fresh", "share_bakery", "share_health_beauty", "share_alcohol"]
    frame[["share_other", *shares]] = rng.random((200, 5))
    frame["weekend_share"] = rng.random(200)
    frame["spend_trend"] = [0.5, -0.5, *[NAN] * 198]
    frame["basket_trend"] = NAN
    frame["n_redemptions"] = 0
    frame["monetary_sales"] = -frame["recency"]
    names = list(frame.columns.drop(["household_key", *shares]))
    roles = feature_roles(frame, names, ["recency", "share_grocery", *shares])
    assert roles.set_index("feature")["role"].to_dict() == {
        "recency": "used",
        "share_grocery": "used",
        "recency_weeks": "twin",
        "active_last_4w": "twin",
        "share_other": "twin",
        "weekend_share": "independent",
        "spend_trend": "independent",
        "basket_trend": "independent",
        "n_redemptions": "assigned",
        "monetary_sales": "twin",
    }
    found = roles.set_index("feature")
    assert found.at["monetary_sales", "closest_used"] == "recency"
    assert found.at["monetary_sales", "rank_correlation"] == pytest.approx(-1.0)
    weekend = stats.spearmanr(frame["weekend_share"], frame[found.at["weekend_share", "closest_used"]]).statistic
    assert found.at["weekend_share", "rank_correlation"] == pytest.approx(weekend)
    alone = feature_roles(frame, ["active_last_4w", "share_other"], ["weekend_share", "share_grocery"])
    assert alone["role"].tolist() == ["independent", "independent"]
    with pytest.raises(ProfileError, match="customer features lack frequency; found household_key"):
        feature_roles(frame, ["recency"], ["frequency"])


def test_a_feature_that_few_have_is_described_by_those_few() -> None:
    frame = FEATURES.assign(
        spend_trend=[0.5, NAN, NAN, NAN, NAN], basket_trend=NAN, weekend_share=[0.1, 0.2, 0.3, 0, 1]
    )
    rows = segment_features(frame, FIVE, ["recency"], 0.95).set_index(["segment", "feature"])
    assert {"spend_trend", "basket_trend", "weekend_share"} <= set(rows.index.get_level_values("feature"))
    assert rows.loc[[("a", "spend_trend"), ("b", "spend_trend"), ("a", "basket_trend")], "n"].tolist() == [1, 0, 0]
    assert rows.loc[[("a", "spend_trend"), ("b", "basket_trend")], "eta_squared"].isna().all()


def test_ties_and_a_complete_difference() -> None:
    values, groups = pd.Series([0.0, 0, 1, 1, 1, 5]), pd.Series(list("aabbbb"))
    expected = stats.kruskal(values[:2], values[2:])
    assert group_difference(values, groups).kruskal_h == pytest.approx(expected.statistic)
    apart = group_difference(pd.Series([1.0, 1, 4, 4]), pd.Series(list("aabb")))
    assert (apart.eta_squared, apart.f_statistic, apart.f_p_value) == (1.0, float("inf"), 0.0)


@pytest.mark.parametrize(
    ("values", "groups"), [([1.0, 2, 3], "aaa"), ([2.0, 2, 2], "aab"), ([1.0, 2, NAN], "abb"), ([NAN] * 3, "abc")]
)
def test_where_nothing_can_differ_there_is_no_effect(values: list[float], groups: str) -> None:
    found = group_difference(pd.Series(values), pd.Series(list(groups)))
    assert np.isnan([found.eta_squared, found.f_p_value, found.epsilon_squared, found.kruskal_p_value]).all()


# ------------------------------------------------------------------------------------------------------ demographics

ANSWERS = pd.DataFrame({"household_key": [1, 2, 3, 99], "age_desc": ["65+", "25-34", "65+", "25-34"]})
ANSWERS["homeowner_desc"] = ["Homeowner", None, None, None]


def test_demographics_by_hand() -> None:
    table = segment_demographics(ANSWERS, FIVE, ["age_desc", "homeowner_desc"])
    rows = table.set_index(["segment", "attribute", "answer"])
    assert rows["n"].to_dict() == {
        ("a", "age_desc", "25-34"): 1,
        ("a", "age_desc", "65+"): 1,
        ("a", "homeowner_desc", "Homeowner"): 1,
        ("b", "age_desc", "25-34"): 0,
        ("b", "age_desc", "65+"): 1,
        ("b", "homeowner_desc", "Homeowner"): 0,
    }
    assert rows.at[("a", "age_desc", "65+"), "share"] == 0.5
    assert rows.at[("a", "age_desc", "65+"), "lift"] == pytest.approx(0.75)
    assert rows.at[("b", "age_desc", "65+"), "lift"] == pytest.approx(1.5)
    assert rows["coverage"].groupby("segment").first().tolist() == pytest.approx([1.0, 1 / 3])
    assert rows.at[("a", "homeowner_desc", "Homeowner"), "answer_coverage"] == 0.5
    assert rows.at[("b", "homeowner_desc", "Homeowner"), "answer_coverage"] == 0
    assert np.isnan(rows.at[("b", "homeowner_desc", "Homeowner"), "share"])
    with pytest.raises(ProfileError, match="demographics lack income_desc; found household_key, age_desc"):
        segment_demographics(ANSWERS, FIVE, ["income_desc"])


def test_association_of_answers_and_segments() -> None:
    rng = np.random.default_rng(2)
    slugs = rng.choice(["a", "b", "c"], 300)
    answers = np.where(rng.random(300) < 0.5, slugs, rng.choice(["a", "b", "c"], 300))
    known = pd.DataFrame({"household_key": range(1, 201), "age_desc": answers[:200], "income_desc": "same"})
    tests = demographic_tests(known, segments_of(*slugs), ["age_desc", "income_desc"]).set_index("attribute")
    counts = pd.crosstab(slugs[:200], answers[:200])
    expected = stats.chi2_contingency(counts)
    row = tests.loc["age_desc"]
    assert (row["chi_square"], row["p_value"]) == pytest.approx((expected.statistic, expected.pvalue))
    assert row["cramers_v"] == pytest.approx(stats.contingency.association(counts, method="cramer"))
    assert row["min_expected"] == pytest.approx(expected.expected_freq.min())
    assert row["coverage"] == pytest.approx(2 / 3)
    assert tests.loc["income_desc", ["chi_square", "cramers_v", "p_value"]].isna().all()
    assert tests.at["known", "n"] == 300


def test_nobody_with_demographics_is_reported_and_not_made_up() -> None:
    none = ANSWERS.iloc[:0]
    assert demographic_tests(none, FIVE, ["age_desc"])["p_value"].isna().all()
    assert len(segment_demographics(none, FIVE, ["age_desc"])) == 0


# -------------------------------------------------------------------------------------------------------- departments


def test_lift_by_hand_from_lines() -> None:
    rows = [(1, 10, 6.0), (2, 11, 2.0), (3, 10, 1.0), (3, 11, 1.0), (4, 12, 0.5), (77, 10, 50.0)]
    lines = pd.DataFrame(rows, columns=["household_key", "product_id", "sales_value"])
    rest = {"day": 1, "week_no": 1, "quantity": 1, "store_id": 1, "retail_disc": 0.0, "trans_time": 900}
    lines = lines.assign(basket_id=1, coupon_disc=0.0, coupon_match_disc=0.0, **rest)
    products = pd.DataFrame({"product_id": [10, 11, 13], "department": ["DELI", "MEAT", "TOYS"]})
    products = products.assign(manufacturer=1, brand="National", commodity_desc="", sub_commodity_desc="")
    products["curr_size_of_product"] = ""
    sales = segment_department_sales(lines, products, FIVE, EngineSettings(threads=1))
    assert sales.to_numpy().tolist() == [
        ["a", "DELI", 6.0],
        ["a", "MEAT", 2.0],
        ["b", NO_DEPARTMENT, 0.5],
        ["b", "DELI", 1.0],
        ["b", "MEAT", 1.0],
    ]
    table = segment_departments(sales, min_share=0.1).set_index(["segment", "department"])
    assert table["share"].groupby("segment").sum().tolist() == pytest.approx([1.0, 1.0])
    assert table.at[("a", "DELI"), "lift"] == pytest.approx((6 / 8) / (7 / 10.5))
    assert table.at[("b", "MEAT"), "lift"] == pytest.approx((1 / 2.5) / (3 / 10.5))
    assert table.at[("a", NO_DEPARTMENT), "sales"] == 0
    assert not table.at[("b", NO_DEPARTMENT), "enough_sales"]
    assert pd.isna(table.at[("b", NO_DEPARTMENT), "lift_rank"])
    best = table[table["lift_rank"] == 1].index.tolist()
    assert best == [("a", "DELI"), ("b", "MEAT")]


# -------------------------------------------------------------------------------------------------------------- needs


# ----------------------------------------------------------------------------------------------------- value and need


def test_value_by_need_by_hand() -> None:
    clv = households(clv=[900.0, 500.0, 80.0, 40.0]).assign(value_tier=["high", "mid", "low", "low"])
    need = households(need_margin=[0.1] * 4).assign(need=["fresh", "grocery", "fresh", "fresh"])
    features = households(monetary_sales=[800.0, 400.0, 90.0, 10.0], discount_rate=[0.2, 0.0, 0.1, 0.5])
    place = household_value_need(clv, need, features)
    assert place["discounts"].tolist() == pytest.approx([200.0, 0.0, 10.0, 10.0])
    table = value_need(place, ["fresh", "grocery"]).set_index(["value_tier", "need"])
    assert len(table) == 6
    assert table["n_households"].tolist() == [1, 0, 0, 1, 2, 0]
    assert table["share"].sum() == pytest.approx(1.0)
    assert table["revenue_share"].sum() == pytest.approx(1.0)
    cell = table.loc[("low", "fresh")]
    assert cell["discount_rate_mean"] == pytest.approx(0.3)
    assert cell["discount_rate"] == pytest.approx(20 / 120)
    assert (cell["tier_share"], cell["clv_mean"]) == (1.0, 60.0)
    assert table.loc[("high", "grocery"), ["clv_mean", "discount_rate"]].isna().all()
    with pytest.raises(ValueNeedError, match="found 4, 4, 3 of them and 3 in all three"):
        household_value_need(clv, need, features.iloc[1:])
    with pytest.raises(ValueNeedError, match="households have the needs alcohol; known are fresh, grocery"):
        value_need(place.assign(need="alcohol"), ["fresh", "grocery"])


def test_a_household_that_paid_nothing_has_no_discounts_to_add() -> None:
    clv = households(clv=[9.0, 5.0]).assign(value_tier=["high", "low"])
    need = households(need_margin=[0.1, 0.0]).assign(need=["fresh", "none"])
    features = households(monetary_sales=[0.0, 10.0], discount_rate=[1.0, NAN])
    place = household_value_need(clv, need, features)
    assert place["discounts"].isna().all()
    table = value_need(place, ["fresh", "grocery"])
    assert table["need"].unique().tolist() == ["fresh", "grocery", "none"]
