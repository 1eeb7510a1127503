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
    first contact of the type, `supported`, the policy's `weight`, whether they are a `target`; `no_repeat`: why
    nothing is known of a repeat."""

    known: Mask
    first: Mask
    supported: Mask
    weight: Array
    target: Mask
    no_repeat: str | None


def reasons(
    frame: pd.DataFrame, groups: pd.DataFrame, place: NDArray[np.int64], case: Case, overlap: Region
) -> pd.Series:
    """The reason (n,) of each row of `frame`: propensity, over, days_since_last. `place` (n,): the row of its group in
    `groups`; `overlap`: of the trials of a first contact.
    """
    # In words once per group, however many households it has.
    about, test = (words.iloc[place].set_axis(frame.index) for words in (_about(groups), _test(groups)))
    own = groups.iloc[place]
    low = frame["propensity"].to_numpy(dtype=float) < overlap.lowest
    # Trials of a repeat have a region of their own; on which side of it a household lies is plain.
    low = np.where(case.first, low, frame["propensity"].to_numpy(dtype=float) < 0.5)
    alike = np.where(low, "got the campaign", "went without the campaign")
    unlike = "hardly any household like it " + pd.Series(alike, index=frame.index)
    unlike = unlike + " (propensity " + frame["propensity"].map("{:.2f}".format) + "), so its effect is not known"
    days = frame["days_since_last"].map(lambda n: "an unknown number of" if pd.isna(n) else f"{int(n)}")
    running = "last contacted " + days + " days ago, by a campaign that is not over: a repeat is not known to pay"
    unsupported = np.select(
        [case.first, np.full(len(frame), case.no_repeat is not None), ~frame["over"].eq(True).to_numpy()],
        [unlike, f"contacted before, and the effect of a repeat is not known ({case.no_repeat})", running],
        "contacted before; " + unlike.str.replace("the campaign", "a repeat"),
    )
    decision = own["decision"].to_numpy()
    reason = np.select(
        [
            ~case.known,
            ~case.supported,
            decision == LEAVE,
            decision == TEST,
            case.target,
            case.weight == 0,
            case.weight < 1,
        ],
        [
            NOT_SEEN,
            pd.Series(unsupported, index=frame.index) + ": test it",
            about + "; " + test,
            about + "; " + test + ": test it",
            about,
            about + "; the policy passes it over",
            about + "; no ranking tells it from others, of whom the policy draws some by lot: test it",
        ],
        about + "; that the policy gains is not proven: test it",
    )
    return pd.Series(reason, index=frame.index, dtype="str")


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
