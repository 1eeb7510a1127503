"""Designs: who enters at which campaign, how trials are measured, the counts on the way, the designs compared."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dunnhumby_pipeline.causal.design.cohort import (
    DEMOGRAPHICS,
    Cohort,
    CohortError,
    build_cohort,
    covariate_columns,
    covariates_today,
)
from dunnhumby_pipeline.causal.design.enrolment import Enrolment, enrol, listings, n_without_history, sent_before
from dunnhumby_pipeline.causal.design.flow import trial_flow
from dunnhumby_pipeline.causal.design.matrix import trial_matrix
from dunnhumby_pipeline.causal.design.outcomes import winsorised
from dunnhumby_pipeline.causal.effects.design_comparison import COLUMNS, NOTES, FittedDesign, compare_designs
from dunnhumby_pipeline.causal.nuisance.cross_fit import cross_fit
from dunnhumby_pipeline.contracts.features import CATALOGUE
from dunnhumby_pipeline.contracts.names import DESIGNS
from dunnhumby_pipeline.settings import NuisanceSettings, Settings, TrialSettings
from dunnhumby_pipeline_tests.fakes.known_truth import ENGINE, lines, write_tables

TRIAL = TrialSettings(look_back_days=60, min_history_days=28, follow_up_days=28)
Tables = dict[str, Path]
Entered = dict[tuple[int, int], int]


def _campaigns(*campaigns: tuple[int, int, int], kind: str = "TypeA") -> pd.DataFrame:
    return pd.DataFrame(campaigns, columns=["campaign", "start_day", "end_day"]).assign(description=kind)


def _targets(*pairs: tuple[int, int]) -> pd.DataFrame:
    return pd.DataFrame(pairs, columns=["household_key", "campaign"])


def _few_features(tables: Tables, windows: pd.DataFrame, engine: object) -> pd.DataFrame:
    """In place of `household_features`: who shopped in which window, how often and when last; all else is null."""
    pairs = pd.read_parquet(tables["transactions"]).merge(windows, how="cross")
    inside = pairs.loc[(pairs["day"] >= pairs["first_day"]) & (pairs["day"] < pairs["index_day"])]
    known = inside.groupby(["window", "household_key", "index_day"], as_index=False).agg(
        frequency=("basket_id", "nunique"), last=("day", "max")
    )
    known["recency"] = known["index_day"] - 1 - known["last"]
    unknown = [feature.name for feature in CATALOGUE if feature.name not in known.columns]
    return known.drop(columns=["index_day", "last"]).assign(**dict.fromkeys(unknown, float("nan")))


@contextmanager
def _quickly() -> Iterator[None]:
    """Features take most of the time, and are tested elsewhere."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dunnhumby_pipeline.causal.design.cohort.household_features", _few_features)
        yield


_KNOWN: dict[str, Cohort] = {}


def _cohort(tables: Tables, **changed: object) -> Cohort:
    """Built once of the same tables and settings; nobody changes one."""
    asked = f"{tables['transactions']} {changed}"
    if asked not in _KNOWN:
        with _quickly():
            _KNOWN[asked] = build_cohort(tables, "TypeA", TRIAL.model_copy(update=changed), ENGINE)
    return _KNOWN[asked]


def _entered(cohort: Cohort) -> Entered:
    """Treated (0/1) of each trial, by campaign and household."""
    rows = cohort.trials[["campaign", "household_key", "treated"]].itertuples(index=False)
    return {(campaign, household): treated for campaign, household, treated in rows}


# Campaigns start on days 100, 150 and 250. Households 1 to 5 shop in every look-back and campaign unless said.
CAMPAIGNS = _campaigns((8, 100, 110), (5, 150, 160), (3, 250, 260))
STEADY = [(household, day, 1.0) for household in (1, 2, 3, 4, 5) for day in (1, 95, 105, 145, 155, 245, 255, 300)]


@pytest.fixture(scope="module")
def steady(tmp_path_factory: pytest.TempPathFactory) -> Tables:
    """1 is sent campaign 8 and campaign 3; 2 campaigns 5 and 3; 3 campaign 3; 4 and 5 are sent none."""
    return write_tables(
        tmp_path_factory.mktemp("steady"),
        transactions=lines(*STEADY),
        campaigns=CAMPAIGNS,
        campaign_targets=_targets((1, 8), (1, 3), (2, 5), (2, 3), (3, 3)),
    )


# Sequential trials, with and without a washout


def test_without_a_washout_a_household_sent_once_never_enters_again(steady: Tables) -> None:
    never_sent = {(8, 3): 0, (5, 3): 0, (3, 3): 1, (8, 4): 0, (5, 4): 0, (3, 4): 0, (8, 5): 0, (5, 5): 0, (3, 5): 0}
    assert _entered(_cohort(steady)) == {(8, 1): 1, (8, 2): 0, (5, 2): 1, **never_sent}


