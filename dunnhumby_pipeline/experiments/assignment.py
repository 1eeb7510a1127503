"""Who is contacted and who is held out: random within strata, the same from the same seed, and sealed by a hash."""

from __future__ import annotations

import csv
import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dunnhumby_pipeline.contracts.frames import without_rows
from dunnhumby_pipeline.contracts.names import TEST
from dunnhumby_pipeline.contracts.registry import table
from dunnhumby_pipeline.settings.experiment import ExperimentSettings

CONTACT, HOLD_OUT = "contact", "hold out"
# Spreadsheets read a cell that begins with one of these as a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
COLUMNS = [
    "household_key",
    "arm",
    "probability",
    "segment",
    "spend_quantile",
    "stratum",
    "baseline_spend",
    "baseline_visits",
    "study_effect",
    "seed",
    "campaign_type",
    "assignment_hash",
]


def experiment_assignment(
    targeting_list: pd.DataFrame,
    baseline: pd.DataFrame,
    settings: ExperimentSettings,
    campaign_type: str,
    seed: int,
    size: int | None = None,
) -> pd.DataFrame:
    """The arm of every household that the list says to test, or of `size` of them, drawn (columns `COLUMNS`, by
    household). `baseline`: household_key, baseline_spend ($), baseline_visits, before the test.

    Strata are segment and quantile of spend, within which households of like spend form blocks as small as the share
    allows (pairs, where half are contacted). Every household has the same chance of being contacted, which is logged,
    and every stratum, as all of them together, has its share of contacts to within one household.
    """
    tested = targeting_list.loc[targeting_list["decision"] == TEST, ["household_key", "segment", "cate"]]
    tested = tested.rename(columns={"cate": "study_effect"})
    if tested.empty:
        return without_rows(table("experiment_assignment"))
    frame = tested.merge(baseline, on="household_key", how="left").sort_values("household_key").reset_index(drop=True)
    frame = frame.fillna({"baseline_spend": 0.0, "baseline_visits": 0.0})
    frame = frame.astype({"baseline_spend": float, "baseline_visits": float})
    rank = frame["baseline_spend"].rank(method="first", pct=True)
    quantile = np.ceil(rank * settings.spend_quantiles).clip(1, settings.spend_quantiles)
    frame["spend_quantile"] = quantile.astype("int64")
    frame["stratum"] = frame["segment"].astype(str) + " / " + frame["spend_quantile"].astype(str)
    rng = np.random.default_rng(seed)
    if size is not None and size < len(frame):
        frame = frame[_systematic(frame["stratum"], size / len(frame), rng)].reset_index(drop=True)
    contacted = _systematic(_blocks(frame, settings.contact_share), settings.contact_share, rng)
    frame["arm"] = np.where(contacted, CONTACT, HOLD_OUT)
    frame["probability"] = np.where(contacted, settings.contact_share, 1 - settings.contact_share)
    frame = frame.assign(seed=seed, campaign_type=campaign_type)
    return frame.assign(assignment_hash=hash_of(frame))[COLUMNS]


def _blocks(frame: pd.DataFrame, contact_share: float) -> pd.Series:
    """The stratum of each household with its block of like spend in it, of as many as hold one of the rarer arm."""
    size = round(1 / min(contact_share, 1 - contact_share))
    place = frame.groupby("stratum")["baseline_spend"].rank(method="first").astype(int) - 1
    return frame["stratum"] + " " + (place // size).map("{:08d}".format)


def _systematic(stratum: pd.Series, share: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Which rows (n,) are taken: each with probability `share`, of a stratum and of all its share to within one.

    Systematic sampling with a random start over a random order within strata (Madow & Madow 1944).
    """
    order = np.lexsort((rng.random(len(stratum)), stratum.to_numpy(dtype=str)))
    # Rounded, so that what floats leave of a whole number does not move a step.
    steps = np.floor(np.round(rng.random() + share * np.arange(len(stratum) + 1), 9))
    taken = np.zeros(len(stratum), dtype=bool)
    taken[order] = np.diff(steps) > 0
    return taken


def hash_of(assignment: pd.DataFrame) -> str:
    """SHA-256 of households, arms and strata by household, with the seed and the campaign type."""
    rows = assignment.sort_values("household_key")
    columns = (rows[name] for name in ("household_key", "arm", "stratum", "seed", "campaign_type"))
    lines = ("\t".join(map(str, row)) for row in zip(*columns, strict=True))
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def is_sealed(assignment: pd.DataFrame) -> bool:
    """Whether an assignment still is what its hash was taken of."""
    return bool((assignment["assignment_hash"] == hash_of(assignment)).all())


def write_csv(frame: pd.DataFrame, path: Path) -> None:
    """Write a table as CSV in UTF-8; text that a spreadsheet would take for a formula gets a quote before it."""
    plain = frame.copy()
    for name in plain.columns:
        if not pd.api.types.is_numeric_dtype(plain[name]):
            plain[name] = plain[name].map(lambda cell: f"'{cell}" if str(cell).startswith(_FORMULA) else cell)
    plain.to_csv(path, index=False, encoding="utf-8", quoting=csv.QUOTE_MINIMAL)
