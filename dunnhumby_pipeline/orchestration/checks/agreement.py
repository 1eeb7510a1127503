"""Judgement of whether the tables about customers say the same of the same household and segment."""

from __future__ import annotations

import numpy as np
import pandas as pd

from dunnhumby_pipeline.orchestration.checks.verdict import Verdict
from dunnhumby_pipeline.segmentation.lifetime.status import StatusError, status_shares
from dunnhumby_pipeline.settings import CheckSettings

_ROUNDING = 1e-6
_NAMED = 3


def tables_agree(
    value_need: pd.DataFrame,
    status: pd.DataFrame,
    values: pd.DataFrame,
    segments: pd.DataFrame,
    profiles: pd.DataFrame,
    worth: pd.DataFrame,
    playbook: pd.DataFrame,
    settings: CheckSettings,
) -> Verdict:
    """A household has one value tier and stage, and a segment one name and one set of shares, in every table."""
    wrong = [
        text
        for name, table in (("household_value_need", value_need), ("customer_lifetime_value", values))
        if (text := _other_tiers(name, table, status))
    ]
    named = dict(zip(segments["segment"], segments["segment_name"], strict=True))
    if len(set(named.values())) < len(named) or segments.groupby("segment")["segment_name"].nunique().max() > 1:
        wrong.append("segments: two segments have one name, or one has two")
    for name, table in (("segment_profiles", profiles), ("segment_playbook", playbook)):
        told = dict(zip(table["segment"], table["segment_name"], strict=True))
        other = sorted(slug for slug, said in told.items() if named.get(slug) != said)
        if other:
            wrong.append(f"{name} has other names than segments: {', '.join(other[:_NAMED])}")
    for name, table, part in (
        ("segment_profiles", profiles, "value_tier"),
        ("segment_profiles", profiles, "lifecycle"),
        ("segment_lifetime_value", worth, "value_tier"),
    ):
        try:
            shares = status_shares(status, segments, part)
        except StatusError as error:
            wrong.append(str(error))
            break
        shares.index = shares.index.astype(str)
        found = table.set_index("segment").reindex(shares.index)[list(shares.columns)].astype("float64")
        off = shares.index[(np.abs(found - shares) > _ROUNDING).any(axis=1) | found.isna().any(axis=1)]
        if len(off):
            wrong.append(
                f"{name} has other shares by {part.replace('_', ' ')} than its households have in household_status: "
                f"{', '.join(off[:_NAMED])}"
            )
    metrics = {"n_households": len(status), "n_segments": len(named), "n_contradictions": len(wrong)}
    if wrong:
        return Verdict(False, f"{'; '.join(wrong)}: rebuild them together", metrics)
    return Verdict(
        True, f"{len(status):,} households and {len(named)} segments have one tier, stage and name each", metrics
    )


def _other_tiers(name: str, table: pd.DataFrame, status: pd.DataFrame) -> str:
    both = table[["household_key", "value_tier"]].merge(
        status[["household_key", "value_tier"]], on="household_key", how="outer", suffixes=("", "_status")
    )
    other = both[both["value_tier"].astype(object) != both["value_tier_status"].astype(object)]
    if other.empty:
        return ""
    some = ", ".join(str(key) for key in other["household_key"].head(_NAMED))
    return f"{name} has another value tier than household_status for {len(other):,} households, such as {some}"