@pytest.mark.parametrize(
    ("washout", "enters_at_5", "enter_at_3"), [(49, True, {1, 2}), (50, False, {1, 2}), (100, False, {1})]
)
def test_the_washout_ends_a_day_before_its_first_day(
    steady: Tables, washout: int, enters_at_5: bool, enter_at_3: set[int]
) -> None:
    entered = _entered(_cohort(steady, washout_days=washout))
    # Household 1 was sent campaign 8, 50 days before campaign 5 and 150 before campaign 3; household 2 was sent
    # campaign 5, 100 days before campaign 3.
    assert entered.get((5, 1)) == (0 if enters_at_5 else None)
    assert {household for household in (1, 2) if (3, household) in entered} == enter_at_3
    assert all(entered[3, household] == 1 for household in enter_at_3)


def test_with_a_washout_what_was_sent_before_it_is_a_covariate(steady: Tables) -> None:
    own = ["received_typea", "active_typea", "redeemed_typea"]
    without = covariate_columns("TypeA")
    assert not set(own) & set(without)
    assert covariate_columns("TypeA", 49) == [*without[: -len(DEMOGRAPHICS)], *own, *DEMOGRAPHICS]
    washout = TRIAL.model_copy(update={"washout_days": 49})
    trials = build_cohort(steady, "TypeA", washout, ENGINE).trials.set_index(["campaign", "household_key"])
    assert trials.columns.tolist()[-len(covariate_columns("TypeA", 49)) :] == covariate_columns("TypeA", 49)
    assert trials.loc[(3, 1), ["received_typea", "active_typea", "redeemed_typea"]].tolist() == [1.0, 0.0, 0.0]
    assert trials.loc[(3, 4), "received_typea"] == 0.0
    design, _ = trial_matrix(trials.reset_index().assign(lookback_segment="light"), "TypeA", washout)
    assert "received_typea" in design.names


def test_today_a_washout_counts_back_from_the_last_day(steady: Tables) -> None:
    trials = _cohort(steady).trials

    def received(washout: int | None) -> list[bool]:
        changed = TRIAL.model_copy(update={"washout_days": washout})
        with _quickly():
            today = covariates_today(steady, "TypeA", trials, changed, ENGINE)
        return today.set_index("household_key").loc[[1, 2, 3, 4], "received_before"].tolist()

    assert received(None) == [True, True, True, False]
    # Day 301 would be the next index day; campaign 3 started on day 250.
    assert received(51) == [True, True, True, False]
    assert received(50) == [False] * 4


def test_a_household_listed_twice_by_one_campaign_counts_once(tmp_path: Path) -> None:
    tables = write_tables(
        tmp_path,
        transactions=lines(*STEADY),
        campaigns=CAMPAIGNS,
        campaign_targets=_targets((1, 8), (1, 8), (2, 5), (9, 5), (9, 5), (3, 3)),
    )
    cohort = _cohort(tables)
    assert not cohort.trials.duplicated(["household_key", "campaign"]).any()
    assert cohort.trials["treated"].sum() == 3
    assert cohort.n_treated_without_history == 1, "household 9 is listed and never seen"
    assert (cohort.flow.query("stage == 'treated'").set_index("campaign")["n"] == [3, 1, 1, 1]).all()


# The first eligible campaign


def test_at_the_first_eligible_campaign_a_household_enters_once(steady: Tables, tmp_path: Path) -> None:
    # All shop before campaign 8 and enter there: campaigns 5 and 3 have nobody left.
    cohort = _cohort(steady, design="first_eligible")
    assert _entered(cohort) == {(8, 1): 1, (8, 2): 0, (8, 3): 0, (8, 4): 0, (8, 5): 0}
    reasons = cohort.campaigns.set_index("campaign")["reason"]
    assert reasons[5] == reasons[3] == "no household enters at it"
    later = [(household, day, 1.0) for household in (6, 7) for day in (145, 155)]
    tables = write_tables(
        tmp_path,
        transactions=lines(*STEADY, *later),
        campaigns=CAMPAIGNS,
        campaign_targets=_targets((1, 8), (6, 5), (7, 3)),
    )
    entered = _entered(_cohort(tables, design="first_eligible"))
    assert entered == {(8, 1): 1, (8, 2): 0, (8, 3): 0, (8, 4): 0, (8, 5): 0, (5, 6): 1, (5, 7): 0}


def test_who_would_enter_at_a_campaign_that_is_left_out_enters_at_a_later_one(tmp_path: Path) -> None:
    # Nobody that shops is sent campaign 8, so that it has controls only.
    tables = write_tables(
        tmp_path, transactions=lines(*STEADY), campaigns=CAMPAIGNS, campaign_targets=_targets((9, 8), (2, 5), (3, 3))
    )
    cohort = _cohort(tables, design="first_eligible")
    assert _entered(cohort) == {(5, household): int(household == 2) for household in (1, 2, 3, 4, 5)}
    assert cohort.campaigns.set_index("campaign").loc[8, "reason"] == (
        "all of its 5 trials are control: no treated to compare them with"
    )


# Accounts that are no households


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Tables:
    """As `steady`; household 4 spends $500 more in the look-back of campaign 8, 5 in that of campaign 3 and today's."""
    return write_tables(
        tmp_path_factory.mktemp("account"),
        transactions=lines(*STEADY, (4, 50, 500.0), (5, 246, 500.0)),
        campaigns=CAMPAIGNS,
        campaign_targets=_targets((1, 8), (1, 3), (2, 5), (2, 3), (3, 3)),
    )


