"""A code location with two assets and one check under the study's names, judged by a file: for tests of a real daemon.

The home comes from DUNNHUMBY_HOME. HOME/told.json says what the check finds ("pass", "fail"), how many households are
targets, and whether the step crashes.
"""

import json
from typing import Any

import dagster as dg

from dunnhumby_pipeline.orchestration.alerts.sensors import alert_sensor
from dunnhumby_pipeline.orchestration.checks.registry import LIST
from dunnhumby_pipeline.orchestration.platform.jobs import STUDY_JOB
from dunnhumby_pipeline.orchestration.platform.keys import asset_key
from dunnhumby_pipeline.orchestration.platform.partitions import campaign_types
from dunnhumby_pipeline.orchestration.platform.resources import Study
from dunnhumby_pipeline.orchestration.platform.storage import mark_stale, stale_mark
from dunnhumby_pipeline.settings import Home, load_settings

HOME = Home.resolve()
STUDY = Study(load_settings(HOME), HOME)


def told() -> dict[str, Any]:
    return json.loads((HOME.root / "told.json").read_text())


@dg.asset(key=asset_key("propensity"), partitions_def=campaign_types)
def propensity() -> None:
    if told().get("crash"):
        raise OSError(told()["crash"])


@dg.asset_check(asset=asset_key("propensity"), name="arms_in_overlap", blocking=True, partitions_def=campaign_types)
def arms_in_overlap(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
    found = told()["check"]
    if found == "fail":
        mark_stale(STUDY.table(LIST, context.partition_key), "not rebuilt: 12 treated trials in overlap")
    return dg.AssetCheckResult(
        passed=found == "pass",
        description="1,200 treated trials in overlap" if found == "pass" else "12 treated trials in overlap",
        metadata={"TypeA: n_treated_in_overlap": 1200 if found == "pass" else 12},
    )


@dg.asset(key=asset_key(LIST), deps=[asset_key("propensity")], partitions_def=campaign_types)
def targeting_list(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
    table = STUDY.table(LIST, context.partition_key)
    table.parent.mkdir(parents=True, exist_ok=True)
    table.touch()
    stale_mark(table).unlink(missing_ok=True)
    return dg.MaterializeResult(metadata={"TypeA: n_target": told()["target"], "TypeA: n_test": 40})


defs = dg.Definitions(
    assets=[propensity, targeting_list],
    asset_checks=[arms_in_overlap],
    jobs=[dg.define_asset_job(STUDY_JOB, dg.AssetSelection.all())],
    sensors=[alert_sensor(STUDY.settings)],
    resources={"study": STUDY},
    executor=dg.in_process_executor,
)
