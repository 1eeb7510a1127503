"""Which lists there have been, and which were approved: two files of the home, a line of JSON each, that last.

A list is what its CSV file holds: its hash is the SHA-256 of that file, so that anybody can check a copy with
`sha256sum`. Versions count the different lists of a campaign type from 1; a list that comes back has its old number.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import pandas as pd

from dunnhumby_pipeline.engine.tables import TablePath
from dunnhumby_pipeline.journey.forgotten import read_forgotten

_BLOCK = 1 << 20


class ApprovalError(Exception):
    """A list cannot be approved. The message says why, and what to do."""


@dataclass(frozen=True)
class Version:
    """A list as it was made: its number among those of its campaign type, its hash, and when it first came (UTC)."""

    campaign_type: str
    version: int
    list_hash: str
    made_at: str


@dataclass(frozen=True)
class Approval:
    """A list that somebody has approved, and where its frozen copy lies, relative to the folder of the lists."""

    campaign_type: str
    version: int
    list_hash: str
    approved_by: str
    approved_at: str
    file: str
    n_households: int
    n_target: int
    n_contact: int
    n_held_out: int


def file_hash(path: TablePath) -> str:
    """SHA-256 of a file, 64 hexadecimal digits. FileNotFoundError when there is none."""
    digest = sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def versions(ledger: Path, campaign_type: str) -> list[Version]:
    """Every list of the type that differed from the one before it, in the order they came."""
    return [Version(**line) for line in _lines(ledger) if line["campaign_type"] == campaign_type]


def note_version(ledger: Path, campaign_type: str, list_hash: str, now: str) -> tuple[Version, Version | None]:
    """The version of a list, and the one before it, None for the first; the ledger has it from then on.

    The list that came last is not noted again.
    """
    known = versions(ledger, campaign_type)
    if known and known[-1].list_hash == list_hash:
        return known[-1], known[-2] if len(known) > 1 else None
    same = next((one for one in known if one.list_hash == list_hash), None)
    number = same.version if same else max((one.version for one in known), default=0) + 1
    found = Version(campaign_type, number, list_hash, same.made_at if same else now)
    _add(asdict(found), ledger)
    return found, known[-1] if known else None


def kept_decisions(folder: Path, version: Version) -> Path:
    """Where the decisions of a version are kept, to hold the next list against."""
    return folder / version.campaign_type / f"v{version.version}.parquet"


def old_decisions(
    folder: Path, versions_ledger: Path, approvals_ledger: Path, campaign_type: str, last: int
) -> list[Path]:
    """The kept decisions of lists of the type that came before the `last` ones (2 at least) and were not approved."""
    known = versions(versions_ledger, campaign_type)
    # A list that came back counts by when it came last.
    latest = list(dict.fromkeys(one.version for one in reversed(known)))[: max(last, 2)]
    kept = {*latest, *(one.version for one in approvals(approvals_ledger, campaign_type))}
    files = {kept_decisions(folder, one) for one in known if one.version not in kept}
    return sorted(file for file in files if file.is_file())


def approvals(ledger: Path, campaign_type: str) -> list[Approval]:
    """The approved lists of the type, in the order of approval."""
    return [Approval(**line) for line in _lines(ledger) if line["campaign_type"] == campaign_type]


def freeze(
    listed: pd.DataFrame, csv: TablePath, parquet: TablePath, folder: Path, version: Version, by: str, now: str
) -> Approval:
    """Copy the two files of a list to `folder`/approved, where nothing writes to them again; the approval.

    Raises ApprovalError when the CSV file is not the list of `version`.
    """
    if file_hash(csv) != version.list_hash:
        raise ApprovalError(f"{csv} is not version {version.version} of the list; `dunnhumby run` writes it again")
    place = Path("approved") / f"{version.campaign_type}-v{version.version}-{version.list_hash[:12]}"
    for source, ending in ((csv, ".csv"), (parquet, ".parquet")):
        target = (folder / place).with_name(place.name + ending)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        target.write_bytes(source.read_bytes())
        target.chmod(0o444)
    arms = listed["arm"].value_counts()
    return Approval(
        version.campaign_type,
        version.version,
        version.list_hash,
        by,
        now,
        str(place),
        len(listed),
        int((listed["decision"] == "target").sum()),
        int(arms.get("contact", 0)),
        int(arms.get("hold out", 0)),
    )


def note_approval(ledger: Path, approval: Approval) -> None:
    """Add an approval to the ledger."""
    _add(asdict(approval), ledger)


def is_as_approved(folder: Path, approval: Approval) -> bool:
    """Whether the frozen CSV file is there and still the list that was approved, but for households forgotten since."""
    file = folder / f"{approval.file}.csv"
    return file.is_file() and read_forgotten(folder.parent).sealed_as(file_hash(file)) == approval.list_hash


def _lines(ledger: Path) -> list[Mapping[str, Any]]:
    if not ledger.is_file():
        return []
    found = []
    for number, line in enumerate(ledger.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            found.append(json.loads(line))
        except json.JSONDecodeError as error:
            raise ApprovalError(
                f"{ledger}, line {number} is not JSON: {line[:80]!r}; expected a line for each list. Restore the file, "
                "or take the line out"
            ) from error
    return found


def _add(line: Mapping[str, Any], ledger: Path) -> None:
    ledger.parent.mkdir(parents=True, exist_ok=True)
    with ledger.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line, ensure_ascii=False) + "\n")
        file.flush()
        os.fsync(file.fileno())