@pytest.mark.parametrize(("most", "kept_out"), [(None, set()), (501.0, set()), (500.99, {(8, 4), (3, 5)})])
def test_who_spent_more_in_the_look_back_than_the_rule_allows_is_no_trial_there(
    account: Tables, most: float | None, kept_out: set[tuple[int, int]]
) -> None:
    every = set(_entered(_cohort(account)))
    cohort = _cohort(account, max_look_back_spend=most)
    assert every - set(_entered(cohort)) == kept_out
    stages = cohort.flow.loc[cohort.flow["stage"].str.startswith("spent at most")].set_index("campaign")
    assert len(stages) == (0 if most is None else 4)
    if kept_out:
        assert stages["n_excluded"].to_dict() == {"all": 2, "8": 1, "5": 0, "3": 1}
        assert set(stages["stage"]) == {"spent at most $500.99 in the look-back"}
        reason = "spent more than $500.99 in the look-back; on the sample such a rule is post hoc"
        assert set(stages["reason"]) == {reason}
    whole = cohort.flow.query("campaign == 'all'").set_index("stage")
    assert whole.loc["trials", "n"] == len(cohort.trials)


def test_kept_out_at_one_campaign_a_household_may_enter_at_the_next(account: Tables) -> None:
    changed = {"design": "first_eligible", "max_look_back_spend": 500.0}
    # Only household 4 is left for campaign 5, whose arms then are one.
    cohort = _cohort(account, **changed)
    assert (8, 4) not in _entered(cohort)
    assert cohort.campaigns.set_index("campaign").loc[5, "reason"].startswith("all of its 1 trials are control")
    never = _cohort(account, design="never_targeted", max_look_back_spend=500.0).flow
    assert never["stage"].eq("spent at most $500 in the look-back").any()


def test_an_account_that_is_no_household_is_not_on_the_list_either(account: Tables) -> None:
    trials = _cohort(account).trials

    def today(most: float | None) -> list[int]:
        changed = TRIAL.model_copy(update={"max_look_back_spend": most})
        return covariates_today(account, "TypeA", trials, changed, ENGINE)["household_key"].tolist()

    assert today(None) == [1, 2, 3, 4, 5]
    assert today(500.0) == [1, 2, 3, 4]


# The reference study's design


def test_never_targeted_controls_are_those_never_sent_at_the_first_campaign_they_bought_in(tmp_path: Path) -> None:
    shops = [
        *((1, day, 1.0) for day in (10, 95, 260)),
        (2, 10, 1.0),
        (3, 10, 1.0),
        (3, 100, 1.0),
        (3, 155, 1.0),
        (4, 10, 1.0),
        (4, 160, 1.0),
        (4, 250, 1.0),
        (5, 10, 1.0),
        (5, 111, 1.0),
        (6, 102, 1.0),
        (7, 30, 1.0),
        (8, 280, 1.0),
    ]
    tables = write_tables(
        tmp_path,
        transactions=lines(*shops),
        campaigns=CAMPAIGNS,
        campaign_targets=_targets((1, 5), (1, 3), (7, 3), (8, 5), (99, 8)),
    )
    cohort = _cohort(tables, design="never_targeted")
    assert _entered(cohort) == {
        # 3 bought in campaigns 8 and 5; 2 and 5 in none; 6 only from day 102 on: nothing was known of it.
        (8, 3): 0,
        # Its first campaign was 5, of the two that listed it. 4 bought on the last day of campaign 5.
        (5, 1): 1,
        (5, 4): 0,
        # Sent, and last seen on day 30: the look-back is all there is.
        (3, 7): 1,
    }
    assert cohort.trials.set_index("household_key")["lookback_start"].to_dict() == {3: 10, 1: 10, 4: 10, 7: 10}
    assert cohort.n_treated_without_history == 2, "household 8 was sent campaign 5 and came later, 99 never came"
    # Campaigns 8 and 3 have one arm each; the reference study pooled them all.
    assert cohort.campaigns["used"].all()
    controls = cohort.trials.loc[cohort.trials["treated"] == 0]
    assert (controls["purchase_count"] > 0).all()
    assert cohort.flow.query("campaign == '8'")[["stage", "n", "n_excluded"]].to_numpy().tolist() == [
        ["seen in the data by the end of the outcome window", 7, 0],
        ["first sent this campaign, or never sent one of the type", 5, 2],
        ["sent this campaign, or bought while it ran", 2, 3],
        ["sent this campaign, or bought while no earlier one ran", 2, 0],
        ["shopped before the index day", 1, 1],
        ["trials", 1, 0],
        ["treated", 0, 0],
        ["control", 1, 0],
    ]


# Any small data, against a second and slower way to say who enters


@dataclass(frozen=True)
class Drawn:
    """A small world: campaigns used or not, who is listed, when first seen, who shopped before and in campaigns."""

    households: pd.DataFrame
    planned: pd.DataFrame
    listed: pd.DataFrame
    shoppers: pd.DataFrame
    active: pd.DataFrame

    @property
    def campaigns(self) -> pd.DataFrame:
        return self.planned.loc[self.planned["used"]]

    def enrolled(self, settings: TrialSettings) -> Enrolment:
        return enrol(self.households, self.campaigns, self.listed, self.shoppers, self.active, settings)


