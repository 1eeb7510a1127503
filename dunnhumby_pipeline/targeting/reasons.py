"""Why each household's decision is what it is, in words, with the number that decides."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dunnhumby_pipeline.causal.overlap.positivity import Region
from dunnhumby_pipeline.contracts.names import FIRST_CONTACT, LEAVE, TEST
from dunnhumby_pipeline.words.numbers import percent, price, whole_dollars

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
NOT_SEEN = "no purchase in the look-back: nothing to base an effect on"


@dataclass(frozen=True)
class Case:
    """What is true of n households: `known` whether they bought in the look-back, `first` whether it would be their
    first contact of the type, `supported`, the policy's `weight`, whether they are a `target`, and whether there is
    `no_test` for them; `no_repeat`: why nothing is known of a repeat."""

    known: Mask
    first: Mask
    supported: Mask
    weight: Array
    target: Mask
    no_test: Mask
    no_repeat: str | None


def reasons(
    frame: pd.DataFrame, groups: pd.DataFrame, place: NDArray[np.int64], case: Case, overlap: Region
) -> pd.Series:
    """The reason (n,) of each row of `frame`: propensity, over, days_since_last. `place` (n,): the row of its group in
    `groups`; `overlap`: of the trials of a first contact.

    What is said of a group is written once, whatever its size.
    """
    about, test = _about(groups), _test(groups)
    decision = groups["decision"].to_numpy(dtype=object)[place]
    told = np.full(len(frame), NOT_SEEN, dtype=object)
    beyond = case.known & ~case.supported
    if beyond.any():
        cost = price(groups["contact_cost"].iloc[0])
        ending = np.where(
            case.no_test[beyond], f", and no test is worth what it costs at {cost} a contact", ": test it"
        )
        told[beyond] = _unsupported(frame[beyond], case.first[beyond], case.no_repeat, overlap) + ending
    endings = [
        (decision == LEAVE, about + "; " + test),
        (decision == TEST, about + "; " + test + ": test it"),
        (case.target, about),
        (case.weight == 0, about + "; the policy passes it over"),
        (case.weight < 1, about + "; no ranking tells it from others, of whom the policy draws some by lot: test it"),
        (case.supported, about + "; that the policy gains is not proven: test it"),
    ]
    left = case.supported.copy()
    for holds, words in endings:
        rows = left & holds
        told[rows] = words.to_numpy(dtype=object)[place[rows]]
        left &= ~rows
    return pd.Series(told, index=frame.index, dtype="str")


def _unsupported(rows: pd.DataFrame, first: Mask, no_repeat: str | None, overlap: Region) -> pd.Series:
    """Why nothing is known of a contact with these households."""
    propensity = rows["propensity"].to_numpy(dtype=float)
    # Trials of a repeat have a region of their own; on which side of it a household lies is plain.
    low = np.where(first, propensity < overlap.lowest, propensity < 0.5)
    arm = np.where(low, "got ", "went without ")
    contact = np.where(first, "the campaign", "a repeat")
    said = pd.Series(arm, index=rows.index) + contact + " (propensity " + rows["propensity"].map("{:.2f}".format)
    unlike = np.where(first, "", "contacted before; ") + ("hardly any household like it " + said)
    unlike = unlike + "), so its effect is not known"
    if no_repeat is not None:
        return unlike.where(first, f"contacted before, and the effect of a repeat is not known ({no_repeat})")
    running = ~first & ~rows["over"].eq(True).to_numpy()
    days = rows["days_since_last"].map(lambda n: "" if pd.isna(n) else f"{int(n)} ")
    since = "last contacted " + days + "days ago, by a campaign that is not over: a repeat is not known to pay"
    return unlike.where(~running, since)


def _about(own: pd.DataFrame) -> pd.Series:
    """'71% likely to pay: $3.72 a contact after its cost of $1.00 (-$13.05 to $20.48)'."""
    chance = own["probability_pays_calibrated"].map(percent)
    profit, lower, upper, cost = (
        own[name].map(price) for name in ("expected_profit", "calibrated_lower", "calibrated_upper", "contact_cost")
    )
    said = chance + " likely to pay: " + profit + " a contact after its cost of " + cost
    said = said + " (" + lower + " to " + upper + ")"
    return said.where(own["contact"] == FIRST_CONTACT, "contacted before; a repeat is " + said)


def _test(own: pd.DataFrame) -> pd.Series:
    worth, paid = own["value_of_test"].map(whole_dollars), own["cost_of_test"].map(whole_dollars)
    said = "a test of " + own["test_households"].map("{:,}".format) + " is worth " + worth + " and costs " + paid
    return said.where(own["value_of_test"].notna(), "too few of them for a test")
