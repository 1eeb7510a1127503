"""Versions of a list, its hash, its approval, and how far it differs from earlier ones."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pandas as pd
import pytest

from dunnhumby_pipeline.contracts.names import CONTACT, HOLD_OUT, LEAVE, TARGET, TEST
from dunnhumby_pipeline.engine.spreadsheet import write_csv
from dunnhumby_pipeline.targeting.churn import churn
from dunnhumby_pipeline.targeting.list_ledger import (
    ApprovalError,
    Version,
    approvals,
    file_hash,
    freeze,
    is_as_approved,
    note_approval,
    note_version,
    versions,
)
from dunnhumby_pipeline.targeting.list_tables import APPROVED, LAST, followed

DECISIONS = [TARGET, TARGET, TARGET, TEST, LEAVE]


def listed(decisions: list[str] = DECISIONS, first: int = 1) -> pd.DataFrame:
    arm = [
        (HOLD_OUT if place == 0 else CONTACT) if decision == TARGET else None
        for place, decision in enumerate(decisions)
    ]
    keys = range(first, first + len(decisions))
    return pd.DataFrame({"household_key": keys, "decision": decisions, "arm": arm, "suppression": None, "reason": "x"})


def test_versions_count_different_lists_of_a_type(tmp_path: Path) -> None:
    ledger = tmp_path / "lists" / "versions.jsonl"
    first, before = note_version(ledger, "TypeA", "aa", "1")
    assert (first, before) == (Version("TypeA", 1, "aa", "1"), None)
    again, before = note_version(ledger, "TypeA", "aa", "2")
    assert (again, before) == (first, None) and len(versions(ledger, "TypeA")) == 1
    second, before = note_version(ledger, "TypeA", "bb", "3")
    assert (second.version, before) == (2, first)
    assert note_version(ledger, "TypeB", "cc", "4")[0].version == 1
    back, before = note_version(ledger, "TypeA", "aa", "5")
    assert (back, before) == (first, second), "a list that comes back has its old number"
    assert note_version(ledger, "TypeA", "dd", "6")[0].version == 3


def test_the_hash_is_that_of_the_file(tmp_path: Path) -> None:
    write_csv(listed(), tmp_path / "list.csv")
    assert file_hash(tmp_path / "list.csv") == sha256((tmp_path / "list.csv").read_bytes()).hexdigest()
    write_csv(listed([TARGET, TARGET, TARGET, TEST, TEST]), tmp_path / "other.csv")
    assert file_hash(tmp_path / "list.csv") != file_hash(tmp_path / "other.csv")


def frozen(folder: Path, frame: pd.DataFrame) -> tuple[Path, Version]:
    write_csv(frame, folder / "list.csv")
    frame.to_parquet(folder / "list.parquet", index=False)
    version = Version("TypeA", 4, file_hash(folder / "list.csv"), "then")
    approval = freeze(frame, folder / "list.csv", folder / "list.parquet", folder / "lists", version, "Zoë", "now")
    note_approval(folder / "approvals.jsonl", approval)
    return folder / "lists" / f"{approval.file}.csv", version


def test_an_approved_list_is_frozen_as_it_was(tmp_path: Path) -> None:
    file, version = frozen(tmp_path, listed())
    [approval] = approvals(tmp_path / "approvals.jsonl", "TypeA")
    assert approvals(tmp_path / "approvals.jsonl", "TypeB") == []
    assert (approval.approved_by, approval.approved_at, approval.version) == ("Zoë", "now", 4)
    assert (approval.n_households, approval.n_target, approval.n_contact, approval.n_held_out) == (5, 3, 2, 1)
    assert file.name == f"TypeA-v4-{version.list_hash[:12]}.csv"
    assert file_hash(file) == version.list_hash and file.with_suffix(".parquet").is_file()
    assert file.stat().st_mode & 0o222 == 0, "nothing writes to it again"
    assert is_as_approved(tmp_path / "lists", approval)
    file.chmod(0o644)
    file.write_text(file.read_text().replace("target", "leave"))
    assert not is_as_approved(tmp_path / "lists", approval)
    file.unlink()
    assert not is_as_approved(tmp_path / "lists", approval)


def test_a_file_that_is_not_the_version_is_not_frozen(tmp_path: Path) -> None:
    _, version = frozen(tmp_path, listed())
    write_csv(listed(first=2), tmp_path / "list.csv")
    with pytest.raises(ApprovalError, match="is not version 4 of the list"):
        freeze(listed(), tmp_path / "list.csv", tmp_path / "list.parquet", tmp_path / "lists", version, "Z", "now")


def test_a_damaged_ledger_is_told_by_its_line(tmp_path: Path) -> None:
    ledger = tmp_path / "versions.jsonl"
    note_version(ledger, "TypeA", "aa", "1")
    ledger.write_text(ledger.read_text() + '{"campaign_type": "Ty')
    with pytest.raises(ApprovalError, match="line 2 is not JSON"):
        versions(ledger, "TypeA")


def test_churn_counts_households_by_what_changed() -> None:
    before = listed([TARGET, TARGET, TEST, TEST, LEAVE, LEAVE])
    now = listed([TARGET, LEAVE, TARGET, TEST, LEAVE], first=1).assign(household_key=[1, 2, 3, 4, 9])
    now.loc[0, "arm"] = CONTACT
    found = churn(now, before)
    assert found == {
        "n_households": 4,
        "n_new": 1,
        "n_gone": 2,
        "n_changed": 2,
        "share_changed": 0.5,
        "n_became_target": 1,
        "n_no_longer_target": 1,
        "n_other_arm": 1,
    }
    assert churn(now, now)["share_changed"] == 0
    assert pd.isna(churn(now, listed(first=100))["share_changed"])


def test_a_list_is_held_against_the_one_before_it_and_the_one_approved_last(tmp_path: Path) -> None:
    def tables(frame: pd.DataFrame, found: str) -> dict[str, pd.DataFrame]:
        ledgers = (tmp_path / "lists" / "versions.jsonl", tmp_path / "approvals.jsonl")
        return followed(frame, found, "TypeA", tmp_path / "lists", *ledgers, "now")

    first = tables(listed(), "aa")
    assert first["decision_churn"].empty and first["list_approvals"].empty
    assert not first["list_version"].at[0, "approved"] and first["list_version"].at[0, "version"] == 1
    file, version = frozen(tmp_path, listed())
    approved = tables(listed(), version.list_hash)
    assert approved["list_version"].loc[0, ["approved", "approved_by"]].tolist() == [True, "Zoë"]
    assert approved["list_approvals"].loc[0, ["is_current", "as_approved"]].tolist() == [True, True]
    changed = tables(listed([TARGET, TEST, TEST, TEST, LEAVE]), "cc")
    by_list = changed["decision_churn"].set_index("against")
    assert by_list["n_changed"].to_dict() == {LAST: 2, APPROVED: 2}
    assert by_list.at[APPROVED, "version"] == 4
    assert not changed["list_version"].at[0, "approved"]
    assert changed["list_approvals"].loc[0, ["is_current", "as_approved"]].tolist() == [False, True]
    again = tables(listed([TARGET, TEST, TEST, TEST, LEAVE]), "cc")
    pd.testing.assert_frame_equal(again["decision_churn"], changed["decision_churn"])
    file.unlink()
    assert not tables(listed(), "dd")["list_approvals"].at[0, "as_approved"]
