"""Storage, gates, checks and alerts in real runs of the real definitions on a simulated retailer."""

from __future__ import annotations

import json
import math
import os
import re
import shutil
import subprocess
import sys
from datetime import date
from pathlib import Path

import dagster as dg
import pandas as pd
import pytest

from dunnhumby_pipeline.contracts import schema
from dunnhumby_pipeline.orchestration.alerts.sensors import send, tell
from dunnhumby_pipeline.orchestration.checks import causal, features, journey, targeting
from dunnhumby_pipeline.orchestration.checks.gates import Gates, require_open_gates
from dunnhumby_pipeline.orchestration.checks.verdict import Verdict
from dunnhumby_pipeline.orchestration.platform.jobs import STUDY_JOB
from dunnhumby_pipeline.orchestration.platform.keys import asset_key
from dunnhumby_pipeline.orchestration.platform.resources import Study
from dunnhumby_pipeline.orchestration.platform.runner import CODE_LOCATION
from dunnhumby_pipeline.orchestration.platform.storage import (
    ParquetStore,
    as_text,
    mark_stale,
    stale_mark,
    table_metadata,
    table_path,
    write_atomically,
)
from dunnhumby_pipeline.orchestration.reporting import all_check_states, study_facts, study_tables
from dunnhumby_pipeline.segmentation.factors.matrix import MatrixError
from dunnhumby_pipeline.segmentation.segments.model_store import load_model
from dunnhumby_pipeline.settings import Settings
from dunnhumby_pipeline_tests.fakes.studies import Laboratory, SmallStudy, as_variables, quick_settings


@pytest.fixture(scope="module")
def finished(small: SmallStudy, tmp_path_factory: pytest.TempPathFactory) -> Laboratory:
    """A study that has run to its end once."""
    return small.copy(tmp_path_factory.mktemp("orchestration"))


@pytest.fixture
def laboratory(finished: Laboratory, tmp_path: Path) -> Laboratory:
    """A copy of the finished study, to be spoilt at will."""
    return finished.copy(tmp_path)


def was_stopped(events: list[dg.DagsterEvent], step: str) -> bool:
    """Whether the step was planned and never started."""
    planned = dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED
    return step in steps(events, planned) and step not in steps(events, dg.DagsterEventType.STEP_START)


def gates(laboratory: Laboratory) -> Gates:
    found = (laboratory.defs().resources or {})["gates"]
    assert isinstance(found, Gates)
    return found


def steps(events: list[dg.DagsterEvent], kind: dg.DagsterEventType) -> set[str]:
    return {event.step_key or "" for event in events if event.event_type == kind}


# --- a run that goes well ---------------------------------------------------------------------------


def test_every_check_has_run_and_no_gate_is_closed(finished: Laboratory) -> None:
    with finished.history() as instance:
        states = all_check_states(instance, "TypeA").set_index(["asset", "check"])["status"]
        require_open_gates(instance, gates(finished), "TypeA")
    assert set(states) <= {"pass", "warn"}
    assert states["first_campaign_cohort", "no_look_ahead"] == "pass"


def test_partitions_do_not_share_their_checks(finished: Laboratory) -> None:
    with finished.history() as instance:
        states = all_check_states(instance, "TypeB").set_index(["asset", "check"])["status"]
        with pytest.raises(dg.Failure, match=r"propensity.arms_in_overlap[^;]*: not run, never evaluated"):
            require_open_gates(instance, gates(finished), "TypeB")
    assert states["transactions", "schema_and_keys"] == "pass"
    assert states["propensity", "arms_in_overlap"] == "not run"


def test_each_partition_has_its_own_folder(finished: Laboratory) -> None:
    warehouse = finished.home.warehouse
    assert (warehouse / "transactions.parquet").is_file()
    assert (warehouse / "TypeA" / "propensity.parquet").is_file()
    assert (warehouse / "TypeA" / "campaign_report.html").is_file()
    assert not (warehouse / "propensity.parquet").exists()
    assert [path.name for path in warehouse.iterdir() if path.name.startswith(".")] == []


