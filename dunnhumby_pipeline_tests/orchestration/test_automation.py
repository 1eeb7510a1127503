"""Conditions as the alternative to schedules: chosen by a setting, they honour blocking checks; and what is old."""

from __future__ import annotations

import warnings
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest

from dunnhumby_pipeline.contracts.registry import made_by
from dunnhumby_pipeline.definitions import build_defs
from dunnhumby_pipeline.orchestration.platform.automation import ACTED_ON
from dunnhumby_pipeline.orchestration.platform.history import target_of
from dunnhumby_pipeline.orchestration.platform.keys import asset_key, table_of
from dunnhumby_pipeline.orchestration.schedules import schedules
from dunnhumby_pipeline.settings import Home, Settings, SettingsError, load_settings

AUTOMATED = Settings(schedules={"by": "automation", "study": {"cron": "15 4 * * 0"}, "time_zone": "Europe/Paris"})
STEP = {table.name for table in made_by("fit_nuisances")}
REPAIRED = "first_campaign_cohort"


@pytest.fixture(scope="module")
def automated(tmp_path_factory: pytest.TempPathFactory) -> dg.Definitions:
    return build_defs(home=Home(tmp_path_factory.mktemp("home")), settings=AUTOMATED)


def sensor_is_on(defs: dg.Definitions) -> bool:
    [found] = [each for each in defs.sensors or () if each.name == "automation"]
    return found.default_status is dg.DefaultSensorStatus.RUNNING


def test_by_default_schedules_begin_work_and_no_condition_does(tmp_path: Path) -> None:
    defs = build_defs(home=Home(tmp_path))
    graph = defs.resolve_asset_graph()
    assert {graph.get(key).automation_condition for key in graph.get_all_asset_keys()} == {None}
    assert not sensor_is_on(defs)
    assert {one.name: one.default_status.value for one in schedules(Settings())}["weekly_study"] == "RUNNING"


def test_the_setting_turns_the_weekly_schedule_off_and_the_conditions_on(automated: dg.Definitions) -> None:
    graph = automated.resolve_asset_graph()
    assert all(graph.get(key).automation_condition is not None for key in graph.get_all_asset_keys())
    assert sensor_is_on(automated)
    states = {one.name: one.default_status.value for one in schedules(AUTOMATED)}
    assert states == {
        "weekly_study": "STOPPED",
        "daily_checks": "RUNNING",
        "daily_scores": "RUNNING",
        "keep_house": "RUNNING",
    }
    raw = str(graph.get(dg.AssetKey(["raw", "raw_campaigns"])).automation_condition)
    assert "15 4 * * 0" in raw and "Europe/Paris" in raw


def test_another_word_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        SettingsError, match=r"schedules\.by: Input should be 'schedules' or 'automation', found 'cron'"
    ):
        load_settings(Home(tmp_path), schedules={"by": "cron"})


def requested(defs: dg.Definitions, instance: dg.DagsterInstance, passed: bool) -> set[tuple[str, str | None]]:
    """What is asked for once the cohort was rebuilt, and its own gate did or did not pass."""
    graph = defs.resolve_asset_graph()
    selection = dg.AssetSelection.assets(*(asset_key(name) for name in STEP))
    for key in selection.upstream(depth=1).resolve(graph):
        partition = "TypeA" if graph.get(key).is_partitioned else None
        instance.report_runless_asset_event(dg.AssetMaterialization(key, partition=partition))
    first = dg.evaluate_automation_conditions(defs, instance, selection)
    cohort = asset_key(REPAIRED)
    instance.report_runless_asset_event(dg.AssetMaterialization(cohort, partition="TypeA"))
    for name in ("schema_and_keys", "no_look_ahead", "arms_large_enough"):
        instance.report_runless_asset_event(
            dg.AssetCheckEvaluation(
                cohort,
                name,
                passed or name != "arms_large_enough",
                severity=dg.AssetCheckSeverity.ERROR,
                partition="TypeA",
                target_materialization_data=target_of(instance, cohort, "TypeA"),
            )
        )
    second = dg.evaluate_automation_conditions(defs, instance, selection, cursor=first.cursor)
    found = set()
    for key in selection.resolve(graph):
        found |= {(table_of(key), partition) for partition in second.get_requested_partitions(key)}
    return found


@pytest.mark.parametrize("passed", [True, False])
def test_a_table_is_rebuilt_when_what_it_rests_on_is_unless_a_gate_is_closed(
    automated: dg.Definitions, passed: bool
) -> None:
    with warnings.catch_warnings(), dg.DagsterInstance.ephemeral() as instance:
        warnings.simplefilter("ignore")
        found = requested(automated, instance, passed)
    assert found == ({(name, "TypeA") for name in STEP} if passed else set())


def test_what_somebody_acts_on_is_old_after_the_days_of_the_setting(tmp_path: Path) -> None:
    settings = load_settings(Home(tmp_path), schedules={"study": {"old_after_days": 10}})
    graph = build_defs(home=Home(tmp_path), settings=settings).resolve_asset_graph()
    found = {table_of(key): graph.get(key).freshness_policy for key in graph.materializable_asset_keys}
    assert {name for name, policy in found.items() if policy is not None} == ACTED_ON
    for name in ACTED_ON:
        policy = found[name]
        assert isinstance(policy, dg.FreshnessPolicy)
        assert (policy.fail_window.to_timedelta(), policy.warn_window.to_timedelta()) == (  # type: ignore[attr-defined]
            timedelta(days=10),
            timedelta(days=5),
        )
