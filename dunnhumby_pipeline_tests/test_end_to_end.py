"""The whole path as its user runs it: a simulated retailer whose effects are known, and the real sample."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest
from click.testing import Result
from rich.console import Console
from scipy.stats import spearmanr
from typer.testing import CliRunner

from dunnhumby_pipeline import cli
from dunnhumby_pipeline.cli import app
from dunnhumby_pipeline.contracts import schema
from dunnhumby_pipeline.contracts.study_features import FEATURES
from dunnhumby_pipeline.segmentation.segments.model_store import load_model

QUICK = {
    "DUNNHUMBY_NUISANCE__N_REPEATS": "1",
    "DUNNHUMBY_SEGMENTATION__N_BOOTSTRAPS": "3",
    "DUNNHUMBY_SEGMENTATION__MAX_FACTORS": "5",
    "DUNNHUMBY_SEGMENTATION__N_FACTOR_REFITS": "3",
    "DUNNHUMBY_SEGMENTATION__MIXTURES": "false",
    "DUNNHUMBY_CATE__N_TREES": "40",
    "DUNNHUMBY_CATE__N_BOOTSTRAPS": "20",
    "DUNNHUMBY_CATE__N_OUTCOME_BOOTSTRAPS": "10",
}


@dataclass(frozen=True)
class Finished:
    """A study that the command ran: what it printed, and its tables."""

    result: Result
    home: Path

    def table(self, name: str) -> pd.DataFrame:
        path = self.home / "warehouse" / "TypeA" / f"{name}.parquet"
        return pd.read_parquet(path if path.exists() else self.home / "warehouse" / f"{name}.parquet")


def run(home: Path, *arguments: str) -> Finished:
    result = CliRunner(env={**QUICK, "COLUMNS": "100"}).invoke(app, ["run", "--home", str(home), *arguments])
    return Finished(result, home)


@pytest.fixture(autouse=True, scope="module")
def _environment() -> Iterator[None]:
    """The command sets variables for dagster; they do not outlive these tests."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


def squeezed(text: str) -> str:
    """`text` without white space: the terminal breaks lines, and words, where it must."""
    return "".join(text.split())