def test_tables_show_rows_schema_preview_and_place(finished: Laboratory) -> None:
    with finished.history() as instance:
        event = instance.get_latest_materialization_event(asset_key("segments"))
    assert event is not None
    assert event.asset_materialization is not None
    shown = event.asset_materialization.metadata
    assert shown["dagster/row_count"].value == 400
    assert [c.name for c in shown["dagster/column_schema"].value.columns] == [
        "household_key",
        "segment",
        "segment_name",
        "stability",
    ]
    assert len(shown["preview"].records) == 5
    assert shown["dagster/uri"].value.startswith("file://")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (math.nan, ""),
        (math.inf, "inf"),
        (0.0, "0"),
        (-3.0, "-3"),
        (1460438.0, "1460438"),
        (1234567.891, "1234567.89"),
        (0.123456789, "0.1235"),
        (-17.69234, "-17.69"),
        (3.2e-12, "3.2e-12"),
        (1e300, "1e+300"),
        (10**15, "1000000000000000"),
        (True, "True"),
        ("nan", "nan"),
        (date(2026, 3, 1), "2026-03-01"),
    ],
)
def test_a_preview_shows_values_as_text(value: object, text: str) -> None:
    assert as_text(value) == text


def test_the_preview_of_a_table_with_nulls_is_json(tmp_path: Path) -> None:
    path = tmp_path / "products.parquet"
    frame = pd.DataFrame(
        {
            "campaign": ["8", None],
            "order": [1, 2],
            "stage": ["a", pd.NA],
            "n": pd.array([1000001, None], "Int64"),
            "share": [float("nan"), 1 / 3],
        }
    )
    write_atomically(frame, path)
    records = table_metadata(path)["preview"].records
    assert [record.data for record in records] == [
        {"campaign": "8", "order": "1", "stage": "a", "n": "1000001", "share": ""},
        {"campaign": "", "order": "2", "stage": "", "n": "", "share": "0.3333"},
    ]


def test_all_that_a_study_shows_is_json_and_numbers_of_partitions_say_whose(finished: Laboratory) -> None:
    graph = finished.defs().resolve_asset_graph()
    n_records = 0
    with finished.history() as instance:
        for key in graph.materializable_asset_keys:
            event = instance.get_latest_materialization_event(key)
            assert event is not None and event.asset_materialization is not None, key
            for name, value in event.asset_materialization.metadata.items():
                if isinstance(value, dg.TableMetadataValue):
                    n_records += len(value.records)
                    for record in value.records:
                        # As the browser reads it: NaN is no JSON.
                        json.dumps(record.data, allow_nan=False)
                        assert all(type(cell) is str for cell in record.data.values()), (key, name)
                elif isinstance(value, dg.IntMetadataValue | dg.FloatMetadataValue):
                    assert value.value is not None and math.isfinite(value.value), (key, name)
                    assert name.startswith("TypeA: ") == graph.get(key).is_partitioned, (key, name)
    assert n_records > 200


def test_nothing_stands_between_the_lines_of_the_command(laboratory: Laboratory) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONWARNINGS"}
    environment |= as_variables(quick_settings())
    environment |= {"PYTHONIOENCODING": "cp1252", "PYTHONUTF8": "0", "COLUMNS": "80"}
    home, raw = laboratory.home.root, laboratory.raw or Path()
    arguments = ["run", "--home", home, "--raw", raw, "--select", "transactions or cate_scoreboard"]
    ended = subprocess.run(
        [sys.executable, "-m", "dunnhumby_pipeline.cli", *map(str, arguments)],
        env=environment,
        capture_output=True,
        check=False,
    )
    printed = ended.stdout.decode("cp1252").splitlines()
    assert (ended.returncode, ended.stderr) == (0, b"")
    progress = printed[1 : next(place for place, line in enumerate(printed) if "Campaign TypeA" in line)]
    assert [line for line in progress if not re.fullmatch(r"done +\d+\.\d s  \w+", line)] == []
    assert {"load_journey", "fit_cate"} <= {line.split()[-1] for line in progress}
    assert f"raw files in {raw}" in printed and str(laboratory.table("targeting_list")) in printed
    assert max(len(line.rstrip()) for line in printed if str(home.parent) not in line) <= 80


def test_a_run_of_the_command_lies_where_the_ui_lists_runs(finished: Laboratory) -> None:
    with finished.history() as instance:
        [run] = instance.get_runs(limit=1)
        listed = instance.get_runs(dg.RunsFilter(tags={".dagster/repository": f"__repository__@{CODE_LOCATION}"}))
    # The timeline shows no run without an origin, and puts it in the row of this place and job.
    origin = run.remote_job_origin
    assert origin is not None and run.status is dg.DagsterRunStatus.SUCCESS
    assert (origin.location_name, origin.repository_origin.repository_name) == (CODE_LOCATION, "__repository__")
    assert (origin.job_name, run.tags["dagster/code_location"]) == (STUDY_JOB, CODE_LOCATION)
    assert run.run_id in {each.run_id for each in listed}
    workspace = (Path(__file__).parents[2] / "workspace.yaml").read_text(encoding="utf-8")
    assert f"python_module: {CODE_LOCATION}\n" in workspace