def _drawn(seed: int) -> Drawn:
    rng = np.random.default_rng(seed)
    n, n_campaigns = int(rng.integers(1, 9)), int(rng.integers(1, 6))
    planned = pd.DataFrame(
        {"campaign": rng.permutation(n_campaigns) + 1, "index_day": 10 * rng.integers(1, 7, n_campaigns)}
    )
    planned = planned.sort_values(["index_day", "campaign"], ignore_index=True)
    planned = planned.assign(outcome_end=planned["index_day"] + rng.integers(0, 30, n_campaigns))
    planned = planned.assign(used=rng.random(n_campaigns) < 0.8, reason="left out")
    households = pd.DataFrame({"household_key": np.arange(n) + 1, "first_seen": rng.integers(1, 80, n)})
    pairs = households.merge(planned, how="cross")
    key = ["household_key", "campaign"]
    listed = pairs.loc[rng.random(len(pairs)) < 0.3, [*key, "index_day"]].rename(columns={"index_day": "start_day"})
    listed = listed.sort_values(["start_day", "campaign", "household_key"], ignore_index=True)
    shoppers = pairs.loc[(pairs["first_seen"] < pairs["index_day"]) & (rng.random(len(pairs)) < 0.8), key]
    active = pairs.loc[(pairs["first_seen"] <= pairs["outcome_end"]) & (rng.random(len(pairs)) < 0.5), key]
    return Drawn(households, planned, listed, shoppers, active)


def _slowly(world: Drawn, trial: TrialSettings) -> Entered:
    sent = {household: [] for household in world.households["household_key"]}
    for row in world.listed.itertuples():
        sent[row.household_key].append((row.start_day, row.campaign))
    shopped = set(world.shoppers.itertuples(index=False, name=None))
    active = set(world.active.itertuples(index=False, name=None))
    entered: Entered = {}
    done: set[int] = set()
    for mailed in world.campaigns.itertuples():
        for household in sent:
            first_here = min(sent[household], default=None)
            if trial.design == "never_targeted":
                if not sent[household]:
                    enters, treated = household not in done and (household, mailed.campaign) in active, 0
                    done |= {household} if enters else set()
                else:
                    enters, treated = first_here is not None and first_here[1] == mailed.campaign, 1
            else:
                since = -1000 if trial.washout_days is None else mailed.index_day - trial.washout_days
                before = [day for day, _ in sent[household] if since <= day < mailed.index_day]
                on_day = [campaign for day, campaign in sorted(sent[household]) if day == mailed.index_day]
                treated = int(on_day[:1] == [mailed.campaign])
                enters = not before and (not on_day or treated == 1)
                if trial.design == "first_eligible" and (household, mailed.campaign) in shopped:
                    enters = enters and household not in done
                    done |= {household} if enters else set()
            if enters and (household, mailed.campaign) in shopped:
                entered[mailed.campaign, household] = treated
    return entered


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(DESIGNS), st.sampled_from([None, 10, 11, 25, 1000]))
def test_who_enters_is_who_a_slower_reading_of_the_rules_admits(seed: int, design: str, washout: int | None) -> None:
    world = _drawn(seed)
    trial = TRIAL.model_copy(update={"design": design, "washout_days": washout})
    found = world.enrolled(trial).trials
    rows = found[["campaign", "household_key", "treated"]].itertuples(index=False, name=None)
    entered = {(campaign, household): treated for campaign, household, treated in rows}
    assert entered == _slowly(world, trial)
    assert len(found) == len(entered)


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(DESIGNS), st.sampled_from([None, 15]))
def test_the_flow_adds_up(seed: int, design: str, washout: int | None) -> None:
    world = _drawn(seed)
    enrolment = world.enrolled(TRIAL.model_copy(update={"design": design, "washout_days": washout}))
    flow = trial_flow(enrolment, world.planned, world.listed)
    assert flow.columns.tolist() == ["campaign", "step", "stage", "n", "n_excluded", "reason"]
    left_out = flow.loc[flow["stage"] == "campaign left out"]
    assert left_out["campaign"].tolist() == world.planned.loc[~world.planned["used"], "campaign"].astype(str).tolist()
    assert (left_out["n"] == 0).all()
    used = flow.loc[flow["stage"] != "campaign left out"]
    for campaign, block in used.groupby("campaign", sort=False):
        assert block["step"].tolist() == list(range(1, len(block) + 1))
        by_stage = block.set_index("stage")["n"]
        chain = block.iloc[:-2]
        assert (chain["n"].diff().iloc[1:] == -chain["n_excluded"].iloc[1:]).all()
        assert (chain["n_excluded"] >= 0).all()
        assert by_stage["treated"] + by_stage["control"] == by_stage["trials"]
        trials = enrolment.trials
        of_campaign = trials if campaign == "all" else trials.loc[trials["campaign"].astype(str) == campaign]
        assert (by_stage["trials"], by_stage["treated"]) == (len(of_campaign), of_campaign["treated"].sum())
    counts = used.loc[used["campaign"] != "all"].groupby("step")[["n", "n_excluded"]].sum()
    if len(counts):
        whole = used.loc[used["campaign"] == "all"].set_index("step")[["n", "n_excluded"]]
        pd.testing.assert_frame_equal(counts, whole, check_index_type=False, check_names=False)


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10_000))
def test_a_washout_longer_than_the_data_is_none(seed: int) -> None:
    world = _drawn(seed)
    asked = world.planned.merge(world.households, how="cross")
    by_default = sent_before(asked, world.listed, None)
    pd.testing.assert_series_equal(sent_before(asked, world.listed, 1000), by_default)
    # Looking for longer never finds less.
    assert (sent_before(asked, world.listed, 20) >= sent_before(asked, world.listed, 10)).all()


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10_000))
def test_the_treated_and_those_without_history_are_all_that_a_first_campaign_lists(seed: int) -> None:
    world = _drawn(seed)
    trials = world.enrolled(TRIAL).trials
    lost = n_without_history(world.campaigns, world.listed, world.shoppers, TRIAL)
    first = world.listed.drop_duplicates("household_key")
    assert trials["treated"].sum() + lost == first["campaign"].isin(world.campaigns["campaign"]).sum()


