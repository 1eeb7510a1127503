"""What the report reads: the tables of a study, any of which a blocked run may leave out."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import pandas as pd

from dunnhumby_pipeline.contracts import registry
from dunnhumby_pipeline.contracts.table import require_columns

CHECK_COLUMNS = ("asset", "check", "status", "blocking", "message")
CHECK_ORDER = ("fail", "warn", "not run", "pass")


class StudyTables:
    """The tables of one study by name; one without rows counts as not built, unless its contract says otherwise.

    KeyError for a name that no contract has, ContractError for a table that lacks a column it promises.
    """

    def __init__(self, frames: Mapping[str, pd.DataFrame | None] | None = None) -> None:
        self._frames: dict[str, pd.DataFrame] = {}
        self._readable: frozenset[str] | None = None
        for name, frame in (frames or {}).items():
            contract = registry.table(name)
            if frame is not None and (len(require_columns(contract, frame)) or contract.may_be_empty):
                self._frames[name] = frame

    def only(self, names: Collection[str]) -> StudyTables:
        """A view in which the tables `names` can be read, and no others: what is read is what was declared."""
        view = StudyTables()
        view._frames, view._readable = self._frames, frozenset(names)
        return view

    def get(self, name: str) -> pd.DataFrame | None:
        """The table, None when it was not built; LookupError when it is none of those that may be read."""
        if self._readable is not None and name not in self._readable:
            raise LookupError(f"{name} is read but not declared; declared are {', '.join(sorted(self._readable))}")
        return self._frames.get(name)

    def __getitem__(self, name: str) -> pd.DataFrame:
        frame = self.get(name)
        if frame is None:
            raise KeyError(f"{name} was not built")
        return frame

    def has(self, *names: str) -> bool:
        """Whether every one of the tables was built."""
        return all(name in self._frames for name in names)


def ordered_checks(checks: pd.DataFrame) -> pd.DataFrame:
    """Checks with what needs reading first: fail, warn, not run, pass; within a state as given."""
    missing = [column for column in CHECK_COLUMNS if column not in checks.columns]
    if missing:
        raise ValueError(f"checks lacks the column(s) {', '.join(missing)}")
    unknown = sorted(set(checks["status"]) - set(CHECK_ORDER))
    if unknown:
        raise ValueError(f"checks has the unknown status {', '.join(unknown)}; known are {', '.join(CHECK_ORDER)}")
    rank = checks["status"].map(CHECK_ORDER.index)
    return checks.iloc[rank.argsort(kind="stable")]


def blocking_failures(checks: pd.DataFrame) -> pd.DataFrame:
    """The rows of blocking checks that failed, as given."""
    return checks.loc[(checks["status"] == "fail") & checks["blocking"].astype(bool)]