# --- the segments of the run before -----------------------------------------------------------------


def names_of(laboratory: Laboratory) -> set[str]:
    return set(pd.read_parquet(laboratory.home.warehouse / "segments.parquet")["segment"])


def start_of(laboratory: Laboratory) -> str:
    """How the last fit says that it began."""
    with laboratory.history() as instance:
        event = instance.get_latest_materialization_event(asset_key("segment_model"))
    assert event is not None and event.asset_materialization is not None
    shown = event.asset_materialization.metadata
    assert shown["dagster/uri"].value.endswith("segment_model.npz")
    assert shown["bytes"].value > 0
    return str(shown["start"].value)


def test_the_next_run_starts_from_the_model_and_keeps_its_names(laboratory: Laboratory) -> None:
    assert start_of(laboratory) == "cold: first run"
    before = names_of(laboratory)
    # Another number of refits makes other tables of stability, and no other model.
    again = quick_settings()
    again = again.model_copy(update={"segmentation": again.segmentation.model_copy(update={"n_factor_refits": 3})})
    outcome, _ = laboratory.run("key:segments", again)
    assert outcome.errors == ()
    assert start_of(laboratory) == "warm: from the run before"
    assert names_of(laboratory) == before
    identity = pd.read_parquet(laboratory.home.warehouse / "segment_identity.parquet")
    assert identity["kept"].all()
    assert identity["jaccard"].min() > 0.9
    with laboratory.history() as instance:
        states = all_check_states(instance, "TypeA").set_index(["asset", "check"])
    assert states.loc[("segment_identity", "identity_kept"), "message"].startswith("all 4 segments keep their names")


def test_a_model_that_cannot_be_read_is_named_and_replaced(laboratory: Laboratory) -> None:
    model = laboratory.home.warehouse / "segment_model.npz"
    model.write_bytes(b"no model")
    outcome, _ = laboratory.run("key:segments")
    assert outcome.success
    assert "is not a model: expected arrays fill, knots, loadings, centroids" in start_of(laboratory)
    assert load_model(model).slugs
    with laboratory.history() as instance:
        states = all_check_states(instance, "TypeA").set_index(["asset", "check"])
    assert states.loc[("segment_identity", "identity_kept"), "status"] == "warn"
    assert [path.name for path in laboratory.home.warehouse.iterdir() if path.name.startswith(".")] == []


def test_other_settings_start_cold_and_keep_what_has_not_changed(laboratory: Laboratory) -> None:
    settings = quick_settings()
    other = settings.model_copy(update={"segmentation": settings.segmentation.model_copy(update={"n_segments": 5})})
    outcome, _ = laboratory.run("key:segments", other)
    assert outcome.success
    assert start_of(laboratory) == "cold: the settings that shape a model have changed since the run before"
    identity = pd.read_parquet(laboratory.home.warehouse / "segment_identity.parquet")
    assert len(identity["segment"].dropna()) == 5
    # One that is gone is told, and stops nothing.
    assert set(identity.loc[identity["segment"].isna(), "reason"]) == {"no longer there"}
    assert (identity["reason"] != "first run").all()


def test_the_users_playbook_is_followed_and_its_mistakes_are_named(laboratory: Laboratory) -> None:
    book = laboratory.home.root / "playbook.toml"
    book.write_text(
        '[segments.default]\npriority = 5\nstrategy = "Ours"\naction = "Ask"\navoid = "Guess"\n'
        '[[offers.rules]]\nname = "all"\nwhen = {}\noffer = "A letter"\nform = "service"\nchannel = "e-mail"\n'
        'funder = "retailer"\nkpi = "answers"\navoid = "Haste"\n'
    )
    outcome, _ = laboratory.run("key:segment_playbook or key:value_need")
    assert outcome.success
    assert set(pd.read_parquet(laboratory.home.warehouse / "segment_playbook.parquet")["strategy"]) == {"Ours"}
    assert set(pd.read_parquet(laboratory.home.warehouse / "value_need.parquet")["offer"].dropna()) == {"A letter"}
    book.write_text("[segments.default]\npriority = 9\n")
    refused, _ = laboratory.run("key:segment_playbook")
    assert not refused.success
    assert refused.errors[0].startswith(f"resolve_actions: {book} cannot be used: segments.default.priority:")