# Campaigns without one of the arms


def test_a_campaign_that_lists_nobody_or_only_strangers_is_left_out(tmp_path: Path) -> None:
    campaigns = pd.concat([CAMPAIGNS, _campaigns((6, 50, 60))])
    tables = write_tables(
        tmp_path, transactions=lines(*STEADY), campaigns=campaigns, campaign_targets=_targets((9, 8), (2, 5), (3, 3))
    )
    cohort = _cohort(tables)
    assert dict(zip(cohort.campaigns["campaign"], cohort.campaigns["used"], strict=True)) == {
        6: False,
        8: False,
        5: True,
        3: True,
    }
    assert cohort.campaigns_text().splitlines()[2:] == [
        "- campaign 6 left out: it lists no household",
        "- campaign 8 left out: all of its 5 trials are control: no treated to compare them with",
    ]
    assert set(cohort.trials["campaign"]) == set(cohort.look_backs["campaign"]) == {5, 3}
    left_out = cohort.flow.loc[
        cohort.flow["stage"] == "campaign left out", ["campaign", "step", "n", "n_excluded", "reason"]
    ]
    assert left_out.to_numpy().tolist() == [
        ["6", 1, 0, 0, "it lists no household"],
        ["8", 1, 0, 1, "all of its 5 trials are control: no treated to compare them with"],
    ]


@pytest.mark.parametrize(
    ("targets", "design", "why"),
    [
        (
            _targets((9, 8)),
            "sequential_trials",
            "campaign 8: all of its 5 trials are control: no treated to compare them with",
        ),
        (
            _targets(*((household, 8) for household in (1, 2, 3, 4, 5))),
            "first_eligible",
            "campaign 8: all of its 5 trials are treated: no control to compare them with",
        ),
    ],
)
def test_a_type_with_one_arm_only_says_so_and_what_to_do(
    tmp_path: Path, targets: pd.DataFrame, design: str, why: str
) -> None:
    tables = write_tables(
        tmp_path, transactions=lines(*STEADY), campaigns=_campaigns((8, 100, 110)), campaign_targets=targets
    )
    with pytest.raises(CohortError) as caught:
        _cohort(tables, design=design)
    assert str(caught.value) == (
        f"no campaign of TypeA has trials in both arms ({why}). Choose another campaign type or trial.design, or a "
        "longer trial.look_back_days."
    )


def test_the_reference_design_with_one_arm_says_which_it_lacks(tmp_path: Path) -> None:
    everyone = _targets(*((household, 8) for household in (1, 2, 3, 4, 5)))
    tables = write_tables(
        tmp_path, transactions=lines(*STEADY), campaigns=_campaigns((8, 100, 110)), campaign_targets=everyone
    )
    with pytest.raises(CohortError, match=r"\(campaign 8: all of its 5 trials are treated: no control to compare"):
        _cohort(tables, design="never_targeted")


# Outcomes

PRODUCTS = pd.DataFrame(
    [
        (1, "GROCERY", None),
        (2, "FUEL", None),
        (3, "KIOSK-GAS", None),
        (4, "MISCELLANEOUS", "GASOLINE-REG UNLEADED"),
        (5, "MISCELLANEOUS", "STAMPS"),
        (6, "MEAT", None),
        (7, None, None),
    ],
    columns=["product_id", "department", "sub_commodity_desc"],
)


def _bought(*rows: tuple[int, int, int, float]) -> pd.DataFrame:
    """Lines (household, day, product, sales in $); the lines of a household and day are one basket."""
    frame = pd.DataFrame(rows, columns=["household_key", "day", "product_id", "sales_value"])
    baskets = 1000 * frame["household_key"] + frame["day"]
    return lines(*frame[["household_key", "day", "sales_value"]].itertuples(index=False, name=None)).assign(
        product_id=frame["product_id"], basket_id=baskets
    )


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Tables:
    early = [(household, 95, 1, 1.0) for household in (1, 2, 3)]
    # Product 9 is in no table of products.
    of_2 = [(2, 100, product, 2.0**product) for product in (1, 2, 3, 4, 5, 6, 7, 9)]
    of_3 = [(3, 100, 1, 0.05), (3, 101, 1, 0.05), (3, 101, 6, 1.11), (3, 139, 6, 50.0)]
    return write_tables(
        tmp_path_factory.mktemp("shop"),
        transactions=_bought(*early, *of_2, *of_3, (1, 1, 1, 1.0), (1, 400, 1, 1.0)),
        products=PRODUCTS,
        campaigns=_campaigns((8, 100, 110)),
        campaign_targets=_targets((2, 8)),
    )


