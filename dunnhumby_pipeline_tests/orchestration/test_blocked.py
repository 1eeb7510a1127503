"""A run that fails leaves a brief that says why."""

from __future__ import annotations

from pathlib import Path

import dagster as dg

from dunnhumby_pipeline.orchestration.blocked import brief_of_failed_run
from dunnhumby_pipeline.orchestration.platform.resources import Study
from dunnhumby_pipeline_tests.fakes.studies import SmallStudy, quick_settings


def _sensed(
    run: dg.DagsterRun, failure: dg.DagsterEvent, instance: dg.DagsterInstance, study: Study, partition: str | None
) -> None:
    context = dg.build_run_status_sensor_context(
        "brief_of_failed_run", failure, instance, run, partition_key=partition
    ).for_run_failure()
    brief_of_failed_run(context, study=study)


def test_a_failed_run_of_the_ui_leaves_a_brief_of_its_type_and_of_no_other(small: SmallStudy, tmp_path: Path) -> None:
    laboratory = small.copy(tmp_path)
    strict = quick_settings(min_trials_per_arm=100_000)
    outcome, _ = laboratory.run("key:propensity", strict)
    assert not outcome.success
    page = laboratory.home.warehouse / "TypeA" / "campaign_brief.html"
    before = page.read_text(encoding="utf-8")
    assert "No recommendation" not in before
    study = Study(strict, laboratory.home, None)
    with laboratory.history() as instance:
        run = instance.get_runs(limit=1)[0]
        changes = instance.fetch_run_status_changes(dg.DagsterEventType.RUN_FAILURE, limit=1)
        failure = changes.records[0].event_log_entry.dagster_event
        assert failure is not None
        _sensed(run, failure, instance, study, "TypeA")
        after = page.read_text(encoding="utf-8")
        page.unlink()
        _sensed(run, failure, instance, study, None)
    assert "No recommendation for TypeA yet" in after
    assert not page.exists(), "a run of what all types share has no brief of its own"