@pytest.mark.parametrize(
    ("select", "message"),
    [
        ("key:customer_lifetime_value", "value_lifetimes: lifetime value needs 112 days, to learn from one half"),
        ("key:migration_summary", "follow_segments: migration.look_back_days (84) and one step"),
    ],
)
def test_a_history_that_is_too_short_is_said_to_be(laboratory: Laboratory, select: str, message: str) -> None:
    lines = laboratory.home.warehouse / "transactions.parquet"
    frame = pd.read_parquet(lines)
    write_atomically(frame[frame["day"] <= 100], lines)
    outcome, _ = laboratory.run(select)
    assert not outcome.success
    assert outcome.errors[0].startswith(message)


def test_three_weeks_are_no_reason_to_stop_and_say_why_nobody_is_at_risk(laboratory: Laboratory) -> None:
    lines = laboratory.home.warehouse / "transactions.parquet"
    frame = pd.read_parquet(lines)
    write_atomically(frame[frame["day"] < frame["day"].min() + 21], lines)
    outcome, _ = laboratory.run("key:at_risk or key:risk_validation or key:recovery_validation")
    assert outcome.success, outcome.errors
    assert pd.read_parquet(laboratory.home.warehouse / "at_risk.parquet").empty
    validation = pd.read_parquet(laboratory.home.warehouse / "risk_validation.parquet")
    assert validation["reason"].str.contains("a fall is learned from two quarters").all()
    with laboratory.history() as instance:
        states = all_check_states(instance, "TypeA").set_index(["asset", "check"])
    assert states.loc[("risk_validation", "chances_calibrated"), "status"] == "warn"


def test_tables_of_other_households_are_refused(laboratory: Laboratory) -> None:
    needs = laboratory.home.warehouse / "household_needs.parquet"
    whole = pd.read_parquet(needs)
    write_atomically(whole.iloc[1:], needs)
    outcome, _ = laboratory.run("key:household_value_need")
    assert outcome.errors[0].startswith(
        "value_segments: lifetime values, leading needs and features must have the same"
    )
    unresolved, _ = laboratory.run("key:next_action")
    assert unresolved.errors[0].startswith(
        "resolve_actions: household_needs and segments must tell of the same households: 1 of 400 are missing"
    )
    write_atomically(whole, needs)
    segments = laboratory.home.warehouse / "segments.parquet"
    write_atomically(pd.read_parquet(segments).iloc[1:], segments)
    outcome, _ = laboratory.run("key:segment_lifetime_value")
    assert outcome.errors[0].startswith("value_segments: ") and "household" in outcome.errors[0]


def test_a_model_that_cannot_place_the_periods_is_refused(
    laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch
) -> None:
    def misplaced(*_: object) -> pd.Series:
        raise MatrixError("features are missing: weekend_share")

    with monkeypatch.context() as patched:
        patched.setattr("dunnhumby_pipeline.segmentation.movement.measured.read", misplaced)
        outcome, _ = laboratory.run("key:migration_summary")
    assert outcome.errors[0].startswith("follow_segments: features are missing: weekend_share")
    (laboratory.home.warehouse / "segment_model.npz").write_bytes(b"no model")
    outcome, _ = laboratory.run("key:migration_summary")
    assert outcome.errors[0].startswith("follow_segments: ") and "is not a model" in outcome.errors[0]


# --- blocked runs -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("select", "check", "stopped", "settings"),
    [
        (
            "key:segment_stability or key:first_campaign_cohort",
            "segment_stability.warm_stability",
            "enrol_trials",
            quick_settings(warm_ari_floor=1.0),
        ),
        (
            "key:propensity or key:covariate_balance",
            "propensity.arms_in_overlap",
            "covariate_balance",
            quick_settings(min_trials_per_arm=100_000),
        ),
        (
            "key:covariate_balance or key:average_effects",
            "covariate_balance.balance_after_weighting",
            "estimate_effects",
            quick_settings(max_weighted_smd=1e-9),
        ),
        (
            "key:overlap_diagnostics or key:average_effects",
            "overlap_diagnostics.effective_arms",
            "estimate_effects",
            quick_settings(min_effective_trials=100_000),
        ),
    ],
)
def test_a_failed_gate_stops_what_lies_downstream(
    laboratory: Laboratory, select: str, check: str, stopped: str, settings: Settings
) -> None:
    outcome, events = laboratory.run(select, settings)
    assert not outcome.success
    # What was meant to be made and was not belongs to an earlier study.
    assert outcome.built < outcome.planned
    assert set(re.findall(r"key:(\w+)", select)) <= outcome.planned
    assert [error for error in outcome.errors if error.startswith(f"{check}: ")]
    assert was_stopped(events, stopped)