MEASURED = ["purchase_amount", "purchase_count", "amount_without_fuel", "margin_weighted_amount"]


def test_amounts_leave_out_fuel_and_weigh_departments(shop: Tables) -> None:
    weights = {"GROCERY": 0.5, "MEAT": 3.0, "FUEL": 0.0}
    trials = _cohort(shop, margin_weights=weights).trials.set_index("household_key")
    total = 2.0 + 4 + 8 + 16 + 32 + 64 + 128 + 512
    # Fuel has three names; a product that is not known, or has no department, is not fuel and weighs 1.
    assert trials.loc[2, MEASURED].tolist() == [total, 1.0, total - 4 - 8 - 16, total - 1 + 128 - 4]
    assert trials.loc[1, MEASURED].tolist() == [0.0] * 4


def test_weighed_amounts_are_not_rounded(shop: Tables) -> None:
    trials = _cohort(shop, margin_weights={"GROCERY": 0.5, "MEAT": 0.333}).trials.set_index("household_key")
    # Half of 5 cents, .333 of 111 cents, and 5 cents without a weight; the basket of day 139 comes too late.
    assert trials.loc[3, MEASURED].tolist() == pytest.approx([1.21, 2.0, 1.21, 0.025 + 0.333 * 1.11 + 0.025], abs=1e-6)


def test_without_weights_spend_by_margin_is_spend(shop: Tables) -> None:
    cohort = _cohort(shop)
    weighed, spend = cohort.trials["margin_weighted_amount"], cohort.trials["purchase_amount"]
    pd.testing.assert_series_equal(weighed, spend, check_names=False)
    assert cohort.caps.empty, "and none is capped"


def test_gross_profit_is_linear_in_sales_and_match_by_department(tmp_path: Path) -> None:
    # Household 2 in the campaign: sales, the retailer's match and the manufacturer's part of each line.
    bought = [(1, 4.00, 1.00, 0.50), (2, 10.00, 0.35, 0.0), (3, 0.99, 0.0, 0.75)]
    around = [(1, 60, 3.0), (2, 60, 3.0), (1, 300, 3.0)]
    transactions = lines(*around, *((2, 105, sales) for _, sales, *_ in bought)).assign(
        product_id=[1, 1, 1, *(row[0] for row in bought)],
        coupon_match_disc=[0.0, 0.0, 0.0, *(row[2] for row in bought)],
        coupon_disc=[0.0, 0.0, 0.0, *(row[3] for row in bought)],
    )
    tables = write_tables(
        tmp_path,
        transactions=transactions,
        products=pd.DataFrame({"product_id": [1, 2, 3], "department": ["GROCERY", "MEAT", "DRUG GM"]}),
        campaigns=_campaigns((8, 100, 110)),
        campaign_targets=_targets((2, 8)),
    )

    def profit(weights: dict[str, float], margin: float) -> pd.Series:
        trial = TRIAL.model_copy(update={"margin_weights": weights})
        with _quickly():
            trials = build_cohort(tables, "TypeA", trial, ENGINE, margin=margin).trials
        return trials.set_index("household_key")["gross_profit"]

    def by_hand(weights: dict[str, float], margin: float) -> float:
        shares = [margin * weights.get(name, 1.0) for name in ("GROCERY", "MEAT", "DRUG GM")]
        return sum(m * sales - (1 - m) * match for m, (_, sales, match, _) in zip(shares, bought, strict=True))

    some: dict[str, float] = {"MEAT": 1.5, "GROCERY": 0.5}
    for margin, weights in ((0.1, some), (0.55, some), (0.55, {"MEAT": 0.0})):
        found = profit(weights, margin)
        assert found[2] == pytest.approx(by_hand(weights, margin), abs=1e-5)
        assert found[1] == 0.0
    # What a match costs counts in full, less the margin on what it made of the price.
    assert profit({}, 0.3)[2] == pytest.approx(0.3 * (14.99 + 1.35) - 1.35)


def test_a_weight_for_a_department_that_there_is_not_is_refused(shop: Tables) -> None:
    with pytest.raises(CohortError) as caught:
        _cohort(shop, margin_weights={"Meat": 1.2, "GROCERY": 0.8, "GARDEN": 1.0})
    assert str(caught.value) == (
        "trial.margin_weights names 'GARDEN', 'Meat'; the departments of the products are FUEL, GROCERY, KIOSK-GAS, "
        "MEAT, MISCELLANEOUS"
    )


