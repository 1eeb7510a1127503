"""What is known of the list of today among those before it: its version, how far it differs, what was approved."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import pandas as pd

from dunnhumby_pipeline.contracts.frames import without_rows
from dunnhumby_pipeline.contracts.registry import table
from dunnhumby_pipeline.targeting.churn import COLUMNS as CHURN
from dunnhumby_pipeline.targeting.churn import KEPT, churn
from dunnhumby_pipeline.targeting.list_ledger import (
    Approval,
    Version,
    approvals,
    is_as_approved,
    kept_decisions,
    note_version,
)

LAST, APPROVED = "last list", "approved list"


def followed(
    listed: pd.DataFrame,
    list_hash: str,
    campaign_type: str,
    folder: Path,
    versions_ledger: Path,
    approvals_ledger: Path,
    now: str,
) -> dict[str, pd.DataFrame]:
    """The tables list_version, decision_churn and list_approvals of the list whose CSV file has this hash; the ledger
    of versions has it, and `folder` its decisions, from then on. `now`: UTC, for a list that is new.
    """
    version, before = note_version(versions_ledger, campaign_type, list_hash, now)
    kept = kept_decisions(folder, version)
    if not kept.is_file():
        kept.parent.mkdir(parents=True, exist_ok=True)
        listed[KEPT].to_parquet(kept, index=False)
    known = approvals(approvals_ledger, campaign_type)
    return {
        "list_version": _version(version, known),
        "decision_churn": _changes(listed, folder, before, known[-1] if known else None),
        "list_approvals": _approvals(list_hash, folder, known),
    }


def _version(version: Version, known: list[Approval]) -> pd.DataFrame:
    own = next((one for one in known if one.list_hash == version.list_hash), None)
    by, at = (None, None) if own is None else (own.approved_by, own.approved_at)
    return pd.DataFrame([{**asdict(version), "approved": own is not None, "approved_by": by, "approved_at": at}])


def _changes(listed: pd.DataFrame, folder: Path, before: Version | None, approved: Approval | None) -> pd.DataFrame:
    """A row for each earlier list whose decisions are still kept."""
    earlier = [
        (LAST, before.version, kept_decisions(folder, before)) if before else None,
        (APPROVED, approved.version, folder / f"{approved.file}.parquet") if approved else None,
    ]
    rows = [
        {"against": name, "version": number, **churn(listed, pd.read_parquet(path, columns=KEPT))}
        for name, number, path in filter(None, earlier)
        if path.is_file()
    ]
    return pd.DataFrame(rows, columns=CHURN) if rows else without_rows(table("decision_churn"))


def _approvals(list_hash: str, folder: Path, known: list[Approval]) -> pd.DataFrame:
    if not known:
        return without_rows(table("list_approvals"))
    return pd.DataFrame(
        [
            {**asdict(one), "is_current": one.list_hash == list_hash, "as_approved": is_as_approved(folder, one)}
            for one in known
        ]
    )
