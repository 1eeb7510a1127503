"""Approving a targeting list: what stands against it, and the frozen copy that counts as sent."""

from __future__ import annotations

from collections.abc import Iterable

import dagster as dg

from dunnhumby_pipeline.engine.tables import read_table
from dunnhumby_pipeline.orchestration.checks.gates import PASS, Gates, check_states
from dunnhumby_pipeline.orchestration.checks.registry import CHECKS, LIST
from dunnhumby_pipeline.orchestration.platform.keys import table_of
from dunnhumby_pipeline.orchestration.platform.resources import Study
from dunnhumby_pipeline.orchestration.platform.storage import stale_mark
from dunnhumby_pipeline.targeting.list_ledger import (
    Approval,
    ApprovalError,
    Version,
    approvals,
    file_hash,
    freeze,
    note_approval,
)

CSV, VERSION = "targeting_list_csv", "list_version"
# What a list consists of; it is approved as these stand.
OF_LIST = (LIST, CSV, VERSION)


def refusal(
    study: Study, instance: dg.DagsterInstance, gates: Gates, stale: Iterable[dg.AssetKey], campaign_type: str
) -> str | None:
    """Why the list of a campaign type cannot be approved, in words; None when nothing stands against it.

    `stale`: the tables that are stale. A list is stale with any of its parts, or marked as not rebuilt.
    """
    again = "`dunnhumby run` rebuilds it"
    mark = stale_mark(study.table(LIST, campaign_type))
    if mark.is_file():
        return f"the list of {campaign_type} is stale ({mark.read_text(encoding='utf-8').strip()}); {again}"
    old = sorted({table_of(key) for key in stale} & set(OF_LIST))
    if old:
        return f"the list of {campaign_type} is stale ({', '.join(old)}); {again}"
    own = [check.key for check in CHECKS if check.blocks and check.table in (*OF_LIST, "decision_summary")]
    states = check_states(instance, [*gates.keys, *own], campaign_type)
    closed = states.loc[states["status"] != PASS]
    if len(closed):
        named = "; ".join(
            f"{row['asset']}.{row['check']}: {row['status']}, {row['message']}" for _, row in closed.iterrows()
        )
        return f"the list of {campaign_type} has closed gates: {named}. Remove the cause and run the study again"
    return None


def approve_list(study: Study, campaign_type: str, by: str, now: str) -> Approval:
    """Freeze the list of a campaign type as it lies there and note who approved it; `now`: UTC.

    Raises ApprovalError when this very list has been approved before, or its file is not the one of its version.
    """
    csv, parquet = study.table(CSV, campaign_type), study.table(LIST, campaign_type)
    found, home = file_hash(csv), study.home
    before = next((one for one in approvals(home.approvals, campaign_type) if one.list_hash == found), None)
    if before is not None:
        raise ApprovalError(
            f"version {before.version} of the list of {campaign_type} was approved by {before.approved_by} on "
            f"{before.approved_at}; it is frozen as {home.lists / before.file}.csv, and is not approved twice"
        )
    row = read_table(study.table(VERSION, campaign_type)).iloc[0]
    version = Version(campaign_type, int(row["version"]), str(row["list_hash"]), str(row["made_at"]))
    approval = freeze(read_table(parquet), csv, parquet, home.lists, version, by, now)
    note_approval(home.approvals, approval)
    return approval
