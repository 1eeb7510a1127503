"""Whom a test decides, and what is believed of them before it.

A test decides the households that it draws from: those that the list says to test, whether the study has comparable
ones for them or not. It is the one count behind the value of a test (`information.Stakes`), the design of the
experiment and its assignment.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from dunnhumby_pipeline.causal.doubts.bias_allowance import BiasAllowance
from dunnhumby_pipeline.contracts.names import FIRST_CONTACT, TEST
from dunnhumby_pipeline.targeting.dial import ProfitEffect
from dunnhumby_pipeline.targeting.lessons import Found


def decided_by_test(targeting_list: pd.DataFrame) -> pd.DataFrame:
    """The rows of the list whose households a test would decide."""
    return targeting_list.loc[targeting_list["decision"] == TEST]


def effect_tested(
    targeting_list: pd.DataFrame,
    decision_groups: pd.DataFrame,
    allowance: BiasAllowance,
    found: tuple[Found, ...] = (),
) -> ProfitEffect:
    """The effect of a contact on the households to be tested, on profit before its cost, as the study believes it: the
    mean over their groups, each counted by its households to be tested.

    Groups have trials of their own, so that their errors are taken to be independent; what is systematic in them is
    taken to be the same (`allowance`, $ of profit). Of households without a group, as those contacted before where
    nothing is known of a repeat, it is that of the others; where none has a group, that of first contacts. `found`: by
    earlier experiments.
    """
    groups = decision_groups.set_index("group")
    counts = decided_by_test(targeting_list)["group"].dropna().astype("int64").value_counts()
    weight = counts.reindex(groups.index, fill_value=0).astype(float)
    if not weight.any():
        weight = groups["n_trials"].where(groups["contact"] == FIRST_CONTACT, 0).astype(float)
    share = (weight / weight.sum()).to_numpy()
    effect, se, variance = (groups[name].to_numpy() for name in ("effect", "effect_se", "outcome_variance"))
    return ProfitEffect(
        float(share @ effect), float(np.sqrt(share**2 @ se**2)), float(share @ variance), allowance, found
    )
