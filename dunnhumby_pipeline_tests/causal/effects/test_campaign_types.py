"""Types side by side: effects by day where windows differ, what is pooled, and why a type is not there."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from dunnhumby_pipeline.causal.design.campaigns import plan_campaigns
from dunnhumby_pipeline.causal.effects.campaign_types import (
    GAIN,
    NEXT_ENDS,
    NOT_IDENTIFIED,
    NOT_PROVEN,
    NOT_STUDIED,
    POOLED,
    RUNS_ON,
    TypeStudy,
    campaign_types,
    not_identified,
    why_not,
)
from dunnhumby_pipeline.settings import TrialSettings, load_settings

SETTINGS = load_settings()


def study(campaign_type: str, days: int, per_day: float, seed: int, n: int = 1500) -> TypeStudy:
    """Trials whose gross profit and spend grow by `per_day` for each day of a window when treated; true nuisances."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    e = 1 / (1 + np.exp(-0.5 * x))
    treated = (rng.random(n) < e).astype("int64")
    mean = days * (2 + 0.3 * x)
    y = mean + treated * per_day * days + rng.normal(size=n) * 0.5 * days
    key = {"household_key": rng.permutation(3000)[:n], "campaign": 1, "treated": treated}
    trials = pd.DataFrame(
        {**key, "index_day": 100, "outcome_end": 99 + days, "gross_profit": y, "purchase_amount": y / 0.3}
    )
    means = {f"mu{arm}_{name}": (mean + arm * per_day * days) / scale for arm in (0, 1) for name, scale in _SCALES}
    nuisances = pd.DataFrame({**key, "fold": np.arange(n) % 5, "propensity": e, **means})
    campaigns = pd.DataFrame({"campaign": [1, 2], "used": [True, False], "reason": [None, "its window is short"]})
    return TypeStudy(campaign_type, NEXT_ENDS, campaigns, trials, nuisances, {})


_SCALES = (("gross_profit", 1.0), ("purchase_amount", 0.3))


def rows_of(frame: pd.DataFrame, campaign_type: str, windows: str = NEXT_ENDS) -> pd.Series:
    chosen = (frame["campaign_type"] == campaign_type) & (frame["windows"] == windows)
    return frame.loc[chosen & (frame["outcome"] == "gross_profit")].iloc[0]


def test_windows_of_other_lengths_are_compared_by_the_day() -> None:
    frame = campaign_types([study("TypeA", 75, 1.0, 1), study("TypeB", 30, 1.0, 2)], {}, SETTINGS)
    a, b, pooled = rows_of(frame, "TypeA"), rows_of(frame, "TypeB"), rows_of(frame, "all", POOLED)
    assert a["estimate"] == pytest.approx(75, abs=4 * a["se"]) and b["estimate"] == pytest.approx(30, abs=4 * b["se"])
    assert a["estimate"] == pytest.approx(75 * a["per_day"]) and a["se"] == pytest.approx(75 * a["per_day_se"])
    assert (a["verdict"], a["shortest_window"], b["longest_window"]) == (GAIN, 75, 30)
    assert (a["n_campaigns"], a["n_used"]) == (2, 1)
    # Between the types, with a smaller error than either, and no sign that they differ.
    assert min(a["per_day"], b["per_day"]) < pooled["per_day"] < max(a["per_day"], b["per_day"])
    assert pooled["per_day_se"] < min(a["per_day_se"], b["per_day_se"])
    assert pooled["p_equal"] > 0.01 and np.isnan(pooled["estimate"])
    assert pooled["n_trials"] == 3000 and pooled["n_households"] < 3000


def test_types_that_differ_are_told_apart() -> None:
    frame = campaign_types([study("TypeA", 75, 1.0, 1), study("TypeB", 30, 0.0, 2)], {}, SETTINGS)
    assert rows_of(frame, "TypeB")["verdict"] == NOT_PROVEN
    assert rows_of(frame, "all", POOLED)["p_equal"] < 1e-6


def test_types_without_a_study_or_support_have_a_row_with_the_reason() -> None:
    unsupported = replace(study("TypeB", 30, 1.0, 2), lacking={"gross_profit": "too rare"})
    planned = pd.DataFrame({"campaign": [3], "used": [False], "reason": ["it is too early"]})
    reason = why_not(planned, "TypeC", None)
    frame = campaign_types([study("TypeA", 75, 1.0, 1), unsupported], {"TypeC": (planned, reason)}, SETTINGS)
    assert (rows_of(frame, "TypeB")["verdict"], rows_of(frame, "TypeB")["reason"]) == (NOT_IDENTIFIED, "too rare")
    c = rows_of(frame, "TypeC")
    assert (c["verdict"], c["n_trials"], c["n_campaigns"]) == (NOT_STUDIED, 0, 1)
    assert "campaign 3: it is too early" in c["reason"]
    # One type with support is nothing to pool; spend has two.
    pooled = frame.loc[frame["windows"] == POOLED, "outcome"].tolist()
    assert pooled == ["purchase_amount"]


def test_reasons_say_what_to_do() -> None:
    usable = pd.DataFrame({"campaign": [3], "used": [True], "reason": [None]})
    assert "dunnhumby run --campaign-type TypeC" in why_not(usable, "TypeC", None)
    assert "check that blocks" in why_not(usable, "TypeC", 4504)


def test_rows_that_other_studies_found_are_kept() -> None:
    own = campaign_types(
        [study("TypeA", 75, 1.0, 1), replace(study("TypeA", 75, 1.0, 1), windows=RUNS_ON)], {}, SETTINGS
    )
    told = own.loc[own["windows"] == RUNS_ON].assign(campaign_type="TypeB")
    frame = campaign_types([study("TypeA", 75, 1.0, 1)], {}, SETTINGS, told)
    assert rows_of(frame, "TypeB", RUNS_ON)["per_day"] == rows_of(own, "TypeA", RUNS_ON)["per_day"]
    assert not frame.duplicated(["campaign_type", "windows", "outcome"]).any()


def test_not_identified_is_of_the_primary_estimate_over_all_campaigns() -> None:
    effects = pd.DataFrame(
        {
            "outcome": ["gross_profit", "gross_profit", "purchase_amount"],
            "estimator": "overlap_weighted",
            "population": "all",
            "campaign": ["all", "8", "all"],
            "identified": [False, False, True],
            "reason": ["rare", "rarer", None],
        }
    )
    assert not_identified(effects) == {"gross_profit": "rare"}


def test_windows_that_run_on_use_the_campaigns_that_the_rule_leaves_out() -> None:
    campaigns = pd.DataFrame(
        {
            "campaign": [1, 2, 3],
            "description": "TypeB",
            "start_day": [100, 110, 200],
            "end_day": [130, 140, 230],
        }
    )
    cut, whole = (plan_campaigns(campaigns, "TypeB", 1, 400, TrialSettings(), overlap) for overlap in (False, True))
    assert cut["used"].tolist() == [False, True, True]
    assert whole["used"].all()
    assert whole["outcome_end"].tolist() == [158, 168, 258]
    assert cut["outcome_end"].tolist() == [109, 168, 258]