def test_amounts_are_capped_at_their_quantile_and_the_caps_are_reported() -> None:
    spend = np.append(np.arange(100.0), 1000.0)
    trials = pd.DataFrame(
        {
            "purchase_amount": spend,
            "amount_without_fuel": spend / 2,
            "margin_weighted_amount": 7.0,
            "purchase_count": spend,
            "gross_profit": 0.3 * spend,
        }
    )
    capped, caps = winsorised(trials, 0.97)
    assert caps.to_numpy().tolist() == [
        ["purchase_amount", 0.97, 97.0, 3],
        ["amount_without_fuel", 0.97, 48.5, 3],
        ["margin_weighted_amount", 0.97, 7.0, 0],
        ["gross_profit", 0.97, pytest.approx(29.1), 3],
    ]
    assert capped["purchase_amount"].tolist() == [*np.arange(98.0), 97.0, 97.0, 97.0]
    assert capped["purchase_count"].tolist() == spend.tolist(), "visits are not an amount"
    as_they_are, none = winsorised(trials, None)
    pd.testing.assert_frame_equal(as_they_are, trials)
    assert none.columns.tolist() == ["outcome", "quantile", "cap", "n_capped"]
    assert none.empty


def test_a_cohort_is_capped_over_all_its_trials(shop: Tables) -> None:
    cohort = _cohort(shop, winsorise=0.75)
    # Spend is 0, 1.21 and 766: linear between the second and the third.
    cap = (1.21 + 766) / 2
    assert cohort.caps.loc[0, ["outcome", "cap", "n_capped"]].tolist() == ["purchase_amount", pytest.approx(cap), 1]
    assert cohort.trials["purchase_amount"].max() == pytest.approx(cap)


# The flow in numbers


def test_the_flow_of_a_hand_made_campaign(tmp_path: Path) -> None:
    shops = [
        *((household, 95, 1.0) for household in (1, 2, 3)),
        (4, 20, 1.0),
        (5, 100, 1.0),
        (6, 139, 1.0),
        (7, 138, 1.0),
        (8, 95, 1.0),
        (1, 1, 1.0),
        (1, 500, 1.0),
    ]
    campaigns = _campaigns((2, 60, 65), (8, 100, 110), (9, 490, 495))
    targets = _targets((2, 8), (8, 2), (8, 8), (4, 8), (1, 9), (77, 9))
    tables = write_tables(tmp_path, transactions=lines(*shops), campaigns=campaigns, campaign_targets=targets)
    cohort = _cohort(tables)
    nobody = float("nan")
    expected = [
        ["8", 1, "seen in the data by the end of the outcome window", 7, 0, nobody],
        ["8", 2, "known before the index day", 5, 2, "first bought on the index day or later"],
        ["8", 3, "shopped in the look-back", 4, 1, "did not shop in the look-back"],
        ["8", 4, "not sent a campaign of the type before", 3, 1, "sent a campaign of the type before"],
        ["8", 5, "trials", 3, 0, nobody],
        ["8", 6, "treated", 1, 0, nobody],
        ["8", 7, "control", 2, 0, nobody],
    ]
    found = cohort.flow.loc[cohort.flow["campaign"] == "8"].reset_index(drop=True)
    pd.testing.assert_frame_equal(found, pd.DataFrame(expected, columns=found.columns), check_dtype=False)
    assert cohort.flow.loc[
        cohort.flow["campaign"] == "9", ["stage", "n", "n_excluded", "reason"]
    ].to_numpy().tolist() == [
        ["campaign left out", 0, 2, "the data end on day 500, 23 days before its outcome window would, on day 523"]
    ]
    assert cohort.flow["campaign"].drop_duplicates().tolist() == ["all", "8", "2", "9"]


def test_the_flow_names_a_washout_and_campaigns_of_one_day(steady: Tables, tmp_path: Path) -> None:
    flow = _cohort(steady, washout_days=1).flow
    assert "not sent a campaign of the type in the 1 day before" in set(flow["stage"])
    tables = write_tables(
        tmp_path,
        transactions=lines(*STEADY),
        campaigns=_campaigns((8, 100, 110), (5, 100, 120)),
        campaign_targets=_targets((1, 8), (2, 5)),
    )
    reasons = set(_cohort(tables).flow["reason"].dropna())
    assert "sent a campaign of the type before, or another that started on the same day" in reasons


def test_listings_are_of_the_type_alone_and_in_order_of_days() -> None:
    campaigns = pd.concat([_campaigns((8, 100, 110), (5, 150, 160)), _campaigns((40, 90, 105), kind="TypeB")])
    listed = listings(_targets((2, 5), (1, 8), (1, 40), (1, 5), (1, 5)), campaigns, "TypeA")
    assert listed.to_numpy().tolist() == [[1, 8, 100], [1, 5, 150], [2, 5, 150]]


# The designs side by side


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Tables:
    """120 households over campaigns of days 100 and 200; frequent shoppers are sent them more often."""
    rng = np.random.default_rng(4)
    rates = rng.uniform(0.02, 0.3, 120)
    shops = [(h + 1, int(day), 5.0) for h in range(120) for day in np.flatnonzero(rng.random(300) < rates[h]) + 1]
    targets = [(h + 1, campaign) for h in range(120) for campaign in (8, 5) if rng.random() < 2.5 * rates[h]]
    return write_tables(
        tmp_path_factory.mktemp("many"),
        transactions=lines(*shops),
        products=pd.DataFrame({"product_id": [1], "department": ["GROCERY"], "brand": ["National"]}),
        campaigns=_campaigns((8, 100, 120), (5, 200, 220)),
        campaign_targets=_targets(*targets),
    )


