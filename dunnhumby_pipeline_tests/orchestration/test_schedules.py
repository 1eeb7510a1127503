"""What the daemon begins by itself: of which campaign types, what it asks for, and why it asks for nothing."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import pytest

from dunnhumby_pipeline.contracts.registry import TABLES as CONTRACTS
from dunnhumby_pipeline.orchestration import staleness
from dunnhumby_pipeline.orchestration.checks.registry import CHECKS
from dunnhumby_pipeline.orchestration.platform.jobs import STUDY_JOB
from dunnhumby_pipeline.orchestration.platform.keys import asset_key
from dunnhumby_pipeline.orchestration.platform.resources import Study
from dunnhumby_pipeline.orchestration.schedules import schedules
from dunnhumby_pipeline.orchestration.scoring import SCORE_JOB
from dunnhumby_pipeline.orchestration.types_covered import covered
from dunnhumby_pipeline.settings import Home, ScheduleSettings, Settings, load_settings
from dunnhumby_pipeline.settings.desk import StudyTimetable
from dunnhumby_pipeline_tests.fakes.studies import Laboratory, SmallStudy, quick_settings

MOMENT = datetime(2026, 11, 23, 5, tzinfo=UTC)


@pytest.fixture(scope="module")
def finished(small: SmallStudy, tmp_path_factory: pytest.TempPathFactory) -> Laboratory:
    """A study that has run to its end once."""
    return small.copy(tmp_path_factory.mktemp("schedules"))


@pytest.fixture
def laboratory(finished: Laboratory, tmp_path: Path) -> Laboratory:
    """A copy of the finished study and its raw files, to be spoilt at will."""
    shutil.copytree(finished.raw or "", tmp_path / "raw")
    return Laboratory(finished.copy(tmp_path).home, tmp_path / "raw")


def of_types(*types: str, **checks: float) -> Settings:
    return quick_settings(**checks).model_copy(update={"schedules": ScheduleSettings(types=types or None)})  # type: ignore[arg-type]


def tick(laboratory: Laboratory, settings: Settings, name: str = "weekly_study") -> dg.ScheduleExecutionData:
    defs = laboratory.defs(settings)
    # Closed before the history is: collected later, the context would put the closed history back in its place.
    with (
        laboratory.history() as instance,
        dg.build_schedule_context(
            instance=instance,
            scheduled_execution_time=MOMENT,
            resources={"study": Study(settings, laboratory.home, laboratory.raw)},
            repository_def=defs.get_repository_def(),
        ) as context,
    ):
        return defs.resolve_schedule_def(name).evaluate_tick(context)


def requests(laboratory: Laboratory, settings: Settings, name: str = "weekly_study") -> list[dg.RunRequest]:
    return list(tick(laboratory, settings, name).run_requests or [])


# --- from the settings ----------------------------------------------------------------------------------


def test_schedules_are_as_the_settings_say() -> None:
    found = load_settings(
        schedules={
            "time_zone": "Europe/Paris",
            "study": {"cron": "15 4 * * sun"},
            "checks": {"on": False},
        },
        retention={"cron": "0 3 * * *", "on": False},
    )
    made = {one.name: one for one in schedules(found)}
    assert {name: (one.job_name, one.cron_schedule, one.default_status.value) for name, one in made.items()} == {
        "weekly_study": (STUDY_JOB, "15 4 * * sun", "RUNNING"),
        "daily_checks": (STUDY_JOB, "0 6 * * *", "STOPPED"),
        "daily_scores": (SCORE_JOB, "30 6 * * *", "RUNNING"),
        "keep_house": ("housekeeping", "0 3 * * *", "STOPPED"),
    }
    assert {one.execution_timezone for one in made.values()} == {"Europe/Paris"}


def test_types_are_those_of_the_schedule_else_of_all_schedules(finished: Laboratory) -> None:
    study = Study(of_types("TypeC", "TypeA"), finished.home, finished.raw)
    types, left_out = covered(study, StudyTimetable())
    assert (types, list(left_out)) == (["TypeA", "TypeC"], ["TypeB"])
    assert covered(study, StudyTimetable(types=("TypeB",)))[0] == ["TypeB"]


def test_by_default_every_type_with_enough_trials_is_covered(laboratory: Laboratory) -> None:
    study = Study(of_types(), laboratory.home, laboratory.raw)
    everything, _ = covered(study, StudyTimetable())
    assert "TypeA" in everything
    few = replace(study, settings=of_types(min_trials_per_arm=10_000))
    types, left_out = covered(few, StudyTimetable())
    assert types == [] and "treated trials and" in left_out["TypeA"] and "fewer than 10000" in left_out["TypeA"]
    # Of a type that was not built the campaigns say how many were targeted.
    (laboratory.home.warehouse / "TypeA" / "first_campaign_cohort.parquet").unlink()
    assert "households were targeted, fewer than 10000" in covered(few, StudyTimetable())[1]["TypeA"]
    path = laboratory.home.warehouse / "campaigns.parquet"
    campaigns = pd.read_parquet(path)
    campaigns.loc[campaigns["description"] != "TypeA"].to_parquet(path)
    types, left_out = covered(study, StudyTimetable())
    assert "TypeA" not in types
    assert left_out["TypeA"] == "no campaign can be studied: there is no campaign of this type"


def test_before_anything_is_loaded_the_raw_files_say_which_types_there_are(
    finished: Laboratory, tmp_path: Path
) -> None:
    raw = tmp_path / "raw"
    shutil.copytree(finished.raw or "", raw)
    file = raw / "campaign_desc.csv"
    named = set(pd.read_csv(file)["DESCRIPTION"])
    study = Study(of_types(), Home(tmp_path / "home"), raw)
    assert set(covered(study, StudyTimetable())[0]) == named
    file.write_text(file.read_text().replace("TypeB", "TypeA").replace("TypeC", "TypeA"))
    types, left_out = covered(study, StudyTimetable())
    assert types == ["TypeA"] and left_out["TypeB"] == "the raw files have no campaign of it"


# --- the study ------------------------------------------------------------------------------------------


def test_the_weekly_schedule_asks_for_checks_that_do_not_cover_their_table(
    laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch
) -> None:
    uncovered = CHECKS[3].key
    monkeypatch.setattr(staleness, "stale_assets", lambda *_: [])
    monkeypatch.setattr(staleness, "stale_checks", lambda *_: [uncovered])
    [request] = requests(laboratory, of_types("TypeA"))
    assert (request.asset_selection, request.asset_check_keys) == ([], [uncovered])


def test_the_weekly_schedule_asks_for_what_is_stale_of_every_type(laboratory: Laboratory) -> None:
    nothing = tick(laboratory, of_types("TypeA"))
    assert not nothing.run_requests and "nothing is stale" in (nothing.skip_message or "")
    both = of_types("TypeA", "TypeC")
    [of_c] = requests(laboratory, both)
    assert (of_c.partition_key, of_c.run_key) == ("TypeC", "TypeC-2026-11-23T05:00")
    assert asset_key("first_campaign_cohort") in (of_c.asset_selection or [])
    assert asset_key("segments") not in (of_c.asset_selection or [])
    # A request that names some checks asks for no others.
    assert set(of_c.asset_check_keys or []) == {check.key for check in CHECKS if CONTRACTS[check.table].partitioned}
    file = (laboratory.raw or Path()) / "transaction_data.csv"
    frame = pd.read_csv(file)
    frame.loc[0, "SALES_VALUE"] += 0.01
    frame.to_csv(file, index=False)
    of_a, of_c = requests(laboratory, both)
    assert [of_a.partition_key, of_c.partition_key] == ["TypeA", "TypeC"]
    # What they share is rebuilt and judged once, by the first.
    assert asset_key("segments") in (of_a.asset_selection or [])
    assert all(CONTRACTS[key.path[-1]].partitioned for key in of_c.asset_selection or [])
    assert all(CONTRACTS[key.asset_key.path[-1]].partitioned for key in of_c.asset_check_keys or [])


def test_a_study_that_a_gate_refused_is_not_begun_again_until_something_has_changed(laboratory: Laboratory) -> None:
    strict = of_types("TypeA", max_weighted_smd=1e-6)
    laboratory.run("key:covariate_balance+", strict)
    with laboratory.history() as instance:
        study, graph = Study(strict, laboratory.home, laboratory.raw), laboratory.defs(strict).resolve_asset_graph()
        work, gates = staleness.scheduled_work(study, graph, instance, "TypeA")
    assert not work.assets
    assert "covariate_balance.balance_after_weighting" in gates
    # Checks that the gate kept from being carried out are, on the tables as they lie there.
    assert not any(request.asset_selection for request in requests(laboratory, strict))
    (laboratory.home.warehouse / "TypeA" / "propensity.parquet").unlink()
    [request] = requests(laboratory, strict)
    assert asset_key("covariate_balance") in (request.asset_selection or [])


def test_raw_files_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    with pytest.raises(dg.Failure, match=r"the raw files cannot be used: .*transaction_data"):
        try:
            tick(Laboratory(Home(tmp_path / "home"), tmp_path / "raw"), of_types())
        except Exception as error:
            raise error.__cause__ or error from None


# --- checks and scores ----------------------------------------------------------------------------------


def test_daily_checks_judge_what_lies_there_and_build_nothing(laboratory: Laboratory) -> None:
    [request] = requests(laboratory, of_types("TypeA", "TypeC"), "daily_checks")
    assert (request.partition_key, request.asset_selection) == ("TypeA", [])
    asked = set(request.asset_check_keys or [])
    assert {check.key for check in CHECKS if check.table in ("transactions", "propensity")} <= asked
    (laboratory.home.warehouse / "TypeA" / "propensity.parquet").unlink()
    [request] = requests(laboratory, of_types("TypeA"), "daily_checks")
    gone = asked - set(request.asset_check_keys or [])
    assert {key.asset_key.path[-1] for key in gone} >= {"propensity"}


def carried_out(laboratory: Laboratory, settings: Settings, request: dg.RunRequest, job: str) -> bool:
    """Whether the run that was asked for goes through."""
    defs = laboratory.defs(settings)
    with laboratory.history() as instance:
        found = defs.resolve_job_def(job)
        if request.asset_check_keys:
            found = found.get_subset(asset_selection=set(), asset_check_selection=set(request.asset_check_keys))
        tags: Mapping[str, Any] = request.tags
        ended = found.execute_in_process(
            instance=instance, partition_key=request.partition_key, tags=dict(tags), raise_on_error=False
        )
    return ended.success


def test_the_run_that_daily_checks_ask_for_finds_a_damaged_table(laboratory: Laboratory) -> None:
    settings = of_types("TypeA")
    [request] = requests(laboratory, settings, "daily_checks")
    assert carried_out(laboratory, settings, request, STUDY_JOB)
    path = laboratory.home.warehouse / "segments.parquet"
    pd.read_parquet(path).drop(columns="stability").to_parquet(path)
    of_segments = [key for key in request.asset_check_keys or [] if key.asset_key.path[-1] == path.stem]
    assert not carried_out(laboratory, settings, request._replace(asset_check_keys=of_segments), STUDY_JOB)


def test_scores_are_asked_for_when_files_or_model_have_changed(laboratory: Laboratory) -> None:
    settings = of_types("TypeA", "TypeC")
    [request] = requests(laboratory, settings, "daily_scores")
    assert request.partition_key == "TypeA"
    assert carried_out(laboratory, settings, request, SCORE_JOB)
    done = tick(laboratory, settings, "daily_scores")
    assert not done.run_requests
    assert "TypeC is left out: no stored model, or nothing new to score" in (done.skip_message or "")
    (laboratory.home.root / "scores" / "TypeA.csv").unlink()
    assert len(requests(laboratory, settings, "daily_scores")) == 1
