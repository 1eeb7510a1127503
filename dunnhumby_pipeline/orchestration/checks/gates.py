"""Gates: the blocking checks that a targeting list rests on, and what the history says of every check.

Within a run dagster stops what lies downstream of a failed blocking check. A later run that selects only
downstream assets would proceed on the bad upstream; `require_open_gates` refuses.
"""

from __future__ import annotations

import dagster as dg
import pandas as pd
from dagster._core.event_api import PartitionKeyFilter
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecord

from dunnhumby_pipeline.orchestration.checks.registry import BLOCK, CHECKS, LIST
from dunnhumby_pipeline.report.tables import CHECK_COLUMNS

BLOCKING = frozenset(check.key for check in CHECKS if check.severity is BLOCK)
# The list cannot wait for its own check.
GATES = tuple(check.key for check in CHECKS if check.key in BLOCKING and check.key.asset_key.path[-1] != LIST)
PASS, WARN, FAIL, NOT_RUN = "pass", "warn", "fail", "not run"


def require_open_gates(instance: dg.DagsterInstance, campaign_type: str) -> None:
    """Raise dg.Failure, naming every closed gate, unless all gates passed when they were last evaluated."""
    states = check_states(instance, list(GATES), campaign_type)
    closed = states.loc[states["status"] != PASS]
    if len(closed):
        reasons = "; ".join(f"{row.asset}.{row.check}: {row.status}, {row.message}" for row in closed.itertuples())
        raise dg.Failure(
            f"the targeting list is not rebuilt, because these gates are closed: {reasons}. "
            "Mend the cause and materialise the checked assets again.",
            allow_retries=False,
        )


def check_states(instance: dg.DagsterInstance, keys: list[dg.AssetCheckKey], campaign_type: str) -> pd.DataFrame:
    """The latest state of each check, in the order of `keys`: asset, check, status, blocking, message.

    status: pass, warn (failed at WARN), fail (failed at ERROR), not run. Checks of partitioned assets are
    those of `campaign_type`.
    """
    records = latest_evaluations(instance, keys, campaign_type)
    rows = []
    for key in keys:
        status, message = state_of(records.get(key))
        rows.append((key.asset_key.to_user_string(), key.name, status, key in BLOCKING, message))
    return pd.DataFrame(rows, columns=list(CHECK_COLUMNS))


def latest_evaluations(
    instance: dg.DagsterInstance, keys: list[dg.AssetCheckKey], campaign_type: str
) -> dict[dg.AssetCheckKey, AssetCheckExecutionRecord]:
    """The latest record of each check that has one, of this campaign type or unpartitioned."""
    storage = instance.event_log_storage
    whole = storage.get_latest_asset_check_execution_by_key(keys, PartitionKeyFilter(key=None))
    of_type = storage.get_latest_asset_check_execution_by_key(keys, PartitionKeyFilter(key=campaign_type))
    return {**whole, **of_type}


def state_of(record: AssetCheckExecutionRecord | None) -> tuple[str, str]:
    """(status, message) of a record; one without an evaluation has not run."""
    if record is None:
        return NOT_RUN, "never evaluated"
    evaluation = record.evaluation
    # The latest record can be a plan that was not carried out: the step was skipped, or crashed.
    if not isinstance(evaluation, dg.AssetCheckEvaluation):
        return NOT_RUN, "planned, but not evaluated: an earlier step failed, or the check crashed"
    message = evaluation.description or ""
    if evaluation.passed:
        return PASS, message
    return (FAIL if evaluation.severity is dg.AssetCheckSeverity.ERROR else WARN), message