STUDY = Settings(trial=TRIAL, nuisance=NuisanceSettings(n_folds=2, n_repeats=1, n_jobs=1), engine=ENGINE)


def _light(look_backs: pd.DataFrame) -> pd.Series:
    return pd.Series(np.where(look_backs["frequency"] > 10, "heavy", "light"), index=look_backs.index)


@pytest.fixture(scope="module")
def compared(many: Tables) -> pd.DataFrame:
    with _quickly():
        return compare_designs(many, "TypeA", STUDY, _light)


def test_designs_are_compared_on_the_same_data(many: Tables, compared: pd.DataFrame) -> None:
    assert compared.columns.tolist() == COLUMNS
    assert compared["design"].tolist() == list(DESIGNS)
    assert compared["chosen"].tolist() == [True, False, False]
    assert compared["note"].tolist() == [NOTES[design] for design in DESIGNS]
    rows = compared.set_index("design")
    for design in DESIGNS:
        trials, row = _cohort(many, design=design).trials, rows.loc[design]
        arms = trials.groupby("treated")
        assert (row["n_control"], row["n_treated"]) == tuple(arms.size())
        assert row["n_households"] == trials["household_key"].nunique()
        assert row["naive"] == pytest.approx(arms["purchase_amount"].mean().diff().iloc[-1])
        days = (trials["index_day"] - trials["lookback_start"]).groupby(trials["treated"]).mean()
        assert row[["lookback_days_control", "lookback_days_treated"]].tolist() == pytest.approx(days.tolist())
        idle = (trials.loc[trials["treated"] == 0, "purchase_count"] == 0).mean()
        assert row["share_control_without_purchase"] == pytest.approx(idle)
        assert row["ato_upper"] - row["ato"] == pytest.approx(1.959964 * row["ato_se"])
        assert 0 < row["max_smd_weighted"] < row["max_smd"]
    assert (rows["n_households"] == rows["n_trials"]).tolist() == [False, True, True]
    # What is wrong with the reference study's design.
    assert rows.loc["never_targeted", "share_control_without_purchase"] == 0
    assert rows.loc["never_targeted", "lookback_days_treated"] > rows.loc["never_targeted", "lookback_days_control"] + 5
    assert rows.loc["never_targeted", "auc"] > rows.loc["sequential_trials", "auc"]


def test_a_design_that_is_fitted_already_is_not_fitted_again(
    many: Tables, compared: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    cohort = _cohort(many)
    trials = cohort.placed(_light(cohort.look_backs))
    assert trials["lookback_segment"].value_counts().index.isin(["heavy", "light"]).all()
    matrix, x = trial_matrix(trials, "TypeA", TRIAL)
    nuisances = cross_fit(trials, x, STUDY.nuisance, STUDY.seed_for("nuisances")).nuisances
    built = []

    def counted(
        tables: Tables, campaign_type: str, trial: TrialSettings, engine: object, known: list[pd.DataFrame]
    ) -> Cohort:
        built.append(trial.design)
        assert known[0] is trials
        raise CohortError("not asked for")

    monkeypatch.setattr("dunnhumby_pipeline.causal.effects.design_comparison.build_cohort", counted)
    known = FittedDesign(trials, x, matrix.names, nuisances)
    found = compare_designs(many, "TypeA", STUDY, _light, known)
    assert built == ["first_eligible", "never_targeted"]
    pd.testing.assert_frame_equal(found.iloc[:1], compared.iloc[:1])


@pytest.mark.parametrize("design", DESIGNS[1:])
def test_look_backs_that_another_design_worked_out_are_not_worked_out_again(many: Tables, design: str) -> None:
    sequential = _cohort(many, look_back_days=99)
    known = sequential.placed(_light(sequential.look_backs))
    alone = _cohort(many, look_back_days=99, design=design)
    with _quickly():
        trial = TRIAL.model_copy(update={"look_back_days": 99, "design": design})
        shared = build_cohort(many, "TypeA", trial, ENGINE, [known])
    # Before campaign 5 lie more days, at which only the reference study's design looks.
    assert shared.look_backs["campaign"].unique().tolist() == ([5] if design == "never_targeted" else [])
    segments = _light(shared.look_backs) if len(shared.look_backs) else pd.Series(dtype="str")
    expected = alone.placed(_light(alone.look_backs))
    pd.testing.assert_frame_equal(shared.placed(segments), expected, check_dtype=False)
    assert shared.n_treated_without_history == alone.n_treated_without_history


def test_a_design_that_cannot_be_built_or_fitted_has_nulls_and_says_why(steady: Tables) -> None:
    with _quickly():
        found = compare_designs(steady, "TypeA", STUDY, _light).set_index("design")
    numbers = [name for name in COLUMNS if name not in ("design", "chosen", "note")]
    assert found[numbers].isna().all(axis=None)
    for note, arm in zip(found["note"], ("treated", "treated", "(treated|control)"), strict=True):
        assert re.match(rf"Not comparable: .*{arm} .*choose (fewer folds|another nuisance\.n_folds), or", note), note
    missing = compare_designs(steady, "TypeC", STUDY, _light)
    assert missing["note"].str.startswith("Not comparable: no campaign of TypeC can be studied").all()
    assert missing["chosen"].tolist() == [True, False, False]
