"""The ledger of experiments: what each found, a line of JSON each. It lies in the home and lasts across runs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from dunnhumby_pipeline.contracts.frames import without_rows
from dunnhumby_pipeline.contracts.registry import table


def record(result: Mapping[str, Any], ledger: Path) -> None:
    """Add a result to the ledger, as a line of JSON."""
    ledger.parent.mkdir(parents=True, exist_ok=True)
    with ledger.open("a", encoding="utf-8") as file:
        file.write(json.dumps(result) + "\n")


def results(ledger: Path) -> pd.DataFrame:
    """All experiments of the ledger, one row each: an experiment that was read twice counts as it was read last."""
    if not ledger.is_file():
        return pd.DataFrame()
    lines = [json.loads(line) for line in ledger.read_text(encoding="utf-8").splitlines() if line.strip()]
    frame = pd.DataFrame(lines)
    return frame if frame.empty else frame.drop_duplicates("assignment_hash", keep="last").reset_index(drop=True)


def results_of(ledger: Path, campaign_type: str) -> pd.DataFrame:
    """The experiments of a campaign type, in the columns of the table experiment_result."""
    found, contract = results(ledger), table("experiment_result")
    if found.empty:
        return without_rows(contract)
    of_type = found.loc[found["campaign_type"] == campaign_type].reset_index(drop=True)
    if of_type.empty:
        return without_rows(contract)
    of_type = of_type.reindex(columns=list(contract.required))
    return of_type.astype({column.name: float for column in contract.columns if column.type == "DOUBLE"})
