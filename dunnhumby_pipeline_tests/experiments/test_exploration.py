"""A share of chance in the next campaign, and its logged propensities in the study after it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dunnhumby_pipeline.causal.nuisance.cross_fit import cross_fit, residuals
from dunnhumby_pipeline.causal.nuisance.logged_propensity import (
    LoggedPropensityError,
    known_propensity,
    logged_file,
    read_logged,
)
from dunnhumby_pipeline.contracts.names import LEAVE, TARGET, TEST
from dunnhumby_pipeline.engine.spreadsheet import write_csv
from dunnhumby_pipeline.experiments.exploration import BY_DECISION, BY_EXPERIMENT, BY_LOT, contact_plan, logged
from dunnhumby_pipeline.experiments.registration import ExperimentError
from dunnhumby_pipeline.settings import NuisanceSettings

N = 3000


def listed(seed: int = 1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    decision = rng.choice([TARGET, LEAVE, TEST], N, p=[0.4, 0.4, 0.2])
    return pd.DataFrame(
        {"household_key": rng.permutation(N) + 1, "decision": decision, "segment": rng.choice(["a", "b"], N)}
    )


def arms(targeting_list: pd.DataFrame) -> pd.DataFrame:
    tested = targeting_list.loc[targeting_list["decision"] == TEST, "household_key"].iloc[:400]
    contact = np.arange(len(tested)) % 4 > 0
    chance = np.where(contact, 0.75, 0.25)
    return pd.DataFrame(
        {"household_key": tested, "arm": np.where(contact, "contact", "hold out"), "probability": chance}
    )


def test_a_share_goes_against_its_decision_and_its_chance_is_logged() -> None:
    rows = listed()
    plan = contact_plan(rows, arms(rows), 0.1, "TypeA", 5)
    assert plan["household_key"].is_monotonic_increasing and len(plan) == N
    by = plan.groupby("decision")
    assert by.get_group(TARGET)["propensity"].eq(0.9).all() and by.get_group(LEAVE)["propensity"].eq(0.1).all()
    assert by.get_group(TARGET)["contact"].mean() == pytest.approx(0.9, abs=0.002)
    assert by.get_group(LEAVE)["contact"].mean() == pytest.approx(0.1, abs=0.002)
    explored = plan["drawn_by"] == BY_LOT
    assert (plan["contact"] == ((plan["decision"] == TARGET) ^ explored))[plan["drawn_by"] != BY_EXPERIMENT].all()
    tested = plan[plan["drawn_by"] == BY_EXPERIMENT]
    assert len(tested) == 400 and tested["propensity"].eq(0.75).all() and tested["contact"].sum() == 300
    # Of whom no experiment is assigned, the draw is that of those to leave.
    others = plan[(plan["decision"] == TEST) & (plan["drawn_by"] != BY_EXPERIMENT)]
    assert others["propensity"].eq(0.1).all() and len(others) > 100
    assert set(plan["drawn_by"]) == {BY_DECISION, BY_EXPERIMENT, BY_LOT}
    pd.testing.assert_frame_equal(plan, contact_plan(rows.sample(frac=1, random_state=2), arms(rows), 0.1, "TypeA", 5))
    assert not plan["contact"].equals(contact_plan(rows, arms(rows), 0.1, "TypeA", 6)["contact"])


def test_the_chance_is_how_often_it_is_drawn() -> None:
    rows = listed().head(150)
    draws = [contact_plan(rows, arms(rows).head(0), 0.2, "TypeA", seed) for seed in range(120)]
    often = np.mean([draw["contact"] for draw in draws], axis=0)
    assert np.abs(often - draws[0]["propensity"]).max() < 4.2 * np.sqrt(0.2 * 0.8 / 120)


def test_who_may_not_be_contacted_is_in_no_plan_and_a_holdout_of_the_list_stays() -> None:
    rows = listed()
    target = rows["decision"] == TARGET
    held = target & (rows.index % 5 == 0)
    rows["suppression"] = pd.Series("opt-out", rows.index).where(rows.index < 50)
    rows["arm"] = pd.Series("hold out", rows.index).where(held, pd.Series("contact", rows.index).where(target))
    rows["arm_probability"] = np.where(held, 0.2, np.where(target, 0.8, np.nan))
    plan = contact_plan(rows, arms(rows).head(0), 0.1, "TypeA", 5).set_index("household_key")
    assert len(plan) == N - 50 and not plan.index.isin(rows["household_key"].head(50)).any()
    known = rows[50:].set_index("household_key")
    targets = known.index[known["decision"] == TARGET]
    assert plan.loc[targets, "propensity"].eq(0.8).all()
    assert (plan.loc[targets, "contact"] == (known.loc[targets, "arm"] == "contact")).all()


def test_nothing_is_logged_where_nothing_is_drawn() -> None:
    rows = listed()
    with pytest.raises(ExperimentError, match=r"experiment\.exploration"):
        logged(contact_plan(rows, arms(rows), 0.0, "TypeA", 5), "31")
    plan = contact_plan(rows, arms(rows), 0.1, "TypeA", 5)
    with pytest.raises(ExperimentError, match=r"contact\.holdout_share"):
        logged(plan.assign(propensity=plan["propensity"].where(plan.index > 0, 1.0)), "31")


# --- the study after it -------------------------------------------------------------------------------


def trials(effect: float = 12.0) -> pd.DataFrame:
    """Trials of two campaigns; at the second the arm follows a chance that no covariate shows."""
    rng = np.random.default_rng(3)
    rows = listed()
    plan = logged(contact_plan(rows, arms(rows), 0.25, "TypeA", 5), "31")
    n = len(plan)
    hidden = (plan["propensity"] - 0.5).to_numpy()
    frame = plan.assign(treated=plan["contact"].astype(int)).drop(columns="contact")
    first = frame.assign(campaign="8", treated=(rng.random(n) < 0.4).astype(int))
    both = pd.concat([first, frame], ignore_index=True)
    kept = np.concatenate([np.arange(n) < n // 3, np.arange(n) >= n // 3])
    both = both.assign(x=rng.normal(size=2 * n), hidden=np.where(both["campaign"] == "31", np.tile(hidden, 2), 0.0))[
        kept
    ]
    both["purchase_amount"] = 50 + 5 * both["x"] + 80 * both["hidden"] + effect * both["treated"]
    both["purchase_amount"] += rng.normal(0, 15, len(both))
    return both.reset_index(drop=True)


def test_a_planted_effect_is_found_by_the_logged_chances_and_missed_without_them(tmp_path: Path) -> None:
    frame = trials()
    file = tmp_path / "contacts-31.csv"
    write_csv(frame.loc[frame["campaign"] == "31", ["household_key", "campaign", "propensity"]], file)
    found = known_propensity(frame, read_logged(file), file)
    assert found.campaigns == ("31",) and (found.n_other_campaigns, found.n_other_households) == (0, 0)
    settings = NuisanceSettings(n_repeats=1, n_folds=4)
    scores = {}
    for name, known in (("logged", found.propensity), ("estimated", None)):
        nuisances = cross_fit(frame, frame[["x"]].to_numpy(), settings, 7, ("purchase_amount",), (True, False), known)
        at = (frame["campaign"] == "31").to_numpy()
        scores[name] = residuals(frame, nuisances.nuisances, "purchase_amount").scores[at]
        if known is not None:
            mine = nuisances.nuisances
            assert mine["propensity_logged"].tolist() == at.tolist()
            assert (
                np.array_equal(mine["propensity"][at], frame["propensity"][at])
                and not mine["propensity_bounded"][at].any()
            )
        else:
            assert not nuisances.nuisances["propensity_logged"].any()
    error = scores["logged"].std() / np.sqrt(len(scores["logged"]))
    assert abs(scores["logged"].mean() - 12.0) < 3 * error
    assert scores["estimated"].mean() > 12.0 + 10 * error


def test_chances_near_the_bounds_stay_as_they_were_logged() -> None:
    frame = trials()
    known = np.where(frame["campaign"] == "31", 0.004, np.nan)
    settings = NuisanceSettings(n_repeats=1, n_folds=2)
    fitted = cross_fit(
        frame, frame[["x"]].to_numpy(), settings, 7, ("purchase_amount",), (True, False), known
    ).nuisances
    assert fitted.loc[fitted["propensity_logged"], "propensity"].eq(0.004).all()


GOOD = "household_key,campaign,propensity\n1,31,0.1\n2,31,0.9\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("household_key,campaign\n1,31\n", "has no column propensity; found household_key, campaign"),
        (GOOD + "3,31,1.0\n", r"expected above 0 and below 1.*1 rows differ, first in line 4: 1\.0"),
        (GOOD + "3,31,0\n", "expected above 0 and below 1"),
        (GOOD + "3,31,often\n", "first in line 4: 'often'"),
        (GOOD + "x,31,0.5\n", "household_key: expected numbers; 1 rows differ, first in line 4: 'x'"),
        (GOOD + "3,,0.5\n", "campaign: expected the ids of campaigns"),
        (GOOD + "2,31,0.5\n", "expected each household once per campaign; 1 rows differ, first in line 4: 2"),
        ("", "cannot be read"),
    ],
)
def test_a_file_that_is_none_is_refused(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "logged.csv"
    file.write_text(text)
    with pytest.raises(LoggedPropensityError, match=said) as error:
        read_logged(file)
    assert str(file) in str(error.value)


def test_every_trial_of_a_logged_campaign_must_be_covered(tmp_path: Path) -> None:
    file = tmp_path / "logged.csv"
    file.write_text(GOOD + "7,31,0.5\n1,99,0.5\n")
    rows = read_logged(file)
    both = pd.DataFrame({"household_key": [1, 2, 1], "campaign": ["31", "31", "8"]})
    found = known_propensity(both, rows, file)
    np.testing.assert_array_equal(found.propensity, [0.1, 0.9, np.nan])
    assert (found.n_other_campaigns, found.n_other_households) == (1, 1)
    lacking = pd.DataFrame({"household_key": [1, 5], "campaign": ["31", "31"]})
    with pytest.raises(LoggedPropensityError, match=r"lacks 1 of their trials .such as household 5 at 31"):
        known_propensity(lacking, rows, file)
    with pytest.raises(LoggedPropensityError, match="cannot be read"):
        read_logged(tmp_path / "none.csv")
    assert logged_file(Path("logged.csv"), tmp_path) == file and logged_file(file, Path("/elsewhere")) == file
