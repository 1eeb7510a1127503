"""Schedules, as the settings say: the study every week, checks and scores every day, and what is kept.

They ask for runs and nothing else; the daemon carries them out one at a time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import dagster as dg

from dunnhumby_pipeline.journey.source import JourneyError
from dunnhumby_pipeline.orchestration.checks.check import Check
from dunnhumby_pipeline.orchestration.checks.registry import CHECKS
from dunnhumby_pipeline.orchestration.housekeeping import DAILY_CHECKS, HOUSEKEEPING, to_remove
from dunnhumby_pipeline.orchestration.platform.automation import is_automated
from dunnhumby_pipeline.orchestration.platform.jobs import STUDY_JOB
from dunnhumby_pipeline.orchestration.platform.resources import Study
from dunnhumby_pipeline.orchestration.platform.runner import checks_of
from dunnhumby_pipeline.orchestration.scoring import SCORE_JOB, due_to_be_scored
from dunnhumby_pipeline.orchestration.staleness import scheduled_work
from dunnhumby_pipeline.orchestration.types_covered import covered
from dunnhumby_pipeline.settings import Settings, Timetable

WEEKLY = "weekly_study"
Requests: TypeAlias = list[dg.RunRequest] | dg.SkipReason
Ask: TypeAlias = Callable[[dg.ScheduleEvaluationContext, Study], Requests]


def schedules(settings: Settings) -> list[dg.ScheduleDefinition]:
    """Every schedule; one that the settings switch off can still be switched on in the UI."""
    return [weekly_study(settings), daily_checks(settings), daily_scores(settings), keep_house(settings)]


def weekly_study(settings: Settings) -> dg.ScheduleDefinition:
    """The study of each type: what is stale, and checks that do not cover their table as it is."""
    timetable = settings.schedules.study

    def ask(context: dg.ScheduleEvaluationContext, study: dg.ResourceParam[Study]) -> Requests:
        requests: list[dg.RunRequest] = []
        types, left_out = _covered(study, timetable)
        graph, asked = context.repository_def.asset_graph, set[dg.AssetKey]()
        for campaign_type in types:
            work, refused = scheduled_work(study, graph, context.instance, campaign_type)
            if refused:
                left_out[campaign_type] = (
                    f"it would be stopped again by {', '.join(refused)}: nothing has changed since"
                )
            # What all types share is rebuilt by the first of these runs, which are carried out in turn.
            shared = {key for key in work.assets if not graph.get(key).is_partitioned}
            assets, checks = work.assets - (shared & asked), checks_of(work, graph)
            if asked:
                checks = {key for key in checks if graph.get(key).partitions_def is not None}
            asked |= shared
            if assets or checks:
                # Named, since a request that names some checks asks for no others.
                requests.append(_request(context, campaign_type, sorted(assets), sorted(checks)))
        return _asked(context, requests, "nothing is stale", left_out)

    return _schedule(
        WEEKLY,
        STUDY_JOB,
        timetable,
        settings,
        "Of every campaign type that has enough, what rests on changed files, code or settings, and checks that do "
        "not cover their table as it is; nothing when nothing is stale.",
        ask,
    )


def daily_checks(settings: Settings) -> dg.ScheduleDefinition:
    """Every check of the tables that lie there; no table is rebuilt."""
    timetable = settings.schedules.checks

    def ask(context: dg.ScheduleEvaluationContext, study: dg.ResourceParam[Study]) -> Requests:
        requests: list[dg.RunRequest] = []
        types, left_out = _covered(study, timetable)
        shared = [check for check in CHECKS if not check.contract.partitioned]
        for campaign_type in types:
            own = [check for check in CHECKS if check.contract.partitioned]
            keys = sorted(check.key for check in (*shared, *own) if _lies_there(study, check, campaign_type))
            if keys:
                # Those of what all types share are carried out once.
                shared = []
                requests.append(_request(context, campaign_type, [], keys))
        return _asked(context, requests, "there are no tables yet", left_out)

    return _schedule(
        DAILY_CHECKS,
        STUDY_JOB,
        timetable,
        settings,
        "Every check again, of the tables as they lie there: what has been damaged, has become too old, or is judged "
        "by other thresholds. Nothing is rebuilt.",
        ask,
    )


def daily_scores(settings: Settings) -> dg.ScheduleDefinition:
    """The households of the raw files by the stored model, when the files or the model are others than before."""
    timetable = settings.schedules.scores

    def ask(context: dg.ScheduleEvaluationContext, study: dg.ResourceParam[Study]) -> Requests:
        requests: list[dg.RunRequest] = []
        types, left_out = _covered(study, timetable)
        for campaign_type in types:
            tags = due_to_be_scored(study, context.instance, campaign_type)
            if tags is None:
                left_out[campaign_type] = "no stored model, or nothing new to score"
                continue
            run_key = f"{campaign_type}-{_moment(context)}"
            requests.append(dg.RunRequest(run_key=run_key, partition_key=campaign_type, tags=tags))
        return _asked(context, requests, "nothing is to be scored", left_out)

    return _schedule(
        "daily_scores",
        SCORE_JOB,
        timetable,
        settings,
        "The households of the raw files scored by the stored model of each campaign type, when files or model have "
        "changed since; nothing is fitted.",
        ask,
    )


def keep_house(settings: Settings) -> dg.ScheduleDefinition:
    """What is older than the settings keep, and that nothing reads any more, is removed."""

    @dg.schedule(
        name="keep_house",
        job_name=HOUSEKEEPING,
        cron_schedule=settings.retention.cron,
        execution_timezone=settings.schedules.time_zone,
        default_status=_status(settings.retention.on),
        description="Removes runs from the history and kept decisions of lists that are older than the settings say, "
        "and that neither gates nor anything else reads.",
    )
    def ask(context: dg.ScheduleEvaluationContext, study: dg.ResourceParam[Study]) -> dg.RunRequest | dg.SkipReason:
        old = to_remove(study, context.instance)
        if not old:
            return dg.SkipReason("nothing is old enough to be removed")
        return dg.RunRequest(run_key=_moment(context))

    return ask


def _schedule(
    name: str, job: str, timetable: Timetable, settings: Settings, description: str, ask: Ask
) -> dg.ScheduleDefinition:
    made = dg.schedule(
        name=name,
        job_name=job,
        cron_schedule=timetable.cron,
        execution_timezone=settings.schedules.time_zone,
        default_status=_status(timetable.on and not (name == WEEKLY and is_automated(settings))),
        description=description,
    )(ask)
    assert isinstance(made, dg.ScheduleDefinition)
    return made


def _status(on: bool) -> dg.DefaultScheduleStatus:
    return dg.DefaultScheduleStatus.RUNNING if on else dg.DefaultScheduleStatus.STOPPED


def _moment(context: dg.ScheduleEvaluationContext) -> str:
    return context.scheduled_execution_time.strftime("%Y-%m-%dT%H:%M")


def _covered(study: Study, timetable: Timetable) -> tuple[list[str], dict[str, str]]:
    try:
        return covered(study, timetable)
    except JourneyError as error:
        raise dg.Failure(f"the raw files cannot be used: {error}") from error


def _request(
    context: dg.ScheduleEvaluationContext, campaign_type: str, assets: list[dg.AssetKey], checks: list[dg.AssetCheckKey]
) -> dg.RunRequest:
    return dg.RunRequest(
        run_key=f"{campaign_type}-{_moment(context)}",
        partition_key=campaign_type,
        asset_selection=assets,
        asset_check_keys=checks,
    )


def _asked(
    context: dg.ScheduleEvaluationContext, requests: list[dg.RunRequest], nothing: str, left_out: dict[str, str]
) -> Requests:
    """What is asked for; or, when that is nothing, why. Which campaign types are left out, and why, is logged."""
    reasons = [f"{name} is left out: {reason}" for name, reason in left_out.items()]
    for reason in reasons:
        context.log.info(reason)
    return requests or dg.SkipReason("; ".join([nothing, *reasons]))


def _lies_there(study: Study, check: Check, campaign_type: str) -> bool:
    """Whether a check's table, and those it reads beside, exist."""
    return all(
        study.table(name, campaign_type if _partitioned(name) else None).is_file()
        for name in (check.table, *check.reads)
    )


def _partitioned(name: str) -> bool:
    from dunnhumby_pipeline.contracts.registry import table

    return table(name).partitioned
