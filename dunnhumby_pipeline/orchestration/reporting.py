"""What report and summary are made of: the tables on disk, the states of the checks, the facts of the study."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import dagster as dg
import pandas as pd

from dunnhumby_pipeline import __version__
from dunnhumby_pipeline.contracts import registry
from dunnhumby_pipeline.engine.tables import TablePath, read_table
from dunnhumby_pipeline.orchestration.checks.gates import check_states
from dunnhumby_pipeline.orchestration.checks.registry import CHECKS, LIST
from dunnhumby_pipeline.orchestration.platform.keys import asset_key
from dunnhumby_pipeline.orchestration.platform.origin import Origin
from dunnhumby_pipeline.orchestration.platform.resources import Study
from dunnhumby_pipeline.orchestration.platform.storage import stale_mark, write_text_atomically
from dunnhumby_pipeline.report.sections import report_reads
from dunnhumby_pipeline.report.tables import StudyTables

REPORT, BRIEF = "campaign_report", "campaign_brief"
# Pages are written again by commands, outside of any run.
PAGES = frozenset({REPORT, BRIEF})
# What an earlier study left must not stand as the answer of settings that no policy can be judged on.
POLICY_TABLES = frozenset(
    {
        *("policy_value", "policy_differences", "policy_selection", "policy_rules", "tree_refits", "policy_in_all"),
        *("roi_curve", "certified_policies", LIST),
        *("decision_summary", "decisions_by_demographics", "decision_churn", "list_version", "list_approvals"),
    }
)


def study_tables(
    study: Study, campaign_type: str, without: Collection[str] = (), names: Collection[str] | None = None
) -> StudyTables:
    """The tables of a study that lie on disk, of those in `names` (default: all of the report), but those named in
    `without`, and those of policies where the settings leave no grounds for any."""
    without = {*without, *(POLICY_TABLES if no_grounds(study) else ())}
    wanted = report_reads() if names is None else names
    paths = {name: study.table(name, _partition(name, campaign_type)) for name in wanted if name not in without}
    return StudyTables({name: read_table(path) for name, path in paths.items() if path.is_file()})


def _partition(name: str, campaign_type: str) -> str | None:
    return campaign_type if registry.table(name).partitioned else None


def no_grounds(study: Study) -> str | None:
    """Why no policy can be judged with these settings; None when one can."""
    from dunnhumby_pipeline.targeting.grounds import PolicyError, require_grounds

    try:
        require_grounds(study.settings.trial)
    except PolicyError as error:
        return str(error)
    return None


def all_check_states(instance: dg.DagsterInstance, campaign_type: str) -> pd.DataFrame:
    """The latest state of every check: asset, check, status, blocking, message."""
    return check_states(instance, [check.key for check in CHECKS], campaign_type)


def study_facts(study: Study, campaign_type: str, run_seconds: float | None = None) -> dict[str, Any]:
    """What the report and the summary say beside the tables."""
    origin = Origin.read(study.origin) or Origin("no tables loaded yet")
    listed, page = study.table(LIST, campaign_type), report_path(study, campaign_type)
    mark = stale_mark(listed)
    return {
        "source": origin.description,
        "campaign_type": campaign_type,
        **_observed(study),
        "n_campaigns": _n_campaigns(study, campaign_type),
        "version": __version__,
        "paths": {
            "tables": str(study.warehouse),
            "targeting list": str(listed),
            "list for a spreadsheet": str(study.table("targeting_list_csv", campaign_type)),
            "brief": str(study.table(BRIEF, campaign_type)),
            "report": str(page),
        },
        "not_built": [name for name, path in (("targeting list", listed), ("report", page)) if not path.is_file()],
        "limits": [*origin.limits, _about_repeats(study), *LIMITS],
        "run_seconds": run_seconds,
        "stale": no_grounds(study) or (mark.read_text(encoding="utf-8").strip() if mark.is_file() else None),
    }


def report_path(study: Study, campaign_type: str) -> TablePath:
    """Where the HTML report of a campaign type lies."""
    return study.table(REPORT, campaign_type)


def write_report(study: Study, instance: dg.DagsterInstance, campaign_type: str) -> TablePath:
    """Write the report from the tables on disk, whole or not at all, and the files beside it."""
    from dunnhumby_pipeline.orchestration.deliverables import files_of, write_experiment_files, write_table_files
    from dunnhumby_pipeline.report.page import render_report

    write_experiment_files(study, campaign_type)
    write_table_files(study, campaign_type)

    checks = all_check_states(instance, campaign_type)
    facts = study_facts(study, campaign_type)
    target = report_path(study, campaign_type)
    # A page that is read has been built, though it is not while its facts are gathered.
    facts["not_built"] = [name for name in facts["not_built"] if name != "report"]
    facts["run_id"] = _run_of_list(instance, campaign_type)
    facts["files"] = files_of(study, campaign_type, target.name, bool(facts["stale"]))
    page = render_report(study_tables(study, campaign_type), checks, facts, study.settings, told=_told())
    write_text_atomically(page, target)
    return target


def _run_of_list(instance: dg.DagsterInstance, campaign_type: str) -> str | None:
    """The run that made the list of a campaign type; None where none has."""
    found = instance.fetch_materializations(
        dg.AssetRecordsFilter(asset_key=asset_key(LIST), asset_partitions=[campaign_type]), limit=1
    )
    return found.records[0].run_id if found.records else None


def write_brief(
    study: Study, instance: dg.DagsterInstance, campaign_type: str, without: Collection[str] = ()
) -> TablePath:
    """Write the brief from the tables on disk, but those in `without`, whole or not at all.

    A study that is blocked has one, too: what could not be answered, why, and what to do.
    """
    from dunnhumby_pipeline.orchestration.deliverables import files_of
    from dunnhumby_pipeline.report.brief.decision import gates_of
    from dunnhumby_pipeline.report.brief.page import brief_reads, render_brief

    checks = all_check_states(instance, campaign_type)
    gates = gates_of(checks, _told())
    tables = study_tables(study, campaign_type, without, brief_reads())
    facts, target = study_facts(study, campaign_type), study.table(BRIEF, campaign_type)
    facts["files"] = files_of(study, campaign_type, target.name, bool(facts["stale"] or gates or without))
    page = render_brief(tables, gates, facts, study.settings)
    write_text_atomically(page, target)
    return target


def _told() -> dict[str, tuple[str, str]]:
    """What each check checks, and what to do when it does not pass, by 'table.check'."""
    return {f"{check.table}.{check.name}": (check.description, check.advice) for check in CHECKS}


def _observed(study: Study) -> dict[str, Any]:
    from dunnhumby_pipeline.features.windows import observed_days

    transactions = study.table("transactions")
    if not transactions.is_file():
        return {"n_households": None, "n_lines": None, "first_day": None, "last_day": None}
    first_day, last_day = observed_days(transactions, study.settings.engine)
    households = read_table(transactions, ["household_key"])["household_key"]
    return {
        "n_households": households.nunique(),
        "n_lines": len(households),
        "first_day": first_day,
        "last_day": last_day,
    }


def _n_campaigns(study: Study, campaign_type: str) -> int | None:
    cohort = study.table("first_campaign_cohort", campaign_type)
    if not cohort.is_file():
        return None
    return int(read_table(cohort, ["campaign"])["campaign"].nunique())


def _about_repeats(study: Study) -> str:
    days = study.settings.trial.washout_days
    listed = "households that have received one are never more than 'test'."
    if days is None:
        return f"Effects are of a household's first campaign of the type. What a repeat does is not estimated; {listed}"
    return f"Effects are of a campaign of the type that comes {days} days or more after the last one began; {listed}"


LIMITS = (
    "The campaigns were not randomised. Effects are adjusted for what the look-back shows; what it does not "
    "show can still bias them.",
    "Overlap-weighted effects and values of policies are about households in the overlap region, where both arms "
    "occur. An effect over all trials leans on the outcome models where one arm is rare.",
    "Look-back segments use factor loadings and centroids fitted to the whole history.",
    "Intervals are pointwise, at the confidence set; they do not cover the choice among policies. Those of single "
    "households hold the propensity and outcome models fixed, and are narrower than the truth for that.",
)