@pytest.mark.parametrize(
    ("trial", "words"),
    [
        ({"design": "never_targeted"}, "trial.design is 'never_targeted', which chooses controls by what they bought"),
    ],
)
def test_settings_without_grounds_for_a_policy_refuse_it_and_mark_the_last_list(
    laboratory: Laboratory, trial: dict[str, str], words: str
) -> None:
    settings = quick_settings()
    settings = settings.model_copy(update={"trial": settings.trial.model_copy(update=trial)})
    before = laboratory.table("targeting_list").read_bytes()
    for table, step in (("policy_value", "value_policies"), ("targeting_list", "targeting_list")):
        mark = stale_mark(laboratory.table("targeting_list"))
        mark.unlink(missing_ok=True)
        outcome, _ = laboratory.run(f"key:{table}", settings)
        assert outcome.errors[0].startswith(f"{step}: {words}"), outcome.errors
        assert words in mark.read_text()
    assert laboratory.table("targeting_list").read_bytes() == before
    mark.unlink()
    study = Study(settings, laboratory.home, laboratory.raw)
    shown = study_tables(study, "TypeA")
    assert shown.has("average_effects")
    assert not any(shown.has(name) for name in ("policy_value", "roi_curve", "targeting_list"))
    assert words in study_facts(study, "TypeA")["stale"]


@pytest.mark.parametrize(
    ("select", "check", "stopped"),
    [
        ("key:coupons or key:coupon_costs", "coupons.schema_and_keys", "coupon_costs"),
        ("key:first_campaign_cohort or key:nuisances", "first_campaign_cohort.no_look_ahead", "fit_nuisances"),
    ],
)
def test_a_gate_without_threshold_stops_too(
    laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch, select: str, check: str, stopped: str
) -> None:
    def fail(*args: object) -> Verdict:
        return Verdict(False, "spoilt on purpose")

    monkeypatch.setattr(causal, "no_look_ahead", fail)
    monkeypatch.setattr(journey, "schema_and_keys", fail)
    outcome, events = laboratory.run(select)
    assert f"{check}: spoilt on purpose; what lies downstream was not run" in outcome.errors
    assert was_stopped(events, stopped)


def test_incomplete_features_stop_the_segments(laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "MAY_BE_NULL", set())
    monkeypatch.setattr(features, "SHARES", ["share_grocery"])
    outcome, events = laboratory.run("key:customer_features or key:segments")
    assert outcome.errors[0].startswith("customer_features.features_complete: ")
    assert was_stopped(events, "fit_segments")


