"""Every verdict is seen to pass and to fail, and says what to do when it fails."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pandas as pd
import pytest

from dunnhumby_pipeline.contracts import schema
from dunnhumby_pipeline.contracts.features import CATALOGUE
from dunnhumby_pipeline.journey.literals import quoted
from dunnhumby_pipeline.orchestration.checks import features as of_features
from dunnhumby_pipeline.orchestration.checks import journey, lifetime, segmentation, targeting
from dunnhumby_pipeline.orchestration.checks.features import SHARES
from dunnhumby_pipeline.orchestration.checks.verdict import Verdict
from dunnhumby_pipeline.settings import CheckSettings
from dunnhumby_pipeline_tests.fakes.known_truth import ENGINE, write_tables

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
    assert (found.passed, found.metrics["n_nulls"]) == (False, 3)


def test_a_repeated_key_fails(tmp_path: Path) -> None:
    found = _judge(tmp_path, pd.concat([REDEMPTIONS, REDEMPTIONS.head(1)]))
    assert (found.passed, found.metrics["n_repeated_keys"]) == (False, 1)
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
    assert found.message == f"{len(NAMES)} features of 4 households"
    assert found.metrics == {"n_households": 4, "n_unexpected_nulls": 0, "n_shares_off": 0}


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
    assert warm.metrics == pytest.approx({"mean_ari_warm": 0.75})
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
    assert found.metrics == {"centred_r2": 0.60, "pooled_r2": 0.90}
    few = segmentation.variance_explained(_selection(chosen=[True, False]), CHECKS)
    assert not few.passed
    assert few.message.endswith("segments see little of the features: more factors, or fewer features")


def test_fits_that_are_broken_off_are_counted() -> None:
    refits = pd.DataFrame({"converged": [True] * 10})
    found = segmentation.fits_converge(refits, _selection(), CHECKS)
    assert found == Verdict(True, "20 of 20 fits of factors converged, at least 95% expected", {"share_converged": 1.0})
    stuck = segmentation.fits_converge(refits.assign(converged=False), _selection(), CHECKS)
    assert (stuck.passed, stuck.metrics) == (False, {"share_converged": 0.5})
    assert stuck.message.endswith("the stability of fits that did not converge says little: try fewer factors")
    few = segmentation.fits_converge(refits, _selection(n_unconverged=[1, 1]), CHECKS)
    assert (few.passed, few.metrics["share_converged"]) == (False, 0.9)
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
    assert (unread.passed, unread.metrics) == (False, {"n_kept": 0, "n_renamed": 2, "n_gone": 0})
    assert "new: Gold (the file has format version 7, expected 1); Lead (" in unread.message


def test_segments_that_stay_keep_their_names_and_others_are_named() -> None:
    kept = [("gold", "gold", 0.9, True, "overlap"), ("lead", "lead", 0.7, True, "overlap")]
    found = segmentation.identity_kept(_identity(*kept), CHECKS)
    assert (found.passed, found.message) == (True, "all 2 segments keep their names; least overlap 0.70 (Lead)")
    assert found.metrics == {"n_kept": 2, "n_renamed": 0, "n_gone": 0, "least_overlap": 0.7}
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
    text = "stacked: mean error $340.00 per household, naive $350.00; difference -10.00 (-15.00 to -5.00), so and so"
    assert better == Verdict(True, text, {"mae": 340.0, "mae_naive": 350.0, "spearman": 0.82})
    assert segmentation.not_worse_than_naive(_validation(-5.0, 5.0), CHECKS).passed
    for worse in (_validation(1.0, 5.0), _validation(NAN, NAN)):
        found = segmentation.not_worse_than_naive(worse, CHECKS)
        assert not found.passed
        assert found.message.endswith("; rank households by past spend instead, or set lifetime_value.forecast")


def test_intervals_of_lifetime_value_must_hold_what_came() -> None:
    table = _validation(-15.0, -5.0).assign(n_households=900, nominal_coverage=0.95, interval_width=1990.0)
    held = lifetime.intervals_cover(table.assign(coverage=0.9), CHECKS)
    text = "stacked: intervals of 95% held the spend of 90.0% of households, at least 90% expected"
    assert held == Verdict(True, text, {"coverage": 0.9, "interval_width": 1990.0})
    missed = lifetime.intervals_cover(table.assign(coverage=0.89), CHECKS)
    assert not missed.passed and "; take them as wider than they are" in missed.message
    none = lifetime.intervals_cover(table.assign(coverage=NAN), CHECKS)
    assert not none.passed and "as 900 households are too few for one of 95%" in none.message


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
    assert found.metrics == pytest.approx({"mean_ari": 0.55, "share_staying": 0.8, "mean_ari_apart": 0.1})
    strict = segmentation.segments_hold(summary.head(2), CheckSettings(migration_ari_floor=0.56))
    assert not strict.passed
    assert strict.message.endswith("a segment of this month is not one of next: longer look-backs, fewer segments")
    assert not segmentation.segments_hold(summary.assign(ari=NAN), CHECKS).passed


def _movement(**estimates: float) -> pd.DataFrame:
    told = {"staying": 0.57, "staying_ceiling": 0.61, "noise_share": 0.9, "staying_true": 0.92} | estimates
    rows = [("segment", True, name, value, value - 0.02, value + 0.02) for name, value in told.items()]
    rows += [("need", True, "staying_true", 0.1, 0.0, 0.2), ("segment", False, "staying_true", 0.1, 0.0, 0.2)]
    return pd.DataFrame(rows, columns=["label", "apart", "measure", "estimate", "ci_lower", "ci_upper"])


def test_with_the_noise_taken_out_households_must_stay() -> None:
    found = segmentation.true_staying(_movement(), CHECKS)
    assert found.passed
    assert found.message == (
        "92% keep their segment (90% to 94%), at least 80% expected; 57% are measured to, and 61% would be if nobody "
        "changed"
    )
    metrics = {"staying_true": 0.92, "staying": 0.57, "staying_ceiling": 0.61, "noise_share": 0.9}
    assert found.metrics == pytest.approx(metrics)
    moving = segmentation.true_staying(_movement(staying_true=0.79), CHECKS)
    assert not moving.passed
    assert moving.message.endswith("; households do change: plan by quarter, and refit segments more often")
    assert segmentation.true_staying(_movement(staying_true=0.79), CheckSettings(min_true_staying=0.79)).passed


def test_a_stay_rate_without_its_noise_is_not_known() -> None:
    unknown = _movement(staying_true=NAN), _movement().query("measure != 'staying_true'"), _movement().query("~apart")
    for noise in unknown:
        found = segmentation.true_staying(noise, CHECKS)
        assert not found.passed and found.metrics == {}
        assert found.message.startswith("not known: it takes two periods that share no day")
        assert "migration.look_back_days" in found.message


# Policies


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
            "reason": [None, None],
        }
    )
    found = targeting.value_proven(table, CHECKS)
    assert found == Verdict(True, "Target everybody: $5.00 per household (1.00 to 9.00), claimed 6.00", {"value": 5.0})
    unproven = targeting.value_proven(table.assign(chosen=[False, True]), CHECKS)
    advice = "; a value above zero is not proven: test before you roll out"
    text = "Top 10% by effect: $2.00 per household (-1.00 to 5.00), claimed 8.00"
    assert (unproven.passed, unproven.message) == (False, f"{text}{advice}")
    assert not targeting.value_proven(table.assign(ci_lower=0.0), CHECKS).passed
    nobody = targeting.value_proven(table.assign(policy="top_1%", share_targeted=0.0), CHECKS)
    text = "Top 1% by effect selects nobody: no household's effect was found to pay for its contact"
    assert nobody == Verdict(False, text, {"value": 0.0})
    few = targeting.value_proven(table.assign(reason="it selects 3 households in one arm", ci_lower=None), CHECKS)
    assert few == Verdict(False, "Target everybody has no value: it selects 3 households in one arm", {})


def test_a_claim_beyond_what_outcomes_show_warns() -> None:
    row = {"policy": "policy_tree", "chosen": True, "claimed_value": 8.0, "value": 3.0, "optimism": 5.0}
    table = pd.DataFrame([row])
    sure = targeting.claim_holds(table.assign(optimism_se=2.0), CHECKS)
    text = "Two questions (policy tree) claims $8.00 per household and brings $3.00: a gap of 5.00, at least 1.08"
    assert (sure.passed, sure.message) == (False, text)
    assert targeting.claim_holds(table.assign(optimism_se=3.0), CHECKS).passed
    unknown = targeting.claim_holds(table.assign(optimism=None, optimism_se=None), CHECKS)
    assert unknown == Verdict(True, "Two questions (policy tree) has no value that a claim could exceed", {})


# The list

LIST = pd.DataFrame(
    {
        "decision": ["target", "test", "leave"],
        "reason": ["a", "b", "c"],
        "in_overlap": [True, False, False],
        "decided_by": "study",
    }
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
    assert (found.passed, found.message) == (False, f"{message} targets outside overlap that no experiment randomised")


def test_targets_that_an_experiment_randomised_are_backed() -> None:
    outside = LIST.assign(in_overlap=False)
    found = targeting.list_backed(outside.assign(decided_by="experiment"), CHECKS)
    assert (found.passed, found.message) == (True, "3 households, 1 to target, in overlap or randomised")
    assert not targeting.list_backed(outside, CHECKS).passed


def test_an_empty_list_fails() -> None:
    found = targeting.list_backed(LIST.head(0), CHECKS)
    assert (found.passed, found.message) == (False, "the targeting list is empty: no household was scored")