# --- a simulated retailer ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("simulated") / "raw"
    arguments = ["simulate", str(folder), "--households", "1500", "--effect", "80", "--effect-sd", "80"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    return folder


@pytest.fixture(scope="module")
def simulated(raw: Path) -> Finished:
    return run(raw.parent / "home", "--raw", str(raw))


def test_the_command_ends_well_and_says_what_it_found(simulated: Finished) -> None:
    assert simulated.result.exit_code == 0, simulated.result.output
    for word in ("Segments", "Trials", "Overlap", "ATE", "Value", "claimed", "Decisions", "targeting_list", "Report"):
        assert word in simulated.result.output


@pytest.mark.parametrize(("estimator", "truth"), [("aipw", "ate"), ("overlap_weighted", "ato")])
def test_the_planted_effect_lies_in_its_interval(simulated: Finished, raw: Path, estimator: str, truth: str) -> None:
    planted = json.loads((raw / "truth" / "plan.json").read_text())["truth"]
    effects = simulated.table("average_effects")
    row = effects.query(
        "outcome == 'purchase_amount' and campaign == 'all' and population == 'all' and estimator == @estimator"
    ).iloc[0]
    assert row["ci_lower"] < planted[truth] < row["ci_upper"]
    naive = effects.query("outcome == 'purchase_amount' and campaign == 'all' and estimator == 'naive'").iloc[0]
    assert naive["ci_lower"] > planted[truth], "the naive difference must be wrong here, or nothing is tested"


def test_what_came_before_the_campaign_shows_no_effect_of_it(simulated: Finished) -> None:
    controls = simulated.table("negative_controls").query("campaign == 'all'").set_index("control")
    placebo = controls.loc["placebo outcome"]
    assert placebo["ci_lower"] < 0 < placebo["ci_upper"]
    weeks = simulated.table("event_study").groupby("phase")["estimate"].mean()
    assert weeks["after"] > 3 * abs(weeks["before"])


def test_designs_stand_side_by_side(simulated: Finished) -> None:
    comparison = simulated.table("design_comparison").set_index("design")
    assert comparison.index[comparison["chosen"]].tolist() == ["sequential_trials"]
    assert comparison.at["never_targeted", "share_control_without_purchase"] == 0
    assert comparison.at["never_targeted", "auc"] > comparison.at["sequential_trials", "auc"]
    assert comparison.at["first_eligible", "n_trials"] == comparison.at["first_eligible", "n_households"]


def test_the_trials_and_their_treatment_are_the_planted_ones(simulated: Finished, raw: Path) -> None:
    key = ["household_key", "campaign"]
    truth = pd.read_parquet(raw / "truth" / "trials.parquet").sort_values(key, ignore_index=True)
    trials = simulated.table("first_campaign_cohort").sort_values(key, ignore_index=True)
    pd.testing.assert_frame_equal(trials[[*key, "treated"]], truth[[*key, "treated"]], check_dtype=False)


def test_households_are_ranked_better_than_chance(simulated: Finished, raw: Path) -> None:
    truth = pd.read_parquet(raw / "truth" / "trials.parquet")
    ranked = simulated.table("cate_estimates").merge(truth, on=["household_key", "campaign"])
    lifts, correlations = [], []
    for _, fold in ranked.groupby("fold"):
        top = fold["cate"].rank(ascending=False, method="first") <= 0.3 * len(fold)
        lifts.append(fold.loc[top, "effect"].mean() - fold["effect"].mean())
        correlations.append(spearmanr(fold["cate"], fold["effect"]).statistic if fold["cate"].nunique() > 1 else 0.0)
    assert sum(lifts) / len(lifts) > 20
    assert sum(correlations) / len(correlations) > 0.2


def test_true_propensities_are_recovered(simulated: Finished, raw: Path) -> None:
    truth = pd.read_parquet(raw / "truth" / "trials.parquet").rename(columns={"propensity": "planted"})
    merged = simulated.table("propensity").merge(truth, on=["household_key", "campaign"])
    assert spearmanr(merged["propensity"], merged["planted"]).statistic > 0.6
    assert (merged["propensity"] - merged["planted"]).abs().mean() < 0.1


def test_the_list_covers_every_household_once_with_a_reason(simulated: Finished) -> None:
    listed = simulated.table("targeting_list")
    assert sorted(listed["household_key"]) == sorted(simulated.table("customer_features")["household_key"])
    assert set(listed["decision"]) <= {"target", "leave", "test"}
    assert (listed["reason"].str.len() > 0).all()
    assert listed.loc[listed["decision"] == "target", "in_overlap"].all()


def test_the_same_input_gives_the_same_tables(simulated: Finished, raw: Path, tmp_path: Path) -> None:
    os.environ |= {"DUNNHUMBY_ENGINE__THREADS": "1", "DUNNHUMBY_CATE__N_JOBS": "1"}
    again = run(tmp_path / "home", "--raw", str(raw))
    del os.environ["DUNNHUMBY_ENGINE__THREADS"], os.environ["DUNNHUMBY_CATE__N_JOBS"]
    assert again.result.exit_code == 0, again.result.output
    names = sorted(path.relative_to(again.home) for path in again.home.rglob("*.parquet"))
    assert len(names) == 78
    for name in names:
        pd.testing.assert_frame_equal(
            pd.read_parquet(again.home / name), pd.read_parquet(simulated.home / name), check_exact=True
        )
    first, second = (load_model(one.home / "warehouse" / "segment_model.npz") for one in (simulated, again))
    assert (first.slugs, first.features, first.seed) == (second.slugs, second.features, second.seed)
    assert (first.fitted.clusters.centroids == second.fitted.clusters.centroids).all()


# --- the real sample --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    return run(tmp_path_factory.mktemp("sample") / "home")


def test_the_sample_study_ends_well(sample: Finished) -> None:
    assert sample.result.exit_code == 0, sample.result.output
    assert "embedded sample" in sample.result.output
    assert "2,469 households" in sample.result.output


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
    for text in ("one year for education and prototyping", "Effects are of a household", "breakeven"):
        assert text in page


# --- the command's other ways to end ----------------------------------------------------------------


def test_validate_shows_files_rules_and_verdict(raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "console", Console(width=200))
    rejected = tmp_path / "rejected.csv"
    good = CliRunner().invoke(app, ["validate", str(raw), "--rejected", str(rejected)])
    assert good.exit_code == 0
    shown = squeezed(good.output)
    assert "transaction_data.csv" in shown and "no_quantity" in shown
    n_left_out = len(pd.read_csv(rejected))
    assert n_left_out > 0
    assert f"canbeused{n_left_out:,}rowsareleftout." in shown


def test_validate_tells_a_machine_the_same(raw: Path, tmp_path: Path) -> None:
    good = CliRunner().invoke(app, ["validate", str(raw), "--json"])
    found = json.loads(good.output)
    assert (good.exit_code, found["usable"], found["problems"]) == (0, True, [])
    tables = {table["table"]: table for table in found["tables"]}
    lines = tables["transactions"]
    left_out = sum(
        row["n"] for row in found["findings"] if row["table"] == "transactions" and row["action"] == "rejected"
    )
    assert lines["file"] == "transaction_data.csv"
    assert lines["span"].startswith("days 1 to")
    assert lines["rows"] - lines["kept"] == left_out > 0
    bad = CliRunner().invoke(app, ["validate", str(tmp_path), "--json"])
    assert bad.exit_code == 2
    assert [problem["where"] for problem in json.loads(bad.output)["problems"]] == [
        f"{table.file}.csv" for table in schema.TABLES
    ]


def test_validate_refuses_what_it_cannot_write_or_set(
    raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nowhere = CliRunner().invoke(app, ["validate", str(raw), "--rejected", str(tmp_path / "no" / "rejected.csv")])
    assert nowhere.exit_code == 2
    assert "expectedafileinafolderthatexists" in squeezed(nowhere.output)
    monkeypatch.setenv("DUNNHUMBY_ENGINE__TEMP_DIRECTORY", str(tmp_path / "no"))
    spilling = CliRunner().invoke(app, ["validate", str(raw)])
    assert spilling.exit_code == 2
    assert squeezed("engine.temp_directory: expected an existing folder") in squeezed(spilling.output)


def test_validate_goes_by_the_settings_of_the_home(raw: Path, tmp_path: Path) -> None:
    (tmp_path / "dunnhumby.toml").write_text("[journey]\nmax_reject_share = 0.0\n", encoding="utf-8")
    strict = CliRunner().invoke(app, ["validate", str(raw), "--home", str(tmp_path), "--json"])
    assert strict.exit_code == 2
    assert "at most" in json.loads(strict.output)["problems"][0]["expected"]


def test_validate_names_what_is_wrong_with_bad_files(tmp_path: Path) -> None:
    bad = CliRunner(env={"COLUMNS": "200"}).invoke(app, ["validate", str(tmp_path)])
    assert bad.exit_code == 2
    assert "8problem(s)" in squeezed(bad.output)
    message = "transaction_data.csv: expected this file (or .csv.gz, or .parquet), found an empty folder."
    assert squeezed(message) in squeezed(bad.output)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--raw", "nowhere"], "expected a folder with the eight raw files, found no such folder"),
        (["--campaign-type", "TypeZ"], "--campaign-type is 'TypeZ'; expected one of TypeA, TypeB, TypeC"),
        (["--select", "key:nothing"], "names no asset; there are average_effects"),
        (["--select", "two words"], "--select 'two words' cannot be read"),
    ],
)
def test_the_command_refuses_what_it_cannot_use(tmp_path: Path, arguments: list[str], message: str) -> None:
    refused = run(tmp_path, *arguments)
    assert refused.result.exit_code == 2
    assert squeezed(message) in squeezed(refused.result.output)


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("[economics]\nmargin = 3.0\n", "economics.margin: Input should be less than or equal to 1, found 3.0"),
        ("[economics\n", "dunnhumby.toml is not TOML: Expected ']' at the end of a table declaration"),
        ("[policy]\nchosen = 'best'\n", "policy.chosen is 'best'; expected one of treat_none, treat_all,"),
        (
            "campaign_types = ['TypeD']\n",
            "campaign_types.0: Input should be 'TypeA', 'TypeB' or 'TypeC', found 'TypeD'",
        ),
    ],
)
def test_settings_that_cannot_be_used_are_named(tmp_path: Path, file: str, message: str) -> None:
    (tmp_path / "dunnhumby.toml").write_text(file)
    refused = run(tmp_path)
    assert refused.result.exit_code == 2
    assert squeezed(message) in squeezed(refused.result.output)


