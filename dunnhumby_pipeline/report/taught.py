"""What experiments on the campaign type have taught, where decisions rest on them: of that the answer begins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import pandas as pd

from dunnhumby_pipeline.words import numbers

TaughtState = Literal["pays", "loses", "not proven"]
_STATES: dict[str, TaughtState] = {"target": "pays", "leave": "loses", "test": "not proven"}
_MEANING = {
    "target": "Contact such households, by experiment and study together",
    "leave": "Do not contact such households, by experiment and study together",
    "test": "Not proven yet, by experiment and study together: another test is worth its cost, or none is so far",
}
_NEXT = {"deploy": "deploy", "refine": "refine, by another test", "stop": "stop"}


@dataclass(frozen=True)
class Taught:
    """What is decided after experiments, for the answer's headline, and the point that says what they found."""

    state: TaughtState
    headline: str
    found: str


def taught(break_even: pd.DataFrame | None, experiment_result: pd.DataFrame | None) -> Taught | None:
    """What experiments taught; None where decisions rest on none."""
    if break_even is None or experiment_result is None or experiment_result.empty:
        return None
    used = break_even.loc[break_even["used"].astype(bool)]
    if used.empty or not used.iloc[0]["n_experiments"] > 0:
        return None
    row, last = used.iloc[0], experiment_result.iloc[-1]
    believed = numbers.interval(
        row["break_even_contact_cost"], row["break_even_calibrated_lower"], row["break_even_calibrated_upper"], "$"
    )
    decision = str(row["decision"])
    headline = (
        f"{_MEANING[decision]}: a contact at {numbers.price(row['contact_cost'])} adds {believed} of profit per "
        f"household before its cost, and pays with a chance of {numbers.percent(row['probability_pays_calibrated'])}"
    )
    many = "One experiment was read back." if row["n_experiments"] == 1 else f"{row['n_experiments']} were read back."
    found = (
        f"{many} The last, of {numbers.count(last['n_contacted'])} households contacted and "
        f"{numbers.count(last['n_held_out'])} held out, found {numbers.price(last['effect'])} per household (standard "
        f"error {numbers.price(last['effect_se'])}), where the study had said {numbers.price(last['study_effect'])}. "
        f"What followed: {_NEXT[str(last['next_step'])]}."
    )
    return Taught(_STATES[decision], headline, found)
