"""What the study could not have seen: the spread of effects that its tests would have missed."""

from __future__ import annotations

import pandas as pd

from dunnhumby_pipeline.contracts.names import GROSS_PROFIT
from dunnhumby_pipeline.words import numbers, terms

_SEARCH = "reduced"


def unseen(detectable_spread: pd.DataFrame | None) -> str:
    """A sentence beside "not proven": the spread under which effects that differ would go unseen here; empty where
    that is not known."""
    if detectable_spread is None:
        return ""
    rows = detectable_spread.loc[
        (detectable_spread["test"] == "proven")
        & (detectable_spread["shape"] == "all")
        & (detectable_spread["procedure"] == _SEARCH)
    ].set_index("outcome")
    if GROSS_PROFIT not in rows.index:
        return ""
    row = rows.loc[GROSS_PROFIT]
    if not numbers.is_number(row["spread"]):
        planted = terms.outcome_amount(GROSS_PROFIT, row["largest_planted"])
        share = numbers.percent(row["largest_share"])
        return f"Even a spread of effects of {planted} in gross profit would be found in {share} of cases only."
    others = [
        f"about {terms.outcome_amount(str(name), other['spread'])} on {terms.outcome(str(name))[0].lower()}"
        for name, other in rows.iterrows()
        if name != GROSS_PROFIT and numbers.is_number(other["spread"])
    ]
    beside = f" ({'; '.join(others)})" if others else ""
    least = terms.outcome_amount(GROSS_PROFIT, row["spread"])
    return (
        f"A spread of effects under {least} in gross profit{beside}, as a standard deviation between households, would "
        "go unseen here: it is found less than four times in five."
    )