def test_a_list_without_backing_does_not_replace_the_last_good_one(
    laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = laboratory.table("targeting_list")
    before = listed.read_bytes()
    monkeypatch.setattr(targeting, "list_backed", lambda *args: Verdict(False, "3 targets outside overlap"))
    outcome, events = laboratory.run("key:targeting_list or key:campaign_report")
    assert outcome.errors == ("targeting_list: the targeting list is not rebuilt: 3 targets outside overlap",)
    assert was_stopped(events, "campaign_report")
    assert listed.read_bytes() == before
    assert stale_mark(listed).read_text() == "not rebuilt: 3 targets outside overlap\n"


def test_a_spoilt_table_closes_its_gate(laboratory: Laboratory) -> None:
    coupons = laboratory.home.warehouse / "coupons.parquet"
    frame = pd.read_parquet(coupons)
    write_atomically(pd.concat([frame, frame.head(2)]), coupons)
    found = journey.schema_and_keys(schema.COUPONS, coupons, quick_settings().engine)
    assert not found.passed
    assert "0 nulls in required columns and 2 repeated keys" in found.message


def test_a_warning_stops_nothing(laboratory: Laboratory) -> None:
    settings = quick_settings(max_propensity_auc=0.51)
    outcome, _ = laboratory.run("key:overlap_diagnostics or key:average_effects", settings)
    assert outcome.success
    assert "average_effects" in outcome.built
    with laboratory.history() as instance:
        states = all_check_states(instance, "TypeA").set_index(["asset", "check"])
    assert states.loc[("overlap_diagnostics", "propensity_auc"), "status"] == "warn"
    assert "targeting followed the covariates closely" in str(
        states.loc[("overlap_diagnostics", "propensity_auc"), "message"]
    )


def test_bad_input_leaves_the_tables_untouched(laboratory: Laboratory, tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    shutil.copytree(laboratory.raw or "", raw)
    (raw / "product.csv").unlink()
    before = {path.name: path.stat().st_mtime_ns for path in laboratory.home.warehouse.glob("*.parquet")}
    outcome, _ = Laboratory(laboratory.home, raw).run("key:transactions")
    assert not outcome.success
    assert outcome.errors[0].startswith("load_journey: product.csv: expected this file")
    after = {path.name: path.stat().st_mtime_ns for path in laboratory.home.warehouse.glob("*.parquet")}
    assert after == before


def test_an_unknown_selection_names_the_assets(laboratory: Laboratory) -> None:
    with pytest.raises(ValueError, match=r"names no asset; there are actions/next_action, actions/segment_briefs, "):
        laboratory.run("key:nothing_like_it")


# --- storage ----------------------------------------------------------------------------------------


def test_a_write_that_fails_leaves_the_old_table_and_no_debris(tmp_path: Path) -> None:
    target = tmp_path / "table.parquet"
    write_atomically(pd.DataFrame({"a": [1]}), target)
    with pytest.raises(Exception, match=r"Conversion failed|cannot mix|Could not convert|Expected"):
        write_atomically(pd.DataFrame({"a": [object(), 1]}), target)
    assert pd.read_parquet(target)["a"].tolist() == [1]
    assert [path.name for path in tmp_path.iterdir()] == ["table.parquet"]


def test_a_staged_file_is_moved_and_a_missing_input_is_named(tmp_path: Path) -> None:
    staged = tmp_path / "staged.parquet"
    pd.DataFrame({"a": [1, 2]}).to_parquet(staged)
    store = ParquetStore(tmp_path / "warehouse")
    store.handle_output(dg.build_output_context(asset_key="products"), staged)
    assert not staged.exists()
    assert table_metadata(table_path(tmp_path / "warehouse", "products"))["dagster/row_count"] == 2
    with pytest.raises(dg.Failure, match=r"segments.parquet does not exist: materialise segments first"):
        store.load_input(dg.build_input_context(asset_key="segments"))
    with pytest.raises(TypeError, match="gave a list; expected a pandas DataFrame"):
        store.handle_output(dg.build_output_context(asset_key="products"), [1])  # type: ignore[arg-type]


def test_only_a_table_that_exists_becomes_stale(tmp_path: Path) -> None:
    table = tmp_path / "targeting_list.parquet"
    mark_stale(table, "why")
    assert not stale_mark(table).exists()
    table.touch()
    mark_stale(table, "why")
    assert stale_mark(table).read_text() == "why\n"


# --- alerts -----------------------------------------------------------------------------------------


def test_a_later_run_refuses_the_list_until_the_gate_opens_and_alerts_tell_of_both_once(laboratory: Laboratory) -> None:
    study, listed = Study(quick_settings(), laboratory.home), laboratory.table("targeting_list")
    before = listed.read_bytes()

    def look() -> list[str]:
        known = lines()
        with laboratory.history() as instance:
            tell(study, instance)
            tell(study, instance)
        send(study)
        return lines()[len(known) :]

    def lines() -> list[str]:
        log = laboratory.home.alerts_log
        return log.read_text().splitlines() if log.exists() else []

    [begins] = look()
    assert "Alerts begin: " in begins and "List of TypeA: version 1, " in begins
    assert look() == []
    laboratory.run("key:segment_stability or key:targeting_list", quick_settings(warm_ari_floor=1.0))
    [stopped] = look()
    assert "BLOCKED " in stopped and "segment_stability.warm_stability pass → fail" in stopped
    assert "threshold: checks.warm_ari_floor = 0.0" in stopped and "Stopped: run " in stopped
    assert "List of TypeA: became stale" in stopped
    # Settings that would let it pass open no gate: its table is judged again first.
    refused, _ = laboratory.run("key:targeting_list")
    assert not refused.success
    assert "segment_stability.warm_stability: fail" in refused.errors[0]
    assert listed.read_bytes() == before
    assert "mean warm ARI" in stale_mark(listed).read_text()
    assert look() == []
    fixed, _ = laboratory.run("key:segment_stability or key:targeting_list")
    assert fixed.errors == ()
    assert not stale_mark(listed).exists()
    [back] = look()
    assert "Recovered: segment_stability.warm_stability: fail → pass" in back and "Incident 2 is closed" in back
    assert "no longer stale" in back
