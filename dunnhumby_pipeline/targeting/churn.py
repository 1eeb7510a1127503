"""How far a list differs from an earlier one, household by household."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from dunnhumby_pipeline.contracts.names import TARGET

COLUMNS = [
    "against",
    "version",
    "n_households",
    "n_new",
    "n_gone",
    "n_changed",
    "share_changed",
    "n_became_target",
    "n_no_longer_target",
    "n_other_arm",
]
# What of a list is kept to hold the next one against.
KEPT = ["household_key", "decision", "arm", "suppression"]


def churn(listed: pd.DataFrame, before: pd.DataFrame) -> dict[str, Any]:
    """What changed from the list `before` to `listed`: numbers of households, and the share of those on both lists
    whose decision is another. Both have `KEPT`. The share is null where the lists share no household.
    """
    both = listed[KEPT].merge(before[KEPT], on="household_key", how="outer", suffixes=("", "_before"), indicator=True)
    shared = both.loc[both["_merge"] == "both"]
    now, then = shared["decision"] == TARGET, shared["decision_before"] == TARGET
    changed = int((shared["decision"] != shared["decision_before"]).sum())
    arms = shared.loc[now & then]
    return {
        "n_households": len(shared),
        "n_new": int((both["_merge"] == "left_only").sum()),
        "n_gone": int((both["_merge"] == "right_only").sum()),
        "n_changed": changed,
        "share_changed": changed / len(shared) if len(shared) else np.nan,
        "n_became_target": int((now & ~then).sum()),
        "n_no_longer_target": int((then & ~now).sum()),
        "n_other_arm": int((arms["arm"] != arms["arm_before"]).sum()),
    }
