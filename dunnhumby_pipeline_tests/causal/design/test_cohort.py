"""Trials: who enters at each campaign, what is known of them, what they then buy; and the matrix made of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dunnhumby_pipeline.causal.design.campaigns import CAMPAIGN_COLUMNS, plan_campaigns, studied
from dunnhumby_pipeline.causal.design.cohort import (
    DEMOGRAPHICS,
    Cohort,
    CohortError,
    build_cohort,
    covariate_columns,
    covariates_today,
)
from dunnhumby_pipeline.causal.design.matrix import fit_design_matrix, trial_matrix
from dunnhumby_pipeline.contracts.feature import redeemed_column
from dunnhumby_pipeline.contracts.features import TOTALS
from dunnhumby_pipeline.contracts.outcomes import MEASURED
from dunnhumby_pipeline.contracts.schema import CAMPAIGN_TYPES
from dunnhumby_pipeline.settings import TrialSettings
from dunnhumby_pipeline_tests.fakes.known_truth import ENGINE, lines, write_tables

TRIAL = TrialSettings(look_back_days=60, min_history_days=28, follow_up_days=28)
NAN = float("nan")


# Campaigns


def _campaigns(*campaigns: tuple[int, int, int], kind: str = "TypeA") -> pd.DataFrame:
    return pd.DataFrame(campaigns, columns=["campaign", "start_day", "end_day"]).assign(description=kind)


def _plan(campaigns: pd.DataFrame, last_day: int = 700, **changed: object) -> pd.DataFrame:
    return plan_campaigns(campaigns, "TypeA", 1, last_day, TRIAL.model_copy(update=changed))


def _reasons(campaigns: pd.DataFrame) -> dict[int, str]:
    left_out = campaigns.loc[~campaigns["used"]]
    return dict(zip(left_out["campaign"], left_out["reason"], strict=True))


def test_windows_follow_the_campaign_and_campaigns_follow_their_days_not_their_ids() -> None:
    campaigns = pd.concat([_campaigns((7, 400, 430), (26, 200, 240)), _campaigns((1, 210, 215), kind="TypeB")])
    campaigns = _plan(campaigns)
    assert campaigns.columns.tolist() == CAMPAIGN_COLUMNS
    assert campaigns.drop(columns="reason").to_dict("list") == {
        "campaign": [26, 7],
        "start_day": [200, 400],
        "end_day": [240, 430],
        "index_day": [200, 400],
        "lookback_start": [140, 340],
        "outcome_end": [268, 458],
        "lookback_days": [60, 60],
        "used": [True, True],
        "overlaps_with": ["", ""],
    }
    assert campaigns["reason"].isna().all()


@pytest.mark.parametrize(
    ("next_start", "last_day", "outcome_end"),
    [(269, 700, 268), (268, 700, 267), (230, 700, 229), (900, 268, 268), (230, 240, 229)],
    ids=[
        "follow-up in full",
        "next campaign a day early",
        "next campaign while it runs",
        "just enough data",
        "cut before",
    ],
)
def test_the_outcome_window_stops_at_the_next_campaign(next_start: int, last_day: int, outcome_end: int) -> None:
    used = studied(_plan(_campaigns((1, 200, 240), (2, next_start, next_start + 10)), last_day))
    assert used.set_index("campaign").loc[1, "outcome_end"] == outcome_end


def test_a_campaign_in_the_last_days_of_the_data_is_left_out_and_says_how_many_days_are_missing() -> None:
    campaigns = _campaigns((1, 200, 240))
    expected = "the data end on day 250, 18 days before its outcome window would, on day 268"
    assert _reasons(_plan(campaigns, 250)) == {1: expected}
    expected = "the data end on day 267, 1 day before its outcome window would, on day 268"
    assert _reasons(_plan(campaigns, 267)) == {1: expected}
    assert _plan(campaigns, 250)["outcome_end"].tolist() == [268]
    # A next campaign ends the window first, whether it can be studied or not.
    assert _reasons(_plan(_campaigns((1, 200, 240), (2, 245, 300)), 250)) == {
        2: "it had not ended on the last day of the data, 250"
    }


def test_a_campaign_that_is_cut_may_be_kept_and_ends_with_the_data() -> None:
    kept = _plan(_campaigns((1, 200, 240), (2, 245, 300)), 270, keep_cut_campaigns=True)
    assert kept["used"].tolist() == [True, False]
    kept = _plan(_campaigns((1, 200, 240)), 250, keep_cut_campaigns=True)
    assert kept[["outcome_end", "used"]].to_numpy().tolist() == [[250, True]]


def test_campaigns_of_one_day_do_not_cut_each_other() -> None:
    used = studied(_plan(_campaigns((9, 200, 240), (3, 200, 230), (5, 300, 320))))
    assert used["campaign"].tolist() == [3, 9, 5]
    assert used["outcome_end"].tolist() == [258, 268, 348]


def test_campaigns_that_overlap_in_time_name_each_other() -> None:
    campaigns = _plan(_campaigns((9, 200, 240), (3, 200, 230), (5, 240, 320), (6, 321, 330)))
    assert dict(zip(campaigns["campaign"], campaigns["overlaps_with"], strict=True)) == {
        3: "9",
        9: "3, 5",
        5: "9",
        6: "",
    }
    # Both are studied; the earlier ends where the later begins.
    assert campaigns["used"].all()
    assert campaigns["outcome_end"].tolist() == [239, 239, 320, 358]


def test_campaigns_without_history_or_end_are_left_out_with_their_reason() -> None:
    campaigns = _campaigns((4, -5, 20), (1, 28, 40), (2, 29, 50), (3, 660, 701), (5, 660, 670))
    campaigns = _plan(campaigns)
    used = studied(campaigns)
    assert used["campaign"].tolist() == [2, 5]
    assert used["lookback_start"].tolist() == [1, 600]
    assert used["lookback_days"].tolist() == [28, 60]
    assert _reasons(campaigns) == {
        4: "fewer than 28 days of data lie before its first day",
        1: "fewer than 28 days of data lie before its first day",
        3: "it had not ended on the last day of the data, 700",
    }
    assert (campaigns["lookback_days"] >= 0).all(), "a campaign before the data has no look-back, not a negative one"


def test_an_outcome_window_that_the_next_campaign_cuts_short_is_left_out() -> None:
    soon = _campaigns((1, 200, 240), (2, 227, 260), (3, 300, 330))
    assert _reasons(_plan(soon)) == {1: "its outcome window has 27 days, fewer than 28"}
    assert _reasons(_plan(soon, min_window_days=27)) == {}
    # A campaign whose days contradict each other ends before it begins.
    assert _reasons(_plan(_campaigns((1, 200, 171)))) == {1: "its outcome window has 0 days, fewer than 28"}


def test_history_is_counted_in_days_of_data_not_in_days_of_look_back() -> None:
    campaigns = _plan(_campaigns((1, 90, 95), (2, 91, 95)), min_history_days=90)
    assert studied(campaigns)[["campaign", "lookback_days"]].to_numpy().tolist() == [[2, 60]]
    assert campaigns.loc[~campaigns["used"], "campaign"].tolist() == [1]


def test_the_reference_studys_campaigns_look_back_to_the_first_day_and_stop_at_no_other_campaign() -> None:
    campaigns = _campaigns((1, 20, 30), (2, 200, 240), (3, 230, 250), (4, 650, 690), (5, 680, 701))
    campaigns = _plan(campaigns, design="never_targeted")
    assert _reasons(campaigns) == {
        1: "fewer than 28 days of data lie before its first day",
        5: "it had not ended on the last day of the data, 700",
    }
    used = studied(campaigns)
    assert used["lookback_start"].tolist() == [1, 1, 1]
    assert used["lookback_days"].tolist() == [199, 229, 649]
    assert used["outcome_end"].tolist() == [268, 278, 700]


# A hand-made retailer: TypeA campaigns 8 (day 100), 5 (day 150), 30 without history, 9 not ended; 40 is a TypeB.

CAMPAIGNS = pd.concat(
    [_campaigns((30, 20, 25), (8, 100, 110), (5, 150, 160), (9, 300, 400)), _campaigns((40, 90, 105), kind="TypeB")]
)
TARGETS = pd.DataFrame(
    [(1, 5), (2, 8), (2, 5), (4, 30), (4, 8), (5, 8), (6, 9), (1, 40)], columns=["household_key", "campaign"]
)
# Amounts are powers of two, so that a sum says which lines it holds.
LINES = lines(
    *((household, 95, 1.0) for household in (1, 2, 4, 6)),
    (3, 39, 1.0),
    (3, 40, 2.0),
    (3, 99, 4.0),
    (3, 100, 8.0),
    (3, 138, 16.0),
    (3, 139, 32.0),
    (5, 1, 1.0),
    (5, 120, 4.0),
    (2, 130, 64.0),
    (6, 320, 1.0),
)
REDEMPTIONS = pd.DataFrame(
    # Outside the window by a day, on its last day, on its first day by a control, another campaign's coupon.
    [(1, 189, 5), (2, 138, 8), (3, 150, 5), (6, 105, 40)],
    columns=["household_key", "day", "campaign"],
)


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return write_tables(
        tmp_path_factory.mktemp("tables"),
        transactions=LINES,
        products=pd.DataFrame({"product_id": [1], "department": ["GROCERY"], "brand": ["National"]}),
        campaigns=CAMPAIGNS,
        campaign_targets=TARGETS.merge(CAMPAIGNS[["campaign", "description"]]),
        coupon_redemptions=REDEMPTIONS,
        demographics=pd.DataFrame({"household_key": [1, 3], "age_desc": ["35-44", None]}),
    )


@pytest.fixture(scope="module")
def cohort(tables: dict[str, Path]) -> Cohort:
    return build_cohort(tables, "TypeA", TRIAL, ENGINE)


@pytest.fixture(scope="module")
def trials(cohort: Cohort) -> pd.DataFrame:
    return cohort.trials.set_index(["campaign", "household_key"])


def test_each_campaign_admits_the_households_it_may(cohort: Cohort) -> None:
    entered = {
        (row.campaign, row.household_key): row.treated
        for row in cohort.trials[["campaign", "household_key", "treated"]].itertuples()
    }
    assert entered == {
        # 4 was sent a campaign that is left out for lack of history: sent is sent. 5 did not shop in the look-back.
        (8, 1): 0,
        (8, 2): 1,
        (8, 3): 0,
        (8, 6): 0,
        # 2 was sent campaign 8 before; 1 and 6 had not been sent a TypeA campaign yet; 5 shopped by now, and had been.
        (5, 1): 1,
        (5, 3): 0,
        (5, 6): 0,
    }
    assert cohort.trials[["index_day", "household_key"]].to_numpy().tolist() == [
        [100, 1],
        [100, 2],
        [100, 3],
        [100, 6],
        [150, 1],
        [150, 3],
        [150, 6],
    ]


def test_a_targeted_household_without_look_back_is_counted_and_one_sent_before_is_not(cohort: Cohort) -> None:
    assert cohort.n_treated_without_history == 1


def test_a_household_is_treated_once_at_most(cohort: Cohort) -> None:
    assert cohort.trials.groupby("household_key")["treated"].sum().max() == 1
    first_treated = cohort.trials[cohort.trials["treated"] == 1].set_index("household_key")["index_day"]
    last_seen = cohort.trials.groupby("household_key")["index_day"].max()
    assert (last_seen[first_treated.index] == first_treated).all()


def test_a_household_sent_another_campaign_of_the_same_day_is_no_control(tmp_path: Path) -> None:
    folder = write_tables(
        tmp_path,
        transactions=lines(*((household, day, 1.0) for household in (1, 2, 3) for day in (1, 95, 320))),
        campaigns=_campaigns((8, 100, 110), (5, 100, 120)),
        campaign_targets=pd.DataFrame([(1, 8), (2, 5), (2, 8)], columns=["household_key", "campaign"]),
    )
    found = build_cohort(folder, "TypeA", TRIAL, ENGINE).trials[["campaign", "household_key", "treated"]]
    # Household 2 was sent both: it is treated once, by the lower id.
    assert found.to_numpy().tolist() == [[5, 2, 1], [5, 3, 0], [8, 1, 1], [8, 3, 0]]


def test_both_arms_share_index_day_look_back_and_outcome_window(cohort: Cohort) -> None:
    shared = cohort.trials.groupby("campaign")[["index_day", "lookback_start", "outcome_end"]]
    assert (shared.nunique() == 1).all(axis=None)
    assert (cohort.trials.groupby("campaign")["treated"].nunique() == 2).all()
    assert shared.first().to_dict("index") == {
        8: {"index_day": 100, "lookback_start": 40, "outcome_end": 138},
        5: {"index_day": 150, "lookback_start": 90, "outcome_end": 188},
    }


def test_days_on_the_borders_fall_where_they_should(trials: pd.DataFrame) -> None:
    # Look-back [40, 100) holds days 40 and 99; the outcome [100, 138] holds days 100 and 138.
    at_8 = trials.loc[(8, 3)]
    assert (at_8["monetary_sales"], at_8["frequency"], at_8["recency"]) == (6.0, 2, 0)
    assert (at_8["purchase_amount"], at_8["purchase_count"]) == (24.0, 2)
    at_5 = trials.loc[(5, 3)]
    assert (at_5["monetary_sales"], at_5["frequency"], at_5["recency"]) == (60.0, 4, 10)


def test_buying_nothing_is_an_outcome_of_zero(trials: pd.DataFrame) -> None:
    assert trials.loc[(5, 3), ["purchase_amount", "purchase_count"]].tolist() == [0.0, 0.0]
    assert trials[["purchase_amount", "purchase_count", "redeemed"]].notna().all(axis=None)
    assert trials.loc[(8, 2), "purchase_amount"] == 64.0


def test_redeemed_means_a_coupon_of_this_campaign_in_the_outcome_window(trials: pd.DataFrame) -> None:
    assert trials.index[trials["redeemed"] == 1].tolist() == [(8, 2), (5, 3)]
    assert set(trials["redeemed"]) == {0, 1}


def test_history_is_of_other_types_and_before_the_index_day(cohort: Cohort, trials: pd.DataFrame) -> None:
    assert not {"received_typea", "active_typea"} & set(cohort.trials.columns)
    seen = trials[["received_typeb", "active_typeb", "n_redemptions"]]
    assert seen.loc[(8, 1)].tolist() == [1.0, 1.0, 0.0]
    # By day 150 the campaign of days 90 to 105 had ended.
    assert seen.loc[(5, 1)].tolist() == [1.0, 0.0, 0.0]
    assert seen.loc[(8, 3)].tolist() == [0.0, 0.0, 0.0]
    # The redemption of day 105 is not known on day 100.
    assert (seen.loc[(8, 6), "n_redemptions"], seen.loc[(5, 6), "n_redemptions"]) == (0.0, 1.0)


def test_an_unknown_answer_is_a_level(trials: pd.DataFrame) -> None:
    assert trials.loc[(8, 1), "age_desc"] == "35-44"
    assert trials.loc[(8, 3), "age_desc"] == "unknown"
    assert (trials.loc[(8, 2), list(DEMOGRAPHICS)] == "unknown").all()


def test_columns_of_trials_are_as_promised(cohort: Cohort) -> None:
    own = "household_key campaign treated index_day lookback_start outcome_end"
    assert cohort.trials.columns.tolist() == [*own.split(), *MEASURED, *covariate_columns("TypeA")]
    assert {"purchase_amount", "purchase_count", "redeemed"} < set(MEASURED)
    assert {"amount_without_fuel", "margin_weighted_amount"} < set(MEASURED)
    key = ["household_key", "campaign"]
    shoppers = cohort.look_backs.set_index(key).index
    assert shoppers.is_unique
    assert cohort.trials.set_index(key).index.isin(shoppers).all()
    assert len(shoppers) > len(cohort.trials), "households that are no longer trials count among the shoppers"


def test_the_campaigns_are_put_in_words(cohort: Cohort) -> None:
    assert cohort.campaigns_text().splitlines() == [
        "- campaign 8: index day 100, look-back of 60 days, outcome window to day 138",
        "- campaign 5: index day 150, look-back of 60 days, outcome window to day 188",
        "- campaign 30 left out: fewer than 28 days of data lie before its first day",
        "- campaign 9 left out: it had not ended on the last day of the data, 320",
    ]


def test_a_type_without_a_campaign_to_study_says_why(tables: dict[str, Path]) -> None:
    with pytest.raises(CohortError, match=r"no campaign of TypeC can be studied \(there is no campaign of this type\)"):
        build_cohort(tables, "TypeC", TRIAL, ENGINE)
    with pytest.raises(CohortError) as caught:
        build_cohort(tables, "TypeB", TRIAL.model_copy(update={"min_history_days": 90}), ENGINE)
    assert str(caught.value) == (
        "no campaign of TypeB can be studied (campaign 40: fewer than 90 days of data lie before its first day). "
        "The data hold days 1 to 320; choose another campaign type, a shorter "
        "trial.min_history_days or trial.follow_up_days, or trial.keep_cut_campaigns."
    )


def test_covariates_of_today_see_the_last_look_back(tables: dict[str, Path], cohort: Cohort) -> None:
    wide = TRIAL.model_copy(update={"look_back_days": 201})
    today = covariates_today(tables, "TypeA", cohort.trials, wide, ENGINE).set_index("household_key")
    # Days 120 to 320: households 2, 3, 5 and 6 shopped, the first of them on day 120.
    assert today.index.tolist() == [2, 3, 5, 6]
    assert today["monetary_sales"].tolist() == [64.0, 48.0, 4.0, 1.0]
    assert today["recency"].tolist() == [190, 181, 200, 0]
    assert today["received_before"].tolist() == [True, False, True, True]
    # The latest campaign by its day, which is not the one with the highest id.
    assert set(today["campaign"]) == {5}
    assert set(covariate_columns("TypeA")) <= set(today.columns)
    a_day_less = TRIAL.model_copy(update={"look_back_days": 200})
    narrow = covariates_today(tables, "TypeA", cohort.trials, a_day_less, ENGINE)
    assert narrow["household_key"].tolist() == [2, 3, 6]


# The design matrix


@pytest.fixture
def covariates() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "days_between_purchases_avg": [2.0, NAN, 9.0, 4.0],
            "monetary_std": [1.0, 5.0, NAN, 3.0],
            "age_desc": ["19-24", "unknown", "unknown", "65+"],
            "campaign": [8, 8, 26, 26],
        }
    )


def test_missing_values_are_filled_and_flagged(covariates: pd.DataFrame) -> None:
    design = fit_design_matrix(covariates, ["days_between_purchases_avg", "monetary_std", "age_desc"])
    matrix = pd.DataFrame(design.apply(covariates), columns=list(design.names))
    assert matrix.columns.tolist() == [
        "days_between_purchases_avg",
        "monetary_std",
        "missingindicator_monetary_std",
        "age_desc_19-24",
        "age_desc_65+",
        "age_desc_unknown",
        "campaign_26",
        "campaign_8",
    ]
    assert matrix["days_between_purchases_avg"].tolist() == [2, 9, 9, 4]
    assert matrix["monetary_std"].tolist() == [1, 5, 3, 3]
    assert matrix["missingindicator_monetary_std"].tolist() == [0, 0, 1, 0]
    assert matrix["campaign_26"].tolist() == [0, 0, 1, 1]


def test_a_level_that_was_not_seen_is_all_zeros(covariates: pd.DataFrame) -> None:
    design = fit_design_matrix(covariates, ["monetary_std", "age_desc"])
    new = pd.DataFrame({"monetary_std": [100.0, NAN], "age_desc": ["35-44", "65+"], "campaign": [99, 8]})
    matrix = pd.DataFrame(design.apply(new), columns=list(design.names))
    levels = [name for name in matrix.columns if name.startswith(("age_desc", "campaign"))]
    assert matrix.loc[0, levels].tolist() == [0.0] * 5
    assert matrix.loc[1, ["age_desc_65+", "campaign_8"]].tolist() == [1.0, 1.0]
    assert matrix.loc[1, levels].sum() == 2.0
    # Filled with the fitted trials' median, whatever the new households hold.
    assert matrix["monetary_std"].tolist() == [100.0, 3.0]


def test_covariates_without_a_value_are_left_out_and_named_and_missing_ones_refused(covariates: pd.DataFrame) -> None:
    design = fit_design_matrix(covariates.assign(tenure=NAN), ["monetary_std", "tenure", "age_desc"])
    assert design.left_out == ("tenure",)
    assert not any("tenure" in name for name in design.names)
    with pytest.raises(ValueError, match=r"missing from the trials: \['recency'\]"):
        fit_design_matrix(covariates, ["recency", "age_desc"])
    with pytest.raises(ValueError, match="no covariate has any value among the 4 trials"):
        fit_design_matrix(covariates.assign(tenure=NAN), ["tenure"])


def test_totals_are_taken_per_day_of_each_rows_own_look_back() -> None:
    trials = pd.DataFrame(
        {
            "campaign": [30, 30, 13],
            "lookback_start": [285, 285, 322],
            "index_day": [323, 323, 504],
            "frequency": [38, 19, 182],
            "n_redemptions": [0, 38, 91],
            "recency": [3, 4, 5],
        }
    )
    names = ["frequency", "n_redemptions", "recency"]
    design = fit_design_matrix(trials, names)
    rates = pd.DataFrame(design.apply(trials), columns=list(design.names))
    assert rates["frequency_per_day"].tolist() == [1.0, 0.5, 1.0]
    assert rates["n_redemptions_per_day"].tolist() == [0.0, 1.0, 0.5]
    assert rates["recency"].tolist() == [3, 4, 5]
    # Households of another day have a look-back of their own, which need not be that of the campaign they carry.
    today = pd.DataFrame({"campaign": [13], "lookback_start": [600], "index_day": [650], "frequency": [100]})
    today = today.assign(n_redemptions=5, recency=1)
    assert dict(zip(design.names, design.apply(today)[0], strict=True))["frequency_per_day"] == 2.0
    as_they_are = fit_design_matrix(trials, names, per_day=False)
    assert as_they_are.names[:2] == ("frequency", "n_redemptions")
    assert as_they_are.apply(trials)[:, 0].tolist() == [38, 19, 182]
    for step in (
        lambda: fit_design_matrix(trials.drop(columns="index_day"), names),
        lambda: design.apply(today[names]),
    ):
        with pytest.raises((ValueError, KeyError)):
            step()


def test_a_total_is_what_a_longer_window_has_more_of() -> None:
    """Whatever the catalogue calls a total is a sum or a count over the window, and nothing else is."""
    assert set(TOTALS) == {
        *("frequency", "transaction_count", "weeks_with_purchase", "monetary_sales", "monetary_actual"),
        *("n_departments", "n_products", "tenure", "tenure_weeks", "n_redemptions"),
        *(redeemed_column(kind) for kind in CAMPAIGN_TYPES),
    }


def test_the_matrix_of_trials_holds_every_covariate_campaign_and_segment(cohort: Cohort) -> None:
    complete = cohort.trials.assign(lookback_segment="light", monetary_std=[1.0, NAN, 2.0, 3.0, 4.0, 5.0, 6.0])
    design, x = trial_matrix(complete, "TypeA")
    assert x.shape == (len(complete), len(design.names))
    assert np.isfinite(x).all()
    assert {"campaign_8", "campaign_5", "lookback_segment_light", "received_typeb"} <= set(design.names)
    later = {"treated", "redeemed", "purchase_amount", "purchase_count", "outcome_end", "household_key"}
    assert not later & set(design.names)
    # A need divides trials when effects are told; it is no covariate.
    assert "lookback_need" not in covariate_columns("TypeA", 84)
    labelled, same = trial_matrix(complete.assign(lookback_need=list("aabbabb")), "TypeA")
    assert labelled.names == design.names
    np.testing.assert_array_equal(same, x)


def test_trials_are_placed_in_segments_and_needs_of_their_look_back(cohort: Cohort) -> None:
    backs = cohort.look_backs
    segments = pd.Series([f"segment {row.household_key}" for row in backs.itertuples()], index=backs.index)
    needs = pd.Series([f"need {row.household_key} {row.campaign}" for row in backs.itertuples()], index=backs.index)
    placed = cohort.placed(segments, needs)
    assert len(placed) == len(cohort.trials)
    for row in placed.itertuples():
        assert row.lookback_need == f"need {row.household_key} {row.campaign}"
        assert row.lookback_segment == f"segment {row.household_key}"
    assert "lookback_need" not in cohort.placed(segments)
