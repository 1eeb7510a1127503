"""Every verdict is seen to pass and to fail, and says what to do when it fails."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pandas as pd
import pytest

from dunnhumby_pipeline.engine import duck
from dunnhumby_pipeline.features.catalogue import CATALOGUE
from dunnhumby_pipeline.features.customer import customer_features
from dunnhumby_pipeline.journey import schema
from dunnhumby_pipeline.journey.literals import quoted
from dunnhumby_pipeline.orchestration.verdicts import Verdict, causal, journey, segmentation, targeting
from dunnhumby_pipeline.orchestration.verdicts import features as of_features
from dunnhumby_pipeline.orchestration.verdicts.features import SHARES
from dunnhumby_pipeline.settings import CheckSettings
from dunnhumby_pipeline_tests.known_truth import ENGINE, lines, write_tables

CHECKS = CheckSettings(max_weighted_smd=0.10, max_propensity_auc=0.85, min_overlap_share=0.50)
NAN = float("nan")


# Tables as declared

REDEMPTIONS = pd.DataFrame({"household_key": [1, 1, 2], "day": [5, 6, 5], "coupon_upc": 7, "campaign": 8})


def _judge(folder: Path, redemptions: pd.DataFrame, sql: str | None = None) -> Verdict:
    """The verdict on these redemptions, rewritten by `sql` (over a view `good`) when given."""
    path = write_tables(folder, coupon_redemptions=redemptions)["coupon_redemptions"]
    if sql:
        other = folder / "other.parquet"
        with duckdb.connect() as connection:
            connection.execute(f"CREATE VIEW good AS FROM read_parquet({quoted(path)})")
            connection.execute(f"COPY ({sql}) TO {quoted(other)} (FORMAT parquet)")
        path = other
    return journey.schema_and_keys(schema.COUPON_REDEMPTIONS, path, ENGINE)


def test_a_table_as_declared_passes(tmp_path: Path) -> None:
    found = _judge(tmp_path, REDEMPTIONS)
    assert found == Verdict(True, "3 rows, keys unique", {"n_rows": 3, "n_nulls": 0, "n_repeated_keys": 0})


def test_a_wrong_type_or_a_missing_column_fails(tmp_path: Path) -> None:
    for sql in ("SELECT * REPLACE (day::VARCHAR AS day) FROM good", "SELECT * EXCLUDE (day) FROM good"):
        found = _judge(tmp_path, REDEMPTIONS, sql)
        assert not found.passed
        assert found.message.startswith("columns are {'household_key': 'BIGINT', ")
        assert found.message.endswith("'campaign': 'BIGINT'}. Materialise load_journey again.")
    assert "'day'" not in found.message.partition("expected")[0]


def test_a_null_in_a_required_column_fails(tmp_path: Path) -> None:
    found = _judge(tmp_path, REDEMPTIONS, "SELECT * REPLACE (nullif(coupon_upc, 7) AS coupon_upc) FROM good")
    advice = "look at the rejects table."
    key = "household_key, day, coupon_upc, campaign"
    assert found.message == f"3 nulls in required columns and 0 repeated keys ({key}); {advice}"
    assert (found.passed, found.figures["n_nulls"]) == (False, 3)


def test_a_repeated_key_fails(tmp_path: Path) -> None:
    found = _judge(tmp_path, pd.concat([REDEMPTIONS, REDEMPTIONS.head(1)]))
    assert (found.passed, found.figures["n_repeated_keys"]) == (False, 1)
    assert found.message.startswith("0 nulls in required columns and 1 repeated keys (household_key, day")


def test_an_empty_table_fails(tmp_path: Path) -> None:
    found = _judge(tmp_path, REDEMPTIONS.head(0))
    assert not found.passed
    assert found.message == "coupon_redemptions has no rows; look at the raw file coupon_redempt."


# Features

NAMES = [feature.name for feature in CATALOGUE]


@pytest.fixture
def features() -> pd.DataFrame:
    frame = pd.DataFrame(1.0, index=range(4), columns=["household_key", *NAMES])
    frame["household_key"] = range(4)
    frame[SHARES] = 1.0 / len(SHARES)
    frame.loc[2, SHARES] = NAN
    frame.loc[3, ["monetary_std", "days_between_purchases_avg"]] = NAN
    return frame


def test_complete_features_pass(features: pd.DataFrame) -> None:
    found = of_features.features_complete(features, CHECKS)
    assert found.passed
    assert found.message == "57 features of 4 households"
    assert found.figures == {"n_households": 4, "n_unexpected_nulls": 0, "n_shares_off": 0}


def test_a_missing_feature_is_named(features: pd.DataFrame) -> None:
    found = of_features.features_complete(features.drop(columns=["recency", "tenure"]), CHECKS)
    assert (found.passed, found.message) == (False, "features are missing: recency, tenure")


def test_features_fail_for_nulls_repeated_households_and_shares_that_do_not_add_up(features: pd.DataFrame) -> None:
    empty_recency = features.assign(recency=[NAN, 1.0, 1.0, 1.0])
    repeated = features.assign(household_key=[0, 0, 1, 2])
    off = features.assign(**{SHARES[0]: features[SHARES[0]] + 0.01})
    for frame, complaint in (
        (empty_recency, "nulls in {'recency': "),
        (repeated, "1 repeated households"),
        (off, "3 households whose category shares do not sum to 1"),
        (features.head(0), "0 households, "),
    ):
        found = of_features.features_complete(frame, CHECKS)
        assert not found.passed
        assert complaint in found.message


# Stability


def test_stability_is_judged_by_start_against_its_floor() -> None:
    table = pd.DataFrame({"start": ["cold", "cold", "warm", "warm"], "ari": [0.40, 0.50, 0.70, 0.80]})
    settings = CheckSettings(warm_ari_floor=0.75, cold_ari_floor=0.50)
    warm, cold = segmentation.warm_stability(table, settings), segmentation.cold_stability(table, settings)
    assert (warm.passed, warm.message) == (True, "mean warm ARI 0.750, floor 0.75")
    assert warm.figures == pytest.approx({"mean_ari_warm": 0.75})
    advice = "; other households would give other segments: try fewer segments or factors"
    assert (cold.passed, cold.message) == (False, f"mean cold ARI 0.450, floor 0.50{advice}")
    strict = CheckSettings(warm_ari_floor=0.76)
    assert segmentation.warm_stability(table, strict).message == f"mean warm ARI 0.750, floor 0.76{advice}"
    assert segmentation.cold_stability(table, CheckSettings(cold_ari_floor=0.45)).passed
    assert not segmentation.warm_stability(table.head(2), settings).passed


# Segments


def _selection(**replaced: object) -> pd.DataFrame:
    frame = pd.DataFrame(
        {
            "n_factors": [2, 3],
            "centred_r2": [0.40, 0.60],
            "pooled_r2": [0.80, 0.90],
            "converged": [True, True],
            "n_refits": [4, 4],
            "n_unconverged": [0, 0],
            "chosen": [False, True],
        }
    )
    return frame.assign(**replaced)


def test_factors_must_explain_enough() -> None:
    found = segmentation.variance_explained(_selection(), CHECKS)
    assert (found.passed, found.message) == (True, "3 factors explain 60.0% of what differs, at least 50% expected")
    assert found.figures == {"centred_r2": 0.60, "pooled_r2": 0.90}
    few = segmentation.variance_explained(_selection(chosen=[True, False]), CHECKS)
    assert not few.passed
    assert few.message.endswith("segments see little of the features: more factors, or fewer features")


def test_fits_that_are_broken_off_are_counted() -> None:
    refits = pd.DataFrame({"converged": [True] * 10})
    found = segmentation.fits_converge(refits, _selection(), CHECKS)
    assert found == Verdict(True, "20 of 20 fits of factors converged, at least 95% expected", {"share_converged": 1.0})
    stuck = segmentation.fits_converge(refits.assign(converged=False), _selection(), CHECKS)
    assert (stuck.passed, stuck.figures) == (False, {"share_converged": 0.5})
    assert stuck.message.endswith("stability of fits that were broken off says little: try fewer factors")
    few = segmentation.fits_converge(refits, _selection(n_unconverged=[1, 1]), CHECKS)
    assert (few.passed, few.figures["share_converged"]) == (False, 0.9)
    # One fit of twenty is within the floor, but it is the one that is used.
    used = segmentation.fits_converge(refits, _selection(converged=[True, False]), CHECKS)
    assert not used.passed
    assert used.message.startswith("the factors that are used have not converged; 19 of 20 fits")
    assert segmentation.fits_converge(refits, _selection(converged=[False, True]), CHECKS).passed


def test_a_segment_can_be_too_small() -> None:
    segments = pd.DataFrame({"segment_name": ["Large"] * 97 + ["Small"] * 3})
    found = segmentation.smallest_segment(segments, CHECKS)
    assert found == Verdict(
        True, "Small: 3.0% of households, at least 2% expected", {"smallest_share": 0.03, "n_segments": 2}
    )
    assert not segmentation.smallest_segment(segments, CheckSettings(min_segment_share=0.04)).passed


def _identity(*rows: tuple[str | None, str | None, float, bool, str]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["segment", "previous_segment", "jaccard", "kept", "reason"])
    return frame.assign(segment_name=frame["segment"].str.title())


def test_names_are_new_in_the_first_run_alone() -> None:
    first = _identity(("gold", None, NAN, False, "first run"), ("lead", None, NAN, False, "first run"))
    found = segmentation.identity_kept(first, CHECKS)
    assert (found.passed, found.message) == (True, "2 segments, all new: this is the first run")
    unread = segmentation.identity_kept(first.assign(reason="the file has format version 7, expected 1"), CHECKS)
    assert (unread.passed, unread.figures) == (False, {"n_kept": 0, "n_renamed": 2, "n_gone": 0})
    assert "new: Gold (the file has format version 7, expected 1); Lead (" in unread.message


def test_segments_that_stay_keep_their_names_and_others_are_named() -> None:
    kept = [("gold", "gold", 0.9, True, "overlap"), ("lead", "lead", 0.7, True, "overlap")]
    found = segmentation.identity_kept(_identity(*kept), CHECKS)
    assert (found.passed, found.message) == (True, "all 2 segments keep their names; least overlap 0.70 (Lead)")
    assert found.figures == {"n_kept": 2, "n_renamed": 0, "n_gone": 0, "least_overlap": 0.7}
    gone = (None, "tin", NAN, False, "no longer there")
    changed = segmentation.identity_kept(_identity(*kept, gone), CHECKS)
    assert (changed.passed, changed.message.split(";")[0]) == (False, "no longer there: tin")
    new = ("silver", "tin", 0.2, False, "overlap of 0.20 with its closest match is under 0.5")
    both = segmentation.identity_kept(_identity(*kept, new, gone), CHECKS)
    assert not both.passed
    assert both.message.startswith("new: Silver (overlap of 0.20 with its closest match is under 0.5); no longer th")
    assert not segmentation.identity_kept(_identity(*kept, new), CHECKS).passed


def test_shares_of_profiles_sum_to_one() -> None:
    profiles = pd.DataFrame({"share": [0.25, 0.75], "revenue_share": [0.5, 0.5]})
    assert segmentation.profile_shares(profiles, CHECKS).passed
    off = segmentation.profile_shares(profiles.assign(revenue_share=[0.5, 0.4]), CHECKS)
    text = "revenue_share sums to 0.9, expected 1: a defect; do not use the profiles"
    assert (off.passed, off.message) == (False, text)
    assert not segmentation.profile_shares(profiles.assign(share=NAN).head(0), CHECKS).passed


def test_the_playbook_speaks_once_of_every_segment() -> None:
    segments = pd.DataFrame({"segment": ["gold", "gold", "lead"]})
    playbook = pd.DataFrame({"segment": ["gold", "lead"], "rule": ["protect", "default"]})
    found = segmentation.every_segment_advised(playbook, segments, CHECKS)
    figures = {"n_segments": 2, "n_without_advice": 0, "n_by_default": 1}
    assert found == Verdict(True, "advice for all 2 segments, 1 of them by the default alone", figures)
    for table, complaint in (
        (playbook.head(1), "without advice: lead"),
        (pd.concat([playbook, playbook.head(1)]), "advised twice: gold"),
        (pd.concat([playbook, pd.DataFrame({"segment": ["tin"], "rule": ["x"]})]), "no segment: tin"),
    ):
        wrong = segmentation.every_segment_advised(table, segments, CHECKS)
        assert (wrong.passed, wrong.message.split(";")[0]) == (False, complaint)


def test_parameters_off_their_bounds_are_named() -> None:
    table = pd.DataFrame(
        {
            "stretch": "whole",
            "parameter": ["r", "q", "log_likelihood"],
            "value": [1.4, 1.0, -9.0],
            "in_range": pd.array([True, True, pd.NA], dtype="boolean"),
        }
    )
    found = segmentation.parameters_in_range(table, CHECKS)
    assert found == Verdict(True, "2 parameters in range", {"n_parameters": 2, "n_out_of_range": 0})
    table.loc[1, "in_range"] = False
    off = segmentation.parameters_in_range(table, CHECKS)
    assert (off.passed, off.message.split(";")[0]) == (False, "out of range: q = 1 (whole)")
    assert off.message.endswith("next to no mean over households: do not read expected spend, rank by past spend")
    leaving = segmentation.parameters_in_range(table.assign(parameter=["r", "mean_dropout", "log_likelihood"]), CHECKS)
    assert "; households hardly ever leave, so that probability_alive tells nothing" in leaving.message
    assert "do not read lifetime values" not in leaving.message
    failed = segmentation.parameters_in_range(table.assign(parameter=["r", "a", "log_likelihood"]), CHECKS)
    assert failed.message.endswith("do not read lifetime values: give a longer history or more households")
    assert not segmentation.parameters_in_range(table.tail(1), CHECKS).passed


def _validation(lower: float, upper: float) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "target": ["spend", "spend", "trips"],
            "forecast": ["naive", "stacked", "naive"],
            "mae": [350.0, 340.0, 9.0],
            "mae_against_naive": [0.0, -10.0, 0.0],
            "ci_lower": [0.0, lower, 0.0],
            "ci_upper": [0.0, upper, 0.0],
            "spearman": [0.8, 0.82, 0.8],
            "verdict": ["the yardstick", "so and so", "the yardstick"],
            "chosen": [False, True, False],
        }
    )


def test_a_forecast_may_not_be_worse_than_none() -> None:
    better = segmentation.not_worse_than_naive(_validation(-15.0, -5.0), CHECKS)
    text = "stacked: mean error $340.00 a household, naive $350.00; difference -10.00 (-15.00 to -5.00), so and so"
    assert better == Verdict(True, text, {"mae": 340.0, "mae_naive": 350.0, "spearman": 0.82})
    assert segmentation.not_worse_than_naive(_validation(-5.0, 5.0), CHECKS).passed
    for worse in (_validation(1.0, 5.0), _validation(NAN, NAN)):
        found = segmentation.not_worse_than_naive(worse, CHECKS)
        assert not found.passed
        assert found.message.endswith("; rank households by past spend instead, or set lifetime_value.forecast")


def test_segments_must_last_from_one_period_to_the_next() -> None:
    summary = pd.DataFrame(
        {
            "from_period": [0, 1, 0],
            "to_period": [1, 2, 2],
            "shared_days": [28, 28, 0],
            "ari": [0.5, 0.6, 0.1],
            "share_staying": [0.7, 0.9, 0.4],
        }
    )
    found = segmentation.segments_hold(summary, CHECKS)
    assert found.passed
    assert found.message == (
        "mean ARI 0.550 between neighbouring periods, floor 0.40; 80% of households stay; "
        "0.100 between periods that share no day"
    )
    assert found.figures == pytest.approx({"mean_ari": 0.55, "share_staying": 0.8, "mean_ari_apart": 0.1})
    strict = segmentation.segments_hold(summary.head(2), CheckSettings(migration_ari_floor=0.56))
    assert not strict.passed
    assert strict.message.endswith("a segment of this month is not one of next: longer look-backs, fewer segments")
    assert not segmentation.segments_hold(summary.assign(ari=NAN), CHECKS).passed


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
    assert found.figures == {"n_trials": 3, "n_ahead": 0, "n_differing": 0}


def test_covariates_computed_a_day_too_late_are_caught(tables: dict[str, Path]) -> None:
    found = causal.no_look_ahead(_trials(tables, 101), tables["transactions"], ENGINE)
    assert not found.passed
    assert found.figures["n_differing"] == 3
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
    assert (found.figures["n_ahead"], found.figures["n_differing"]) == (n_ahead, n_differing)


def test_no_trials_is_no_proof(tables: dict[str, Path]) -> None:
    found = causal.no_look_ahead(_trials(tables, 100).head(0), tables["transactions"], ENGINE)
    assert not found.passed
    assert found.message == "there are no trials: no household that shopped in a look-back is eligible"


# Overlap and balance


def test_arms_need_enough_trials_inside_overlap() -> None:
    table = pd.DataFrame({"treated": [1] * 40 + [0] * 60, "in_overlap": [True] * 30 + [False] * 10 + [True] * 60})
    enough = causal.arms_in_overlap(table, CheckSettings(min_trials_per_arm=30))
    assert (enough.passed, enough.message) == (True, "30 treated and 60 control trials in overlap")
    assert enough.figures == {"n_treated_in_overlap": 30, "n_control_in_overlap": 60}
    short = causal.arms_in_overlap(table, CheckSettings(min_trials_per_arm=31))
    advice = "at least 31 of each are needed: widen overlap or pool more waves"
    assert (short.passed, short.message) == (False, f"30 treated and 60 control trials in overlap; {advice}")
    assert not causal.arms_in_overlap(table.assign(treated=0), CheckSettings(min_trials_per_arm=2)).passed


def _diagnostics(share: float, auc: float) -> pd.DataFrame:
    # A wave of its own must not be taken for the whole.
    return pd.DataFrame({"wave": ["8", "all"], "share_in_overlap": [0.01, share], "auc": [0.99, auc]})


def test_the_share_in_overlap_and_the_auc_are_those_of_all_waves() -> None:
    good, bad = _diagnostics(0.5, 0.85), _diagnostics(0.49, 0.86)
    assert causal.overlap_share(good, CHECKS) == Verdict(
        True, "50% of trials in overlap, at least 50% expected", {"share_in_overlap": 0.5}
    )
    share = causal.overlap_share(bad, CHECKS)
    advice = "; effects speak of this part of the customers only"
    assert (share.passed, share.message) == (False, f"49% of trials in overlap, at least 50% expected{advice}")
    assert causal.propensity_auc(good, CHECKS) == Verdict(
        True, "propensity AUC 0.850, at most 0.85 expected", {"auc": 0.85}
    )
    auc = causal.propensity_auc(bad, CHECKS)
    advice = "; targeting followed the covariates closely: weigh how little overlap is left"
    assert (auc.passed, auc.message) == (False, f"propensity AUC 0.860, at most 0.85 expected{advice}")
    assert not causal.propensity_auc(_diagnostics(0.5, NAN), CHECKS).passed


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
    advice = "; the propensity model misses it: add it in another form or narrow overlap"
    assert (bad.passed, bad.message) == (False, f"{text} 0.100 (spend), ceiling 0.05{advice}")
    unknown = table.assign(smd=[0.9, -0.8, 0.02, NAN, 0.5, 0.0])
    found = causal.balance_after_weighting(unknown, CHECKS)
    assert (found.passed, found.message) == (False, "no SMD after overlap weighting for spend")
    assert not causal.balance_after_weighting(table[table["weighting"] == "none"], CHECKS).passed


# Effects


def _effects(*intervals: tuple[float, float]) -> pd.DataFrame:
    rows = [("purchase_amount", "naive", "all", "all", -90.0, -50.0), ("redeemed", "aipw", "all", "all", -9.0, -5.0)]
    rows += [("purchase_amount", "aipw", "all", "8", -90.0, -50.0)]
    names = [("aipw", "all"), ("overlap_weighted", "all")]
    rows += [("purchase_amount", *name, "all", *interval) for name, interval in zip(names, intervals, strict=True)]
    frame = pd.DataFrame(rows, columns=["outcome", "estimator", "population", "wave", "ci_lower", "ci_upper"])
    return frame.assign(estimate=(frame["ci_lower"] + frame["ci_upper"]) / 2)


def test_adjusted_estimates_must_not_contradict_each_other() -> None:
    agreed = causal.estimators_agree(_effects((1.0, 9.0), (-3.0, 5.0)), CHECKS)
    text = "$ per household: aipw (all) 5.0 (1.0 to 9.0), overlap_weighted (all)"
    assert (agreed.passed, agreed.message) == (True, f"{text} 1.0 (-3.0 to 5.0)")
    opposed = causal.estimators_agree(_effects((1.0, 9.0), (-5.0, -1.0)), CHECKS)
    advice = "; they contradict each other: see the balance and overlap figures"
    assert (opposed.passed, opposed.message) == (False, f"{text} -3.0 (-5.0 to -1.0){advice}")


def test_estimates_that_are_not_there_do_not_agree() -> None:
    message = "an adjusted estimate on spend or its interval is missing: see the arms in overlap"
    for effects in (_effects((1.0, 9.0), (NAN, NAN)), _effects((1.0, 9.0), (1.0, 9.0)).head(3)):
        assert causal.estimators_agree(effects, CHECKS) == Verdict(False, message)


def _models(chosen: str) -> pd.DataFrame:
    rows = [("constant", 0, 0.0, 0.0), ("constant", -1, 0.0, 0.0), ("r_learner", -1, 12.5, 4.0)]
    frame = pd.DataFrame(rows, columns=["model", "fold", "gain_over_constant", "gain_se"])
    # One fold's choice is not the choice.
    return frame.assign(chosen=(frame["model"] == chosen) | (frame["fold"] == 0))


def test_heterogeneity_is_a_model_that_beats_the_constant() -> None:
    found = causal.heterogeneity(_models("r_learner"), CHECKS)
    assert found == Verdict(True, "r_learner beats the constant by 12.5 (SE 4) in R-loss", {"gain_over_constant": 12.5})
    none = causal.heterogeneity(_models("constant"), CHECKS)
    assert none == Verdict(False, "not proven: no model beats one constant effect for all out of fold")


def test_the_value_of_the_chosen_policy_must_lie_above_zero() -> None:
    table = pd.DataFrame(
        {
            "policy": ["treat_all", "top_10%"],
            "share_targeted": [1.0, 0.1],
            "value": [5.0, 2.0],
            "ci_lower": [1.0, -1.0],
            "ci_upper": [9.0, 5.0],
            "claimed_value": [6.0, 8.0],
            "chosen": [True, False],
        }
    )
    found = targeting.value_proven(table, CHECKS)
    assert found == Verdict(True, "treat_all: $5.00 per household (1.00 to 9.00), claimed 6.00", {"value": 5.0})
    unproven = targeting.value_proven(table.assign(chosen=[False, True]), CHECKS)
    advice = "; a value above zero is not proven: test before you roll out"
    text = "top_10%: $2.00 per household (-1.00 to 5.00), claimed 8.00"
    assert (unproven.passed, unproven.message) == (False, f"{text}{advice}")
    assert not targeting.value_proven(table.assign(ci_lower=0.0), CHECKS).passed
    nobody = targeting.value_proven(table.assign(policy="top_1%", share_targeted=0.0), CHECKS)
    text = "top_1% selects nobody: no household's effect was found to pay for its contact"
    assert nobody == Verdict(False, text, {"value": 0.0})


# The list

LIST = pd.DataFrame(
    {"decision": ["target", "test", "leave"], "reason": ["a", "b", "c"], "in_overlap": [True, False, False]}
)


def test_a_backed_list_passes() -> None:
    found = targeting.list_backed(LIST, CHECKS)
    assert found == Verdict(
        True, "3 households, 1 to target, all in overlap", {"n_households": 3, "n_target": 1, "n_unbacked": 0}
    )


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        (
            "decision",
            ["target", "maybe", None],
            "2 unknown decisions, 0 without a reason, 0 without an overlap flag, 0",
        ),
        ("reason", ["a", "", None], "0 unknown decisions, 2 without a reason, 0 without an overlap flag, 0"),
        ("in_overlap", [True, None, False], "0 unknown decisions, 0 without a reason, 1 without an overlap flag, 0"),
        ("in_overlap", [False, True, True], "0 unknown decisions, 0 without a reason, 0 without an overlap flag, 1"),
        ("in_overlap", [None, True, True], "0 unknown decisions, 0 without a reason, 1 without an overlap flag, 1"),
    ],
)
def test_a_list_without_backing_fails(column: str, values: list[object], message: str) -> None:
    found = targeting.list_backed(LIST.assign(**{column: values}), CHECKS)
    assert (found.passed, found.message) == (False, f"{message} targets outside overlap")


def test_an_empty_list_fails() -> None:
    found = targeting.list_backed(LIST.head(0), CHECKS)
    assert (found.passed, found.message) == (False, "the targeting list is empty: no household was scored")
