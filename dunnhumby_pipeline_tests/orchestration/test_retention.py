"""What is kept, and dagster's own settings in the home: retries, timeouts, pools."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from dunnhumby_pipeline.orchestration.checks.gates import Gates, require_open_gates
from dunnhumby_pipeline.orchestration.housekeeping import remove, to_remove
from dunnhumby_pipeline.orchestration.platform.instance_file import MARK
from dunnhumby_pipeline.orchestration.platform.resources import Study
from dunnhumby_pipeline.orchestration.platform.runner import open_history
from dunnhumby_pipeline.orchestration.platform.step import TABLES_POOL
from dunnhumby_pipeline.orchestration.reporting import all_check_states
from dunnhumby_pipeline.orchestration.staleness import stale_assets, stale_checks
from dunnhumby_pipeline.settings import Home, RetentionSettings, RunSettings, Settings, load_settings
from dunnhumby_pipeline.targeting.list_ledger import kept_decisions, old_decisions, versions
from dunnhumby_pipeline_tests.fakes.studies import Laboratory, SmallStudy, quick_settings

FAR = datetime.now(UTC) + timedelta(days=1000)


@pytest.fixture
def laboratory(small: SmallStudy, tmp_path: Path) -> Laboratory:
    return small.copy(tmp_path)


# --- the history ----------------------------------------------------------------------------------------


def test_old_runs_are_removed_but_none_that_is_still_read(laboratory: Laboratory) -> None:
    settings = quick_settings()
    study, defs = Study(settings, laboratory.home, laboratory.raw), laboratory.defs()
    for _ in range(2):
        laboratory.run("key:tree_refits")
    with laboratory.history() as instance:
        runs = {record.dagster_run.run_id: record for record in instance.get_run_records()}
        by_age = sorted(runs, key=lambda run_id: runs[run_id].create_timestamp)
        graph = defs.resolve_asset_graph()
        before = all_check_states(instance, "TypeA")
        assert to_remove(study, instance) == to_remove(study, instance, datetime.now(UTC))
        assert not to_remove(study, instance)
        old = to_remove(study, instance, FAR)
        # The first made the tables; the last made tree_refits again, and holds its checks.
        assert old.runs == by_age[1:2]
        assert remove(study, instance, old) == 1
        assert set(by_age) - {record.dagster_run.run_id for record in instance.get_run_records()} == set(old.runs)
        assert not to_remove(study, instance, FAR)
        with instance.event_log_storage.index_connection() as connection:  # type: ignore[attr-defined]
            left = connection.exec_driver_sql("SELECT DISTINCT run_id FROM asset_check_executions").fetchall()
        assert not {run_id for (run_id,) in left} & set(old.runs)
        assert all_check_states(instance, "TypeA").equals(before)
        require_open_gates(instance, (defs.resources or {})["gates"], "TypeA")
        assert isinstance((defs.resources or {})["gates"], Gates)
        assert stale_assets(study, graph, instance, "TypeA") == []
        assert stale_checks(graph, instance, "TypeA") == []


def test_runs_of_daily_checks_go_sooner(tmp_path: Path) -> None:
    home, daily = Home(tmp_path), {"dagster/schedule_name": "daily_checks"}
    with open_history(home) as instance:
        job = dg.job(name="study")(lambda: None)
        made = [
            instance.create_run_for_job(job, status=dg.DagsterRunStatus.SUCCESS, tags=tags).run_id
            for tags in (daily, {}, daily)
        ]
        study = Study(Settings(), home)
        soon = datetime.now(UTC) + timedelta(days=Settings().retention.tick_days + 1)
        assert set(to_remove(study, instance, soon).runs) == {made[0], made[2]}
        assert len(to_remove(study, instance, FAR).runs) == 3


def test_a_run_that_has_not_ended_is_kept(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with open_history(home) as instance:
        job = dg.job(name="study")(lambda: None)
        for status in (dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.FAILURE):
            instance.create_run_for_job(job, status=status)
        [gone] = to_remove(Study(Settings(), home), instance, FAR).runs
        run = instance.get_run_by_id(gone)
        assert run is not None and run.status is dg.DagsterRunStatus.FAILURE


def test_the_last_lists_and_approved_ones_keep_their_decisions(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.lists.mkdir()
    order = [1, 2, 3, 4, 5, 2]
    lines = [{"campaign_type": "TypeA", "version": n, "list_hash": f"h{n}", "made_at": "now"} for n in order]
    home.list_versions.write_text("".join(json.dumps(line) + "\n" for line in lines))
    approval = {"campaign_type": "TypeA", "version": 3, "list_hash": "h3", "approved_by": "a", "approved_at": "now"}
    counts = {"file": "approved/x", "n_households": 1, "n_target": 0, "n_contact": 0, "n_held_out": 0}
    home.approvals.write_text(json.dumps(approval | counts) + "\n")
    for version in versions(home.list_versions, "TypeA"):
        file = kept_decisions(home.lists, version)
        file.parent.mkdir(exist_ok=True)
        file.touch()

    def old(last: int) -> list[str]:
        found = old_decisions(home.lists, home.list_versions, home.approvals, "TypeA", last)
        return [file.stem for file in found]

    # Version 2 came back and is the list of today; the one before it is 5.
    assert (old(2), old(3), old(9)) == (["v1", "v4"], ["v1"], [])
    study = Study(load_settings(home, retention={"lists": 2}), home)
    with open_history(home) as instance:
        remove(study, instance, to_remove(study, instance))
    assert sorted(file.stem for file in (home.lists / "TypeA").iterdir()) == ["v2", "v3", "v5"]
    assert old_decisions(home.lists, home.list_versions, home.approvals, "TypeB", 2) == []


# --- dagster's own settings -----------------------------------------------------------------------------


def daemons_history(home: Home) -> dg.DagsterInstance:
    """The history as the UI and the daemon open it."""
    return dg.DagsterInstance.from_config(str(home.dagster_home))


def test_the_daemon_has_the_retries_timeouts_and_pools_of_the_settings(tmp_path: Path) -> None:
    home = Home(tmp_path)
    settings = load_settings(home, runs={"max_retries": 3, "max_hours": 2.5, "start_seconds": 700})
    open_history(home, settings).dispose()
    with daemons_history(home) as instance:
        assert (instance.run_retries_enabled, instance.run_retries_max_retries) == (True, 3)
        assert instance.run_retries_retry_on_asset_or_op_failure is False
        assert instance.run_monitoring_enabled
        assert instance.run_monitoring_max_runtime_seconds == 9000
        assert instance.run_monitoring_start_timeout_seconds == 700
        concurrency = instance.get_concurrency_config()
        assert concurrency.run_queue_config is not None
        assert concurrency.run_queue_config.max_concurrent_runs == 1
        assert concurrency.pool_config.default_pool_limit == 1
        purged = instance.get_settings("retention")
        assert purged["schedule"]["purge_after_days"] == settings.retention.tick_days


def test_a_step_that_refuses_is_not_tried_again_and_a_process_that_died_is(tmp_path: Path) -> None:
    home = Home(tmp_path)
    open_history(home, Settings()).dispose()

    @dg.op
    def refuse() -> None:
        raise dg.Failure("gates are closed", allow_retries=False)

    @dg.job
    def study() -> None:
        refuse()

    with daemons_history(home) as instance:
        refused = study.execute_in_process(instance=instance, raise_on_error=False)
        died = instance.create_run_for_job(study, status=dg.DagsterRunStatus.STARTED)
        instance.report_run_failed(died, "died")
        of_the_user = {"dagster/max_retries": "0"}
        commands = instance.create_run_for_job(study, status=dg.DagsterRunStatus.STARTED, tags=of_the_user)
        instance.report_run_failed(commands, "died")
        tags = [
            (instance.get_run_by_id(run_id) or died).tags["dagster/will_retry"]
            for run_id in (refused.run_id, died.run_id, commands.run_id)
        ]
    assert tags == ["false", "true", "false"]


def test_a_run_of_the_command_is_neither_ended_nor_repeated_by_the_daemon(laboratory: Laboratory) -> None:
    laboratory.run("key:tree_refits")
    with laboratory.history() as instance:
        tags = instance.get_runs(limit=1)[0].tags
    assert (tags["dagster/max_runtime"], tags["dagster/max_retries"]) == ("0", "0")


def test_the_file_follows_the_settings_until_it_is_the_users_own(tmp_path: Path) -> None:
    home = Home(tmp_path)
    file = home.dagster_home / "dagster.yaml"
    open_history(home).dispose()
    first = file.read_text()
    assert first.startswith(MARK)
    changed = Settings().model_copy(update={"runs": RunSettings(max_retries=0), "retention": RetentionSettings()})
    open_history(home, changed).dispose()
    assert "enabled: false\n  max_retries: 0" in file.read_text()
    # A command that knows no settings leaves it.
    open_history(home).dispose()
    assert "max_retries: 0" in file.read_text()
    own = first.removeprefix(MARK) + "storage:\n  sqlite:\n    base_dir: elsewhere\n"
    file.write_text(own)
    open_history(home, changed).dispose()
    assert file.read_text() == own


def test_the_file_of_an_earlier_release_is_brought_up_to_date(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.dagster_home.mkdir()
    file = home.dagster_home / "dagster.yaml"
    file.write_text(
        "telemetry:\n  enabled: false\nnux:\n  enabled: false\nconcurrency:\n  runs:\n    max_concurrent_runs: 1\n"
    )
    open_history(home, Settings()).dispose()
    assert "run_monitoring" in file.read_text()


def test_steps_that_write_tables_share_a_pool(laboratory: Laboratory) -> None:
    for definition in laboratory.defs().assets or []:
        if isinstance(definition, dg.AssetsDefinition) and definition.op.name != "observe_raw":
            assert definition.op.pool == TABLES_POOL, definition.op.name
    shutil.rmtree(laboratory.home.root)
