"""The list after experiments on its campaign type were read back: what they found decides, beside the study.

A household's group has a belief that rests on the study and on experiments (table decision_groups). Then the policy,
which was fitted to the study alone, no longer decides, nor whether its value was proven: the group's decision does. It
also decides for households to be tested that the study could say nothing of, for want of comparable ones in both arms
or as they had received the type before: the experiment randomised such households, and so has both arms of them.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from dunnhumby_pipeline.contracts.names import TEST
from dunnhumby_pipeline.targeting.groups import group_edges
from dunnhumby_pipeline.words.numbers import percent, price, whole_dollars

STUDY, EXPERIMENT = "study", "experiment"


def after_experiments(targeting_list: pd.DataFrame, groups: pd.DataFrame) -> pd.DataFrame:
    """The list with `decided_by` (study or experiment), decided anew where the belief of a household's group
    (`groups`: the table decision_groups) rests on an experiment.

    Decisions, reasons, chances and expected profits of other households stay. Households without an effect, and those
    that were left or targeted by more than their group, such as for an opt-out, stay too.
    """
    frame = targeting_list.assign(decided_by=STUDY)
    groups = groups.sort_values("group").reset_index(drop=True)
    if not (groups["n_experiments"] > 0).any():
        return frame
    effect = frame["cate"].to_numpy(dtype=float)
    place = np.minimum(np.searchsorted(group_edges(groups), effect, side="right"), len(groups) - 1)
    own = groups.iloc[place].set_index(frame.index)
    open_to_it = frame["group"].notna() | (frame["decision"] == TEST)
    learnt = frame["cate"].notna() & open_to_it & (own["n_experiments"] > 0)
    moved = own["expected_profit"] + own["contact_cost"] - own["study_effect"]
    told = {
        "decision": own["decision"],
        "decided_by": EXPERIMENT,
        "probability_pays": own["probability_pays_calibrated"],
        "expected_profit": frame["expected_profit"] + moved,
        "reason": _reasons(own),
    }
    for name, values in told.items():
        frame[name] = frame[name].mask(learnt, values)
    return frame.sort_values(
        ["expected_profit", "household_key"], ascending=[False, True], na_position="last", ignore_index=True
    )


def _reasons(own: pd.DataFrame) -> pd.Series:
    many = own["n_experiments"].map(lambda n: "a randomised experiment" if n == 1 else f"{n} randomised experiments")
    profit, lower, upper, cost = (
        own[name].map(price) for name in ("expected_profit", "calibrated_lower", "calibrated_upper", "contact_cost")
    )
    said = "after " + many + " such households are expected to bring " + profit + " at " + cost + " a contact ("
    said = said + lower + " to " + upper + "), which pays with a chance of "
    said = said + own["probability_pays_calibrated"].map(percent)
    worth, paid = own["value_of_test"].map(whole_dollars), own["cost_of_test"].map(whole_dollars)
    further = "; another test of " + own["test_households"].map("{:,}".format) + " is worth " + worth + " and costs "
    further = (further + paid).where(own["value_of_test"].notna(), "; too few of them for another test")
    return said + further.where(own["decision"] == TEST, "")