def test_a_misspelt_variable_is_named(tmp_path: Path) -> None:
    os.environ["DUNNHUMBY_ECONOMIC__MARGIN"] = "0.9"
    refused = run(tmp_path)
    del os.environ["DUNNHUMBY_ECONOMIC__MARGIN"]
    assert refused.result.exit_code == 2
    assert "DUNNHUMBY_ECONOMIC__MARGINnamenosetting" in squeezed(refused.result.output)


def test_a_report_needs_tables(tmp_path: Path) -> None:
    refused = CliRunner(env={"COLUMNS": "200"}).invoke(app, ["report", "--home", str(tmp_path)])
    assert refused.exit_code == 2
    assert "there are no tables of TypeA" in refused.output


def test_the_report_says_where_its_tables_came_from(simulated: Finished, raw: Path) -> None:
    again = CliRunner(env={"COLUMNS": "200"}).invoke(app, ["report", "--home", str(simulated.home)])
    assert again.exit_code == 0, again.output
    assert squeezed(f"raw files in {raw}") in squeezed(again.output)


def test_a_blocked_study_ends_with_exit_code_1(raw: Path, tmp_path: Path) -> None:
    os.environ["DUNNHUMBY_CHECKS__WARM_ARI_FLOOR"] = "1.0"
    blocked = run(tmp_path / "home", "--raw", str(raw), "--select", "+key:first_campaign_cohort")
    del os.environ["DUNNHUMBY_CHECKS__WARM_ARI_FLOOR"]
    assert blocked.result.exit_code == 1
    assert "warm_stability" in blocked.result.output
    assert "not built" in blocked.result.output
    assert "Segments" in blocked.result.output


@pytest.mark.parametrize("command", ["run", "report", "ui", "validate", "simulate"])
def test_help_teaches(command: str) -> None:
    shown = CliRunner(env={"COLUMNS": "120"}).invoke(app, [command, "--help"])
    assert shown.exit_code == 0
    assert "Usage" in shown.output
    assert len(shown.output.splitlines()) > 8
