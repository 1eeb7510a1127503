"""The list after experiments on its campaign type were read back: what they found decides, beside the study.

A household's group has a belief that rests on the study and on experiments (table decision_groups). Then the policy,
which was fitted to the study alone, no longer decides, nor whether its value was proven: the group's decision does. It
also decides for households to be tested that the study could say nothing of, for want of comparable ones in both arms
or as they had received the type before: the experiment randomised such households, and so has both arms of them.
"""

from __future__ import annotations

import pandas as pd

from dunnhumby_pipeline.contracts.names import FIRST_CONTACT, TEST
from dunnhumby_pipeline.words.numbers import percent, price, whole_dollars

STUDY, EXPERIMENT = "study", "experiment"


def after_experiments(targeting_list: pd.DataFrame, groups: pd.DataFrame) -> pd.DataFrame:
    """The list with `decided_by` (study or experiment), decided anew where the belief of a household's group
    (`groups`: the table decision_groups) rests on an experiment.

    Decisions, reasons, chances and expected profits of other households stay, as do those of households that bought
    nothing in the look-back.
    """
    frame = targeting_list.assign(decided_by=STUDY)
    if not (groups["n_experiments"] > 0).any():
        return frame
    first = groups.loc[groups["contact"] == FIRST_CONTACT, "group"]
    decides = frame["group"].astype("Int64")
    if len(first) == 1:
        # Of a repeat nothing was known; the experiment randomised such households together with the others.
        decides = decides.fillna(int(first.iloc[0]))
    known = decides.notna() & (frame["group"].notna() | (frame["decision"] == TEST))
    by_group = groups.set_index("group")
    own = by_group.assign(reason=_reasons(by_group)).loc[decides[known]].set_index(frame.index[known])
    own = own.loc[own["n_experiments"] > 0]
    told = {
        "decision": own["decision"],
        "decided_by": pd.Series(EXPERIMENT, index=own.index),
        "probability_pays": own["probability_pays_calibrated"],
        "expected_profit": own["expected_profit"],
        "expected_profit_lower": own["calibrated_lower"],
        "expected_profit_upper": own["calibrated_upper"],
        "group": decides[own.index],
        "reason": own["reason"],
    }
    for name, values in told.items():
        frame.loc[own.index, name] = values
    order = ["expected_profit", "cate", "household_key"]
    return frame.sort_values(order, ascending=[False, False, True], na_position="last", ignore_index=True)


def _reasons(own: pd.DataFrame) -> pd.Series:
    """What is said of each group: written once, whatever its size."""
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
