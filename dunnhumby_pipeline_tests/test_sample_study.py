"""The command's study of the real sample, with few repeats."""

from __future__ import annotations

import pytest

from dunnhumby_pipeline.contracts.study_features import FEATURES
from dunnhumby_pipeline.report import pictures
from dunnhumby_pipeline_tests.fakes.studies import FEW_REPEATS, SUMMARISED, Finished, command

# Of what says how sure a number is, as little as there can be: no test below looks at it.
FEW_DRAWS = {
    "DUNNHUMBY_NUISANCE__N_FOLDS": "3",
    "DUNNHUMBY_NEEDS__N_REFITS": "2",
    "DUNNHUMBY_MIGRATION__NOISE_PAIRS": "1",
    "DUNNHUMBY_RISK__N_BOOTSTRAPS": "20",
    "DUNNHUMBY_VALIDATION__N_HALF_SAMPLES": "50",
    "DUNNHUMBY_VALIDATION__N_SPLITS": "2",
    "DUNNHUMBY_VALIDATION__MAX_EXPLAINED": "50",
    "DUNNHUMBY_POWER__N_DRAWS": "20",
    "DUNNHUMBY_POWER__N_NULL_DRAWS": "20",
    "DUNNHUMBY_REFUTATION__N_DRAWS": "5",
    "DUNNHUMBY_POLICY__N_REFITS": "20",
}


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    home = tmp_path_factory.mktemp("sample") / "home"
    with pytest.MonkeyPatch.context() as patch:
        # All pictures, of fewer dots.
        patch.setattr(pictures, "DOTS_PER_INCH", 40)
        return Finished(command("run", "--home", home, **FEW_REPEATS, **FEW_DRAWS), home)


def test_the_sample_study_ends_well(sample: Finished) -> None:
    assert sample.result.exit_code == 0, sample.result.output
    assert "embedded sample" in sample.result.output
    assert "2,469 households" in sample.result.output
    for word in SUMMARISED:
        assert word in sample.result.output


def test_the_sample_has_the_lines_and_promotions_it_should(sample: Finished) -> None:
    rejects = sample.table("rejects").set_index(["table", "rule"])["n"]
    assert len(sample.table("transactions")) == 1_460_438
    assert rejects["transactions", "no_quantity"] == 1_469_307 - 1_460_438
    assert rejects["promotions", "duplicate_key"] == 12_785


def test_the_sample_features_are_complete(sample: Finished) -> None:
    features = sample.table("customer_features")
    assert len(features) == 2_469
    assert [feature.name for feature in FEATURES] == list(features.columns[1:34])
    assert len(FEATURES) == 33


def test_lifetime_values_of_the_sample_beat_the_same_as_last_half_year(sample: Finished) -> None:
    validation = sample.table("clv_validation").set_index(["target", "forecast"])
    assert validation.loc[("spend", "stacked"), "verdict"] == "better than naive"
    assert validation.loc[("spend", "model"), "verdict"] == "worse than naive"
    assert validation.loc[("spend", "stacked"), "chosen"]
    parameters = sample.table("clv_parameters")
    off = parameters[~parameters["in_range"].fillna(True)]
    # Nobody is known to leave: trips are the past rate, and the gain is that of the stack.
    assert off["parameter"].tolist() == ["mean_dropout", "mean_dropout"]


def test_segments_of_the_sample_outlast_a_quarter_in_their_value(sample: Finished) -> None:
    summary = sample.table("migration_summary")
    assert len(summary) == 18
    assert summary["share_staying_tier"].min() > 0.7
    assert (summary["share_staying_tier"] >= summary["share_staying"]).all()
    advice = sample.table("segment_playbook")
    assert set(advice["segment"]) == set(sample.table("segments")["segment"])


def test_the_trials_of_the_sample_are_those_of_the_first_observed_campaigns(sample: Finished) -> None:
    trials = sample.table("first_campaign_cohort")
    assert sorted(trials["index_day"].unique()) == [323, 412, 504]
    left_out = sample.table("trial_campaigns").query("not used")
    assert left_out["index_day"].tolist() == [587]
    assert "the data end on day 649, 21 days before" in left_out["reason"].item()
    treated = trials.groupby("index_day")["treated"].sum()
    assert treated[323] <= 361
    assert treated.sum() == trials.loc[trials["treated"] == 1, "household_key"].nunique()
    assert (trials["lookback_start"] >= 285).all()


def test_the_sample_report_stands_on_its_own(sample: Finished) -> None:
    page = (sample.home / "warehouse" / "TypeA" / "campaign_report.html").read_text()
    assert 'src="http' not in page
    assert page.count("data:image") >= 8
    assert "(not built)" not in page
    for text in ("one year for education and prototyping", "Effects are of a household", "break-even"):
        assert text in page
