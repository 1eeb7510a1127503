"""Trials of a repeat: who enters at a later campaign, when the last one is over, and what is known of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from dunnhumby_pipeline.causal.design.cohort import build_cohort, covariate_columns
from dunnhumby_pipeline.causal.design.repeats import DAYS_SINCE, households_today, repeat_trials, repeated
from dunnhumby_pipeline.contracts.outcomes import MEASURED
from dunnhumby_pipeline.contracts.registry import table
from dunnhumby_pipeline.contracts.table import require_columns
from dunnhumby_pipeline.settings import TrialSettings
from dunnhumby_pipeline_tests.fakes.known_truth import ENGINE, lines, write_tables

TRIAL = TrialSettings(look_back_days=60, min_history_days=28, follow_up_days=28)
NOBODY = pd.DataFrame({"household_key": [], "cluster": []}, dtype="int64")
# Campaign 8 runs from day 100 to 110, campaign 5 from 150 to 160, campaign 3 from 155 to 200, 9 from 260 to 270.
CAMPAIGNS = pd.DataFrame(
    [(8, 100, 110), (5, 150, 160), (9, 260, 270)], columns=["campaign", "start_day", "end_day"]
).assign(description="TypeA")
# 1 and 2 were sent campaign 8, 1 and 3 campaign 5; 4 was sent none; 5 was sent 8 and shopped before it only.
TARGETS = pd.DataFrame([(1, 8), (2, 8), (5, 8), (1, 5), (3, 5), (2, 9)], columns=["household_key", "campaign"])
LINES = lines(
    *((household, 95, 1.0) for household in (1, 2, 3, 4)),
    (5, 60, 1.0),
    *((household, 140, 2.0) for household in (1, 2, 3, 4)),
    *((household, 155, 4.0) for household in (1, 2)),
    *((household, 250, 8.0) for household in (1, 2, 3, 4)),
    (1, 265, 16.0),
    (4, 400, 1.0),
)


def segments(rows: pd.DataFrame) -> pd.Series:
    return pd.Series("all", index=rows.index)


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return write_tables(
        tmp_path_factory.mktemp("repeats"),
        transactions=LINES,
        products=pd.DataFrame({"product_id": [1], "department": ["GROCERY"], "brand": ["National"]}),
        campaigns=CAMPAIGNS,
        campaign_targets=TARGETS.assign(description="TypeA"),
    )


Trials = Callable[..., pd.DataFrame]


@pytest.fixture(scope="module")
def trials(tables: dict[str, Path]) -> Trials:
    found: dict[str, pd.DataFrame] = {}

    def made(known: pd.DataFrame | None = None, **changed: object) -> pd.DataFrame:
        if known is not None:
            return build(known, changed)
        if str(changed) not in found:
            found[str(changed)] = build(None, changed)
        return found[str(changed)].copy()

    def build(known: pd.DataFrame | None, changed: dict[str, object]) -> pd.DataFrame:
        nothing = pd.DataFrame(columns=["household_key", "campaign", "lookback_segment"], dtype="int64")
        settings = TRIAL.model_copy(update=changed)
        given = nothing if known is None else known
        return repeat_trials(tables, "TypeA", settings, ENGINE, segments, given, NOBODY, 0.3)

    return made


def test_who_was_sent_the_type_before_enters_at_its_later_campaigns(trials: Trials) -> None:
    found = trials()
    entered = {(row.campaign, row.household_key): row.treated for row in found.itertuples()}
    # At campaign 5 those sent 8 who shopped: 1, sent again, and 2, not. At 9 those sent any: 1 and 3, and 2 again.
    assert entered == {(5, 1): 1, (5, 2): 0, (9, 1): 0, (9, 2): 1, (9, 3): 0}
    assert found.set_index(["campaign", "household_key"])[DAYS_SINCE].to_dict() == {
        (5, 1): 50, (5, 2): 50, (9, 1): 110, (9, 2): 160, (9, 3): 110,
    }  # fmt: skip
    bought = found.set_index(["campaign", "household_key"])["purchase_amount"].to_dict()
    assert bought == {(5, 1): 4.0, (5, 2): 4.0, (9, 1): 16.0, (9, 2): 0.0, (9, 3): 0.0}


def test_no_repeat_is_a_trial_of_the_study_and_what_was_sent_before_is_a_covariate(
    trials: Trials, tables: dict[str, Path]
) -> None:
    found, key = trials(), ["household_key", "campaign"]
    own = build_cohort(tables, "TypeA", TRIAL, ENGINE).trials
    assert not pd.MultiIndex.from_frame(found[key]).isin(pd.MultiIndex.from_frame(own[key])).any()
    assert set(covariate_columns("TypeA", 1)) <= set(found.columns)
    assert found.set_index(["campaign", "household_key"])["received_typea"].to_dict() == {
        (5, 1): 1, (5, 2): 1, (9, 1): 2, (9, 2): 1, (9, 3): 1,
    }  # fmt: skip
    require_columns(table("repeat_trials"), found)


def test_the_last_campaign_and_the_washout_must_be_over(trials: Trials) -> None:
    # Campaign 8 ends on day 110, 39 whole days before day 150; 5 ends on day 160, 99 before day 260.
    assert set(trials(repeat_washout_days=39)["campaign"]) == {5, 9}
    assert set(trials(repeat_washout_days=40)["campaign"]) == {9}
    assert trials(repeat_washout_days=100).empty, "only household 2 is left, and no arm beside it"
    require_columns(table("repeat_trials"), trials(repeat_washout_days=100))


def test_who_spent_more_than_a_household_may_does_not_enter(trials: Trials) -> None:
    assert trials(max_look_back_spend=0.5).empty


def test_the_reference_studys_design_has_no_repeats(trials: Trials) -> None:
    assert trials(design="never_targeted").empty


def test_known_look_backs_are_taken_as_they_are(trials: Trials) -> None:
    fresh = trials()
    names = ["household_key", "campaign", *covariate_columns("TypeA", 1), "lookback_segment"]
    known = fresh.loc[fresh["campaign"] == 9, names].assign(lookback_segment="as known")
    again = trials(known)
    assert again.groupby("campaign")["lookback_segment"].unique().map(list).to_dict() == {5: ["all"], 9: ["as known"]}
    same = [name for name in fresh.columns if name != "lookback_segment"]
    pd.testing.assert_frame_equal(again[same], fresh[same], check_dtype=False)


def test_households_of_today_are_told_whether_their_last_campaign_is_over(tables: dict[str, Path]) -> None:
    own = build_cohort(tables, "TypeA", TRIAL, ENGINE).trials
    long = TRIAL.model_copy(update={"look_back_days": 200})
    today = households_today(tables, "TypeA", own, long, ENGINE).set_index("household_key")
    assert today["received_before"].to_dict() == {1: True, 2: True, 3: True, 4: False}
    # The last day is 400; campaign 9 began on day 260, campaign 5 on day 150.
    assert today[DAYS_SINCE].dropna().to_dict() == {1: 251, 2: 141, 3: 251}
    assert today.loc[[1, 2, 3], "over"].all()
    rows = pd.DataFrame({"household_key": [2, 1], "index_day": [265, 265]})
    history = repeated(rows, TARGETS, CAMPAIGNS, "TypeA", TRIAL)
    assert history.over.tolist() == [False, True], "household 2 has campaign 9, which runs to day 270"


def test_columns_are_of_one_type_where_every_household_bought(tmp_path: Path) -> None:
    everybody = pd.concat([LINES, lines((2, 266, 1.0), (3, 267, 2.0))], ignore_index=True)
    where = write_tables(
        tmp_path,
        transactions=everybody,
        products=pd.DataFrame({"product_id": [1], "department": ["GROCERY"], "brand": ["National"]}),
        campaigns=CAMPAIGNS,
        campaign_targets=TARGETS.assign(description="TypeA"),
    )
    nothing = pd.DataFrame(columns=["household_key", "campaign", "lookback_segment"], dtype="int64")
    found = repeat_trials(where, "TypeA", TRIAL, ENGINE, segments, nothing, NOBODY, 0.3)
    # No household without a purchase in its outcome window, so that no gap has made numbers with decimals of counts.
    assert (found["purchase_count"] > 0).all()
    promised = table("repeat_trials")
    assert {
        name: str(found[name].dtype) for name in MEASURED if promised.column(name).type == "DOUBLE"
    } == dict.fromkeys((name for name in MEASURED if promised.column(name).type == "DOUBLE"), "float64")
