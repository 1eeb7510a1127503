"""A few of the targets, drawn by lot, are not contacted: without them nobody could say what the campaign did."""

from __future__ import annotations

import numpy as np
import pandas as pd

from dunnhumby_pipeline.contracts.names import CONTACT, HOLD_OUT, TARGET
from dunnhumby_pipeline.targeting.draws import systematic
from dunnhumby_pipeline.words.numbers import percent


def hold_out(listed: pd.DataFrame, share: float, seed: int) -> pd.DataFrame:
    """The list with an arm for every target, and null for all others: contact, or hold out for a `share` of them, the
    same share in every segment to within one household; and arm_probability, the chance it had of that arm.

    Drawn over the households in order of their keys, so that neither the order of the list nor the number of threads
    decides. Of so few targets that `share` of them is less than one, the lot decides whether one is held out.
    """
    targets = listed.loc[listed["decision"] == TARGET].sort_values("household_key")
    held = systematic(targets["segment"].astype(str), share, np.random.default_rng(seed))
    arm = pd.Series(np.where(held, HOLD_OUT, CONTACT), index=targets.index, dtype=object)
    chance = pd.Series(np.where(held, share, 1 - share), index=targets.index, dtype=float)
    reason = listed["reason"].copy()
    kept = targets.index[held]
    reason.loc[kept] += f"; held out by lot ({percent(share)}), to measure what the campaign does"
    return listed.assign(
        reason=reason,
        arm=arm.reindex(listed.index).astype("str").where(listed["decision"] == TARGET, None),
        arm_probability=chance.reindex(listed.index),
    )
