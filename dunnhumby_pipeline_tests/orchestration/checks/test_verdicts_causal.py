"""Checks of trials, overlap, balance, effects and doubts about them, seen to pass and to fail."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import special

from dunnhumby_pipeline.causal.overlap.positivity import relative_propensity
from dunnhumby_pipeline.contracts.names import LEFT_TO_CERTIFY
from dunnhumby_pipeline.engine import duck
from dunnhumby_pipeline.features.customer import customer_features
from dunnhumby_pipeline.orchestration.checks import causal, doubts
from dunnhumby_pipeline.orchestration.checks.verdict import Verdict
from dunnhumby_pipeline.settings import CheckSettings
from dunnhumby_pipeline_tests.fakes.known_truth import ENGINE, lines, write_tables

CHECKS = CheckSettings(max_weighted_smd=0.10, max_propensity_auc=0.85, min_overlap_share=0.50)
NAN = float("nan")


# Look-ahead


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    transactions = lines((1, 50, 4.0), (1, 60, 8.0), (1, 100, 16.0), (2, 99, 1.0), (2, 100, 2.0), (3, 45, 0.5))
    return write_tables(
        tmp_path_factory.mktemp("tables"),
        transactions=transactions,
        products=pd.DataFrame({"product_id": [1], "department": ["GROCERY"], "brand": ["National"]}),
    )


def _trials(tables: dict[str, Path], index_day: int) -> pd.DataFrame:
    """Trials of index day 100 whose covariates are computed as if it were `index_day`."""
    windows = pd.DataFrame({"window": [8], "first_day": [40], "index_day": [index_day]}).astype("int32")
    relations: dict[str, duck.Relation] = {name: tables[name] for name in ("transactions", "products")}
    frame = duck.run(customer_features(), {**relations, "windows": windows.astype({"window": "int64"})}, ENGINE)
    return frame.rename(columns={"window": "campaign"}).assign(index_day=100, lookback_start=40)


def test_covariates_of_the_look_back_pass(tables: dict[str, Path]) -> None:
    found = causal.no_look_ahead(_trials(tables, 100), tables["transactions"], ENGINE)
    assert found.passed
    assert found.message == "3 trials agree; last feature day at least 1 day before"
    assert found.metrics == {"n_trials": 3, "n_ahead": 0, "n_differing": 0}


def test_covariates_computed_a_day_too_late_are_caught(tables: dict[str, Path]) -> None:
    found = causal.no_look_ahead(_trials(tables, 101), tables["transactions"], ENGINE)
    assert not found.passed
    assert found.metrics["n_differing"] == 3
    assert found.message == (
        "0 trials with a feature day on or after the index day, 3 that differ from their look-back recomputed "
        "from the lines"
    )


@pytest.mark.parametrize(
    ("column", "values", "n_ahead", "n_differing"),
    [
        # Spend alone one day too late; a trial that knows a later day; one basket more; a cent or so.
        ("monetary_sales", [28.0, 3.0, 0.5], 0, 2),
        ("recency", [39, -1, 54], 1, 1),
        ("frequency", [3, 1, 1], 0, 1),
        ("monetary_sales", [12.0, 1.02, 0.5], 0, 1),
        ("household_key", [1, 2, 9], 0, 1),
    ],
)
def test_a_leak_in_one_covariate_is_caught(
    tables: dict[str, Path], column: str, values: list[float], n_ahead: int, n_differing: int
) -> None:
    leaked = _trials(tables, 100).assign(**{column: values})
    found = causal.no_look_ahead(leaked, tables["transactions"], ENGINE)
    assert not found.passed
    assert (found.metrics["n_ahead"], found.metrics["n_differing"]) == (n_ahead, n_differing)


def test_no_trials_is_no_proof(tables: dict[str, Path]) -> None:
    found = causal.no_look_ahead(_trials(tables, 100).head(0), tables["transactions"], ENGINE)
    assert not found.passed
    assert found.message == "there are no trials: no household that shopped in a look-back is eligible"


# Overlap and balance


def test_arms_need_as_many_trials_as_the_overlap_must_hold() -> None:
    trials = pd.DataFrame({"treated": [1] * 30 + [0] * 60})
    enough = causal.arms_large_enough(trials, CheckSettings(min_trials_per_arm=30))
    assert (enough.passed, enough.message) == (True, "30 treated and 60 control trials")
    assert enough.metrics == {"n_treated": 30, "n_control": 60}
    short = causal.arms_large_enough(trials, CheckSettings(min_trials_per_arm=31))
    advice = "at least 31 of each are needed: pool more campaigns, or another campaign type"
    assert (short.passed, short.message) == (False, f"30 treated and 60 control trials; {advice}")
    assert not causal.arms_large_enough(trials.assign(treated=1), CheckSettings(min_trials_per_arm=2)).passed


def test_arms_need_enough_trials_inside_overlap() -> None:
    table = pd.DataFrame({"treated": [1] * 40 + [0] * 60, "in_overlap": [True] * 30 + [False] * 10 + [True] * 60})
    enough = causal.arms_in_overlap(table, CheckSettings(min_trials_per_arm=30))
    assert (enough.passed, enough.message) == (True, "30 treated and 60 control trials in overlap")
    assert enough.metrics == {"n_treated_in_overlap": 30, "n_control_in_overlap": 60}
    short = causal.arms_in_overlap(table, CheckSettings(min_trials_per_arm=31))
    advice = "at least 31 of each are needed: pool more campaigns, or another campaign type"
    assert (short.passed, short.message) == (False, f"30 treated and 60 control trials in overlap; {advice}")
    assert not causal.arms_in_overlap(table.assign(treated=0), CheckSettings(min_trials_per_arm=2)).passed


def _diagnostics(share: float, auc: float) -> pd.DataFrame:
    # A campaign of its own must not be taken for the whole.
    return pd.DataFrame({"campaign": ["8", "all"], "share_in_overlap": [0.01, share], "auc": [0.99, auc]})


def test_the_share_in_overlap_and_the_auc_are_those_of_all_campaigns() -> None:
    good, bad = _diagnostics(0.5, 0.85), _diagnostics(0.49, 0.86)
    assert causal.overlap_share(good, CHECKS) == Verdict(
        True, "50% of trials in overlap, at least 50% expected", {"share_in_overlap": 0.5}
    )
    share = causal.overlap_share(bad, CHECKS)
    advice = "; effects are about this part of the customers only"
    assert (share.passed, share.message) == (False, f"49% of trials in overlap, at least 50% expected{advice}")
    assert causal.propensity_auc(good, CHECKS) == Verdict(
        True, "propensity AUC 0.850, at most 0.85 expected", {"auc": 0.85}
    )
    auc = causal.propensity_auc(bad, CHECKS)
    advice = "; targeting followed the covariates closely: weigh how little overlap is left"
    assert (auc.passed, auc.message) == (False, f"propensity AUC 0.860, at most 0.85 expected{advice}")
    assert not causal.propensity_auc(_diagnostics(0.5, NAN), CHECKS).passed


def test_arms_need_enough_effective_trials() -> None:
    table = pd.DataFrame({"campaign": ["8", "all"], "ess_treated": [9.0, 50.0], "ess_control": [9.0, 400.4]})
    found = causal.effective_arms(table, CheckSettings(min_effective_trials=50))
    text = "effective sample size 50 treated and 400 control trials"
    assert found == Verdict(True, text, {"ess_treated": 50.0, "ess_control": 400.4})
    for arm in ("ess_treated", "ess_control"):
        few = causal.effective_arms(table.assign(**{arm: 49.4}), CheckSettings(min_effective_trials=50))
        assert not few.passed
        assert few.message.endswith("; at least 50 of each are needed: pool more campaigns, or another campaign type")


def test_balance_is_judged_after_overlap_weighting_by_the_worst_covariate() -> None:
    table = pd.DataFrame(
        {
            "covariate": ["recency", "spend"] * 3,
            "weighting": ["none"] * 2 + ["overlap"] * 2 + ["entropy"] * 2,
            "smd": [0.9, -0.8, 0.02, -0.10, 0.5, 0.0],
        }
    )
    text = "largest |SMD| after overlap weighting"
    good = causal.balance_after_weighting(table, CHECKS)
    assert good == Verdict(True, f"{text} 0.100 (spend), ceiling 0.10", {"max_weighted_smd": 0.1})
    bad = causal.balance_after_weighting(table, CheckSettings(max_weighted_smd=0.05))
    advice = "; the propensity model misses it: look at it campaign by campaign, or add it in another form"
    assert (bad.passed, bad.message) == (False, f"{text} 0.100 (spend), ceiling 0.05{advice}")
    unknown = table.assign(smd=[0.9, -0.8, 0.02, NAN, 0.5, 0.0])
    found = causal.balance_after_weighting(unknown, CHECKS)
    assert (found.passed, found.message) == (False, "no SMD after overlap weighting for spend")
    assert not causal.balance_after_weighting(table[table["weighting"] == "none"], CHECKS).passed


def _in_campaigns(**changed: list[float]) -> pd.DataFrame:
    table = pd.DataFrame(
        {
            "campaign": ["8", "8", "13"],
            "covariate": ["tenure", "spend", "spend"],
            "smd": [-0.15, 0.1, 0.33],
            "noise_any": [0.16, 0.2, 0.5],
        }
    )
    return table.assign(**changed)


def test_balance_is_judged_in_every_campaign_by_ceiling_and_noise() -> None:
    good = causal.balance_in_every_campaign(_in_campaigns(), CHECKS)
    assert good.passed
    assert good.message == (
        "largest |SMD| after overlap weighting by campaign, ceiling 0.20 or noise: campaign 13: 0.33 (spend, noise up "
        "to 0.50); campaign 8: 0.15 (tenure, noise up to 0.16)"
    )
    assert good.metrics == {"max_smd_13": 0.33, "max_smd_8": 0.15}
    # More than noise, but under the ceiling; then both.
    assert causal.balance_in_every_campaign(_in_campaigns(smd=[-0.19, 0.1, 0.33]), CHECKS).passed
    bad = causal.balance_in_every_campaign(_in_campaigns(smd=[-0.21, 0.1, 0.33]), CHECKS)
    assert not bad.passed
    assert "; over both: tenure in campaign 8 0.21; the propensity misses" in bad.message
    # The worst covariate may be noise where a smaller one is not.
    hidden = causal.balance_in_every_campaign(_in_campaigns(smd=[-0.21, 0.3, 0.33], noise_any=[0.2, 0.4, 0.5]), CHECKS)
    assert not hidden.passed and "tenure in campaign 8" in hidden.message
    assert causal.balance_in_every_campaign(_in_campaigns(smd=[0.21, 0, 0]), CheckSettings(max_campaign_smd=0.3)).passed


def test_balance_of_a_campaign_that_is_unknown_unbounded_or_too_small() -> None:
    assert not causal.balance_in_every_campaign(_in_campaigns(smd=[np.inf, 0.1, 0.33]), CHECKS).passed
    missing = causal.balance_in_every_campaign(_in_campaigns(smd=[0.1, 0.1, NAN]), CHECKS)
    assert (missing.passed, missing.message) == (False, "no SMD after overlap weighting in campaign 13")
    assert not causal.balance_in_every_campaign(_in_campaigns().iloc[:0], CHECKS).passed
    # Too few trials to say what noise would give.
    assert causal.balance_in_every_campaign(
        _in_campaigns(smd=[0.1, 0.1, 0.9], noise_any=[0.16, 0.2, NAN]), CHECKS
    ).passed


def test_calibration_is_judged_in_every_campaign_by_distance_and_noise() -> None:
    table = pd.DataFrame(
        {
            "campaign": ["8", "13"],
            "slope": [1.06, 0.85],
            "noise_lower": [0.95, 0.82],
            "noise_upper": [1.05, 1.18],
        }
    )
    good = causal.calibrated_in_every_campaign(table, CHECKS)
    assert good == Verdict(
        True,
        "calibration slope by campaign, 1 give or take 0.10 or noise: campaign 8: 1.06 (noise 0.95 to 1.05); "
        "campaign 13: 0.85 (noise 0.82 to 1.18)",
        {"slope_8": 1.06, "slope_13": 0.85},
    )
    bad = causal.calibrated_in_every_campaign(table.assign(slope=[1.12, 0.85]), CHECKS)
    assert not bad.passed and "; off in campaign 8: propensities there" in bad.message
    assert causal.calibrated_in_every_campaign(
        table.assign(slope=[1.12, 0.85]), CheckSettings(max_slope_deviation=0.13)
    ).passed
    assert causal.calibrated_in_every_campaign(table.assign(slope=[NAN, 0.85]), CHECKS).passed


# Effects


def _differences(*rows: tuple[str, str, float, float | None, float]) -> pd.DataFrame:
    """Rows of two estimators of the ATE, difference, its error and adjusted p on the primary outcome."""
    wanted = [
        ("purchase_amount", True, a, b, d, se, p, "intervals" if se is None else "paired") for a, b, d, se, p in rows
    ]
    columns = ["outcome", "primary", "estimator_a", "estimator_b", "difference", "se", "p_adjusted", "comparison"]
    table = pd.DataFrame([("redeemed", False, "aipw", "ipw", 9.0, 0.1, 0.0, "paired"), *wanted], columns=columns)
    apart = table["p_adjusted"].lt(0.05)
    return table.astype({"se": float}).assign(estimand="ATE", population_a="all", population_b="all", apart=apart)


def test_estimators_within_the_error_of_their_difference_agree() -> None:
    found = causal.estimators_agree(
        _differences(("aipw", "ipw", 3.0, 2.0, 0.4), ("aipw", "tmle", -60.0, 50.0, 0.4)), CHECKS
    )
    text = "2 pairs of estimators of one estimand, smallest p 0.4 (Holm)"
    assert found == Verdict(True, text, {"n_pairs": 2, "n_apart": 0})


def test_a_pair_that_differs_by_more_than_noise_is_named() -> None:
    found = causal.estimators_agree(
        _differences(("aipw", "ipw", -8.0, 2.0, 0.0002), ("aipw", "tmle", 1.0, 2.0, 0.6)), CHECKS
    )
    assert not found.passed
    assert "beyond noise: ATE: AIPW less Inverse propensity weighted -8.0 (SE 2.0): see the balance" in found.message
    intervals = causal.estimators_agree(_differences(("att", "matching", 90.0, None, 0.0)), CHECKS)
    assert "less Propensity matching 90.0 (intervals apart)" in intervals.message
    assert intervals.metrics == {"n_pairs": 1, "n_apart": 1}


def _planted(n: int, prevalence: float, strength: float, seed: int) -> pd.DataFrame:
    """Trials of a campaign that treats `prevalence` of them, by a cause of this strength, with true propensities."""
    rng = np.random.default_rng(seed)
    cause = strength * rng.normal(size=n)
    low, high = -40.0, 40.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if special.expit(cause + middle).mean() < prevalence else (low, middle)
    e = special.expit(cause + low)
    columns = {"treated": rng.binomial(1, e), "propensity": np.clip(e, 0.01, 0.99)}
    return pd.DataFrame(columns).assign(propensity_bounded=lambda frame: frame["propensity"] != e)


@pytest.mark.parametrize("prevalence", [0.3, 0.5, 0.7])
def test_hardly_any_overlap_blocks(prevalence: float) -> None:
    planted = _planted(4000, prevalence, 6.0, seed=1)
    assert planted["propensity_bounded"].mean() > 0.3
    found = causal.positivity(planted, CHECKS)
    assert not found.passed
    assert "no average over all trials is identified" in found.message


@pytest.mark.parametrize("prevalence", [0.03, 0.05, 0.25, 0.5])
def test_a_rare_campaign_is_not_one_without_support(prevalence: float) -> None:
    found = causal.positivity(_planted(4000, prevalence, 1.0, seed=2), CHECKS)
    assert found.passed
    assert found.metrics["share_in_relative_overlap"] > 0.9


def test_relative_propensities_are_those_of_a_campaign_that_treats_one_in_two() -> None:
    # Odds of 1 to 19 where one in twenty is treated: as often as others.
    np.testing.assert_allclose(relative_propensity(np.array([0.05, 0.5]), 0.05), [0.5, 19 / 20])
    np.testing.assert_allclose(relative_propensity(np.array([0.2, 0.7]), 0.5), [0.2, 0.7])


def test_differences_that_are_not_known_do_not_agree() -> None:
    for table, words in (
        (_differences(("aipw", "ipw", NAN, 2.0, 0.5)), "1 differences are not known"),
        (_differences(("aipw", "ipw", 1.0, NAN, 0.5)), "1 differences are not known"),
        (_differences(), "no two estimates of one estimand to compare"),
    ):
        found = causal.estimators_agree(table, CHECKS)
        assert (found.passed, found.message) == (False, f"{words}: see the arms in overlap")


# Doubts


def _controls(*rows: tuple[str, str, float, float]) -> pd.DataFrame:
    """Rows of control, campaign, estimate and standard error, on the scale of the outcome window."""
    frame = pd.DataFrame(rows, columns=["control", "campaign", "estimate", "se"]).assign(
        n_trials=1234, n_treated=163, n_days=61.5, outcome_days=75.0
    )
    frame["per_day"] = frame["estimate"] / frame["outcome_days"]
    half = 1.96 * frame["se"]
    return frame.assign(ci_lower=frame["estimate"] - half, ci_upper=frame["estimate"] + half)


JUDGES = {"placebo outcome": doubts.placebo_outcome, "placebo campaign": doubts.placebo_campaign}


@pytest.mark.parametrize("control", JUDGES)
def test_a_placebo_effect_that_is_surely_small_passes_and_another_is_warned_of(control: str) -> None:
    judge, [other] = JUDGES[control], [name for name in JUDGES if name != control]
    found = judge(
        _controls((control, "all", 3.0, 10.0), (control, "8", 19.0, 10.0), (other, "all", 900.0, 1.0)), CHECKS
    )
    assert found.passed
    assert found.message.startswith(
        "placebo effect 3.0 (SE 10.0) on spend in $ over the outcome window of about 75 days, from 0.04 a day in about "
        "62 days before"
    )
    assert found.message.endswith(
        "163 treated of 1,234 trials; small enough: it may be as large as 19.4, the smallest effect that matters is 20"
    )
    assert found.metrics == pytest.approx(
        {"placebo_effect": 3.0, "placebo_at_most": 3 + 1.6448536 * 10, "n_campaigns_beyond": 0}
    )
    for estimate in (129.0, -129.0):
        bad = judge(_controls((control, "all", estimate, 10.0)), CHECKS)
        assert not bad.passed
        assert "not small enough: it may be as large as 145.4, the smallest effect that matters is 20" in bad.message
        assert "not adjusted for" in bad.message or "lengthen trial.look_back_days" in bad.message


@pytest.mark.parametrize(
    ("estimate", "se", "matters", "passed", "words"),
    [
        # A placebo within its error of zero is no evidence of likeness.
        (0.0, 40.0, 20.0, False, "too uncertain to say: it may be as large as 65.8"),
        (0.0, 12.1, 20.0, True, "it may be as large as 19.9"),
        (0.0, 12.2, 20.0, False, "too uncertain to say: it may be as large as 20.1"),
        (-10.0, 6.0, 20.0, True, "it may be as large as 19.9"),
        (-10.0, 6.2, 20.0, False, "too uncertain to say: it may be as large as 20.2"),
        # Beyond its error, and yet too small to matter.
        (10.0, 1.0, 20.0, True, "it may be as large as 11.6"),
        (10.0, 1.0, 11.0, False, "too uncertain to say: it may be as large as 11.6, the smallest effect that matters"),
        (46.0, 29.0, 20.0, False, "not small enough: it may be as large as 93.7"),
        (46.0, 29.0, 94.0, True, "it may be as large as 93.7"),
        (5.0, NAN, 20.0, False, "too uncertain to say: it has no error"),
    ],
)
@pytest.mark.parametrize("control", JUDGES)
def test_a_placebo_passes_only_when_it_is_surely_smaller_than_what_matters(
    control: str, estimate: float, se: float, matters: float, passed: bool, words: str
) -> None:
    found = JUDGES[control](
        _controls((control, "all", estimate, se)), CheckSettings(smallest_effect_that_matters=matters)
    )
    assert found.passed == passed
    assert words in found.message


def test_opposite_placebo_effects_of_campaigns_do_not_cancel() -> None:
    rows = [("placebo outcome", "all", 1.0, 10.0), ("placebo outcome", "13", 25.0, 9.0)]
    found = doubts.placebo_outcome(_controls(*rows, ("placebo outcome", "18", -27.0, 9.0)), CHECKS)
    assert not found.passed
    assert "; beyond its error in campaign 13 (25.0, SE 9.0), 18 (-27.0, SE 9.0); where there is" in found.message
    # Among three campaigns one beyond two errors is no surprise.
    calm = [("placebo outcome", campaign, 19.0, 9.0) for campaign in ("8", "13", "18")]
    assert doubts.placebo_outcome(_controls(rows[0], *calm), CHECKS).passed


@pytest.mark.parametrize("control", JUDGES)
def test_a_placebo_that_no_campaign_allows_is_not_passed(control: str) -> None:
    for controls in (_controls((control, "8", 9.0, 20.0)), _controls()):
        found = JUDGES[control](controls, CHECKS)
        assert not found.passed
        assert found.message.startswith("not tested: no campaign has enough data before it")


def _influence(*rows: tuple[str, int, float, float]) -> pd.DataFrame:
    """Rows of quantity, household, change in standard errors, share of the variance; estimates of 20 (SE 10)."""
    frame = pd.DataFrame(rows, columns=["quantity", "household_key", "change_in_se", "share_of_variance"])
    return frame.assign(
        estimate=20.0,
        se=10.0,
        without=20 + 10 * frame["change_in_se"],
        without_se=9.0,
        n_households=2404,
        effective_households=13.6,
    )


@pytest.mark.parametrize("quantity", ["ATO", "ATE", "placebo outcome", "placebo campaign"])
def test_a_household_that_decides_a_number_is_named_with_what_it_becomes(quantity: str) -> None:
    calm = ("ATO", 7, -0.25, 0.06)
    found = doubts.one_household(_influence(calm, (quantity, 1023, -0.5, 0.26), (quantity, 8, 0.3, 0.1)), CHECKS)
    assert not found.passed
    assert found.message.startswith(
        f"without household 1023 the {quantity} is 15 (SE 9), not 20 (10): 0.50 SE, 26% of its variance, which rests "
        "on 14 effective of 2,404 households; at most 0.25 SE expected; quote the number with and without it"
    )
    assert found.metrics == {"max_change_in_se": 0.5, "n_numbers_moved": 1.0, "effective_households": 13.6}
    passed = doubts.one_household(_influence(calm), CHECKS)
    assert passed.passed
    assert passed.message.startswith("no household moves a number by more than 0.25 SE; most: without household 7 the")
    loose = CheckSettings(max_household_influence=0.6)
    assert doubts.one_household(_influence(calm, (quantity, 1023, -0.5, 0.26)), loose).passed
    assert not doubts.one_household(_influence(("ATO", 1, NAN, NAN)), CHECKS).passed


def test_propensities_at_their_bound_are_counted() -> None:
    few = pd.DataFrame(
        {"treated": [0, 1] * 50, "propensity": [0.01] * 6 + [0.5] * 94, "propensity_bounded": [True] * 5 + [False] * 95}
    )
    assert causal.propensities_bounded(few, CHECKS) == Verdict(
        True, "5.0% of propensities bounded without counterparts, at most 5% expected", {"share_bounded": 0.05}
    )
    many = causal.propensities_bounded(few.assign(propensity_bounded=[True] * 6 + [False] * 94), CHECKS)
    assert not many.passed
    assert many.message.endswith("rest on the bound and their intervals are too narrow: quote the effect in overlap")


@pytest.mark.parametrize(
    ("value", "passed", "words"),
    [
        (1.5, True, "E-value of the interval 1.50, at least 1.5 expected"),
        (1.49, False, "a weak unmeasured cause of both targeting and the outcome would explain the effect away"),
        (1.0, False, "the interval includes zero, so there is nothing yet to explain away"),
        (NAN, False, "no E-value: the effect or its interval is missing; see average_effects"),
    ],
)
def test_an_effect_that_little_explains_away_is_warned_of(value: float, passed: bool, words: str) -> None:
    rows = [
        ("e_value", "estimate", 9.0),
        ("e_value", "interval limit nearest to zero", value),
        ("manski", "estimate", 9.0),
    ]
    found = causal.e_value(pd.DataFrame(rows, columns=["analysis", "quantity", "estimate"]), CHECKS)
    assert found.passed is passed
    assert words in found.message


def _models(chosen: str) -> pd.DataFrame:
    rows = [("constant", 0, 0.0, 0.0), ("constant", -1, 0.0, 0.0), ("stack", -1, 12.5, 4.0)]
    rows += [("late", -1, None, None), ("t_xgboost", -1, None, None)]
    frame = pd.DataFrame(rows, columns=["model", "fold", "gain_over_constant", "gain_se"])
    reasons = {"late": "could not be fitted: too late", "t_xgboost": LEFT_TO_CERTIFY}
    frame["reason"] = frame["model"].map(reasons)
    # One fold's choice is not the choice.
    return frame.assign(chosen=(frame["model"] == chosen) | (frame["fold"] == 0))


def _slope(passed: bool, p: float, model: str = "stack") -> pd.DataFrame:
    return pd.DataFrame({"test": ["autoc", "blp"], "model": model, "p": [0.5, p], "passed": [not passed, passed]})


def test_heterogeneity_is_a_stack_that_beats_the_constant_and_holds_on_later_households() -> None:
    gain = "the stack beats the constant by 12.5 (SE 4) in R-loss"
    found = causal.heterogeneity(_slope(True, 0.01), _models("stack"), CHECKS)
    text = f"{gain}, and its order holds on later households (p 0.01); left out: Late"
    assert found == Verdict(True, text, {"gain_over_constant": 12.5, "p_slope": 0.01})
    alone = causal.heterogeneity(_slope(False, 0.2), _models("stack"), CHECKS)
    assert not alone.passed
    assert alone.message.startswith(f"not proven: {gain}, but its order may not hold on later households (p 0.2)")
    order = "the order of Mean of R-learner and causal forest"
    for passed, p, said in (
        (False, 0.3, f"{order} is not proven either on later households (p 0.3)"),
        (True, 0.04, f"{order} holds on later households (p 0.04)"),
        (False, NAN, f"{order} is not proven either on later households (it ranks nothing)"),
    ):
        verdict = causal.heterogeneity(_slope(passed, p, "mean_of_learners"), _models("constant"), CHECKS)
        assert not verdict.passed and said in verdict.message
        assert verdict.message.startswith(
            "not proven: the stack's gain over one constant effect for all is 12.5 (SE 4)"
        )
