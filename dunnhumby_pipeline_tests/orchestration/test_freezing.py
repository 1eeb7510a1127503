"""What stands against approving a list, and what approving it leaves behind, on made-up tables."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pandas as pd
import pytest

from dunnhumby_pipeline.engine.spreadsheet import write_csv
from dunnhumby_pipeline.orchestration import approval
from dunnhumby_pipeline.orchestration.checks.gates import FAIL, NOT_RUN, PASS, Gates
from dunnhumby_pipeline.orchestration.platform.keys import asset_key
from dunnhumby_pipeline.orchestration.platform.resources import Study
from dunnhumby_pipeline.orchestration.platform.storage import mark_stale
from dunnhumby_pipeline.settings import Home, load_settings
from dunnhumby_pipeline.targeting.list_ledger import ApprovalError, approvals, file_hash, is_as_approved
from dunnhumby_pipeline_tests.targeting.test_list_ledger import listed


@pytest.fixture
def study(tmp_path: Path) -> Study:
    """A home with a list of version 2, and nothing else."""
    study = Study(load_settings(), Home(tmp_path))
    folder = tmp_path / "warehouse" / "TypeA"
    folder.mkdir(parents=True)
    write_csv(listed(), folder / "targeting_list.csv")
    listed().to_parquet(folder / "targeting_list.parquet", index=False)
    version = {"campaign_type": "TypeA", "version": 2, "list_hash": file_hash(folder / "targeting_list.csv")}
    pd.DataFrame([{**version, "made_at": "then"}]).to_parquet(folder / "list_version.parquet", index=False)
    return study


def test_an_approved_list_is_kept_under_its_version_and_is_not_approved_twice(study: Study) -> None:
    found = approval.approve_list(study, "TypeA", "A. Analyst", "now")
    assert (found.version, found.approved_by, found.approved_at) == (2, "A. Analyst", "now")
    assert approvals(study.home.approvals, "TypeA") == [found] and is_as_approved(study.home.lists, found)
    with pytest.raises(ApprovalError, match=r"version 2 .* was approved by A\. Analyst on now; .* not approved twice"):
        approval.approve_list(study, "TypeA", "B. Manager", "later")
    assert approvals(study.home.approvals, "TypeA") == [found]


def test_a_file_that_is_not_the_version_is_refused(study: Study) -> None:
    write_csv(listed(first=9), study.home.warehouse / "TypeA" / "targeting_list.csv")
    with pytest.raises(ApprovalError, match="is not version 2 of the list; `dunnhumby run` writes it again"):
        approval.approve_list(study, "TypeA", "A. Analyst", "now")
    assert not study.home.approvals.exists() and not (study.home.lists / "approved").exists()


def states(status: str) -> pd.DataFrame:
    row = {"asset": "covariate_balance", "check": "balance", "status": status, "blocking": True, "message": "0.4"}
    return pd.DataFrame([row])


def test_stale_lists_and_closed_gates_stand_against_it(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    instance, gates = dg.DagsterInstance.ephemeral(), Gates(())

    def against(stale: list[str], status: str = PASS) -> str | None:
        monkeypatch.setattr(approval, "check_states", lambda *args: states(status))
        return approval.refusal(study, instance, gates, [asset_key(name) for name in stale], "TypeA")

    assert against([]) is None
    assert against(["campaign_report", "roi_curve"]) is None, "what the list does not consist of does not matter"
    assert against(["targeting_list", "targeting_list_csv"]) == (
        "the list of TypeA is stale (targeting_list, targeting_list_csv); `dunnhumby run` rebuilds it"
    )
    for status in (FAIL, NOT_RUN):
        closed = against([], status)
        assert closed is not None and f"closed gates: covariate_balance.balance: {status}, 0.4" in closed
    mark_stale(study.table("targeting_list", "TypeA"), "not rebuilt: a gate failed")
    marked = against([])
    assert marked is not None and "is stale (not rebuilt: a gate failed)" in marked


def test_gates_that_never_ran_are_closed(study: Study) -> None:
    found = approval.refusal(study, dg.DagsterInstance.ephemeral(), Gates(()), [], "TypeA")
    assert found is not None
    assert "targeting_list.list_agrees: not run" in found and "decision_summary.summary_agrees: not run" in found
