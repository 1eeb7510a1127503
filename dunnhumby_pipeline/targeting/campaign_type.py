"""Which campaign type a household is contacted by, where several are studied: one contact per household and round.

Every type decides for itself, by its own trials. Of the types that would contact a household, a proven gain goes before
a test; of proven gains the larger profit per contact is taken, of tests the one that is worth more over its cost per
household whom it decides. A household on the list of another type is left to it. All types see the same decisions, so
that no two leave a household to each other.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dunnhumby_pipeline.contracts.names import LEAVE, TARGET, TEST
from dunnhumby_pipeline.words.numbers import price

Array = NDArray[np.float64]
COLUMNS = ["campaign_type_best", "profit_by_type"]
# A decision of one type: what the others read of it.
DECISION = [
    "household_key",
    "decision",
    "contact",
    "group",
    "in_overlap",
    "expected_profit",
    "expected_profit_lower",
    "expected_profit_upper",
    "probability_pays",
    "net_of_test",
    "contact_cost",
    "as_of_day",
]


def household_decisions(
    decided: pd.DataFrame, groups: pd.DataFrame, contact_cost: float, as_of_day: int
) -> pd.DataFrame:
    """What a type decides for each household before others are heard (columns `DECISION`, by household).

    `decided`: the list of `recommendations.targeting_list`; `groups`: the table decision_groups. `net_of_test`: what
    the test of its group is worth over its cost, $ per household whom it decides; null without a group or a test.
    """
    net = (groups["value_of_test"] - groups["cost_of_test"]) / groups["n_decided"].where(groups["n_decided"] > 0)
    by_group = dict(zip(groups["group"], net, strict=True))
    worth = decided["group"].map(by_group).astype(float)
    frame = decided.assign(net_of_test=worth, contact_cost=contact_cost, as_of_day=as_of_day)
    return frame.sort_values("household_key", ignore_index=True)[DECISION]


def choose_types(
    targeting_list: pd.DataFrame, own: str, decisions: Mapping[str, pd.DataFrame], types_per_round: int
) -> pd.DataFrame:
    """The list of the type `own` with `COLUMNS`, where households are left that other types contact.

    `decisions`: the table household_decisions by type, that of `own` among them; a household that a type does not know
    is left by it. campaign_type_best: the type of the highest expected profit per contact among those with comparable
    households; null without any. `types_per_round`: most types that may contact a household in a round.
    """
    names = sorted(decisions)
    keys = targeting_list["household_key"]
    tables = {name: decisions[name].set_index("household_key").reindex(keys) for name in names}
    profit = _matrix(tables, "expected_profit")
    decided = np.column_stack([tables[name]["decision"].to_numpy(dtype=object) for name in names])
    net = np.nan_to_num(_matrix(tables, "net_of_test"), nan=-np.inf)
    rank = np.where(decided == TARGET, 2, np.where(decided == TEST, 1, 0))
    worth = np.where(rank == 2, profit, np.where(rank == 1, net, -np.inf))
    mine = names.index(own)
    before = (rank > rank[:, [mine]]) | ((rank == rank[:, [mine]]) & (worth > worth[:, [mine]]))
    # Of types that are worth the same the first by name contacts.
    tied = (rank == rank[:, [mine]]) & (worth == worth[:, [mine]]) & (np.arange(len(names)) < mine)
    ahead = (before | tied) & (rank > 0)
    left = (rank[:, mine] > 0) & (ahead.sum(axis=1) >= types_per_round)
    frame = targeting_list.assign(
        campaign_type_best=_best(names, profit), profit_by_type=_in_words(names, profit, keys.index)
    )
    if left.any():
        first = np.where(ahead, rank * 1e12 + np.where(np.isfinite(worth), worth, -1e9), -np.inf).argmax(axis=1)
        why = [
            _left_to(names[other], rank[row, other], worth[row, other], rank[row, mine], worth[row, mine])
            for row, other in zip(np.flatnonzero(left), first[left], strict=True)
        ]
        frame.loc[left, "reason"] = why
        frame.loc[left, "decision"] = LEAVE
    return frame


def _matrix(tables: Mapping[str, pd.DataFrame], column: str) -> Array:
    return np.column_stack([table[column].to_numpy(dtype=float) for table in tables.values()])


def _best(names: list[str], profit: Array) -> NDArray[np.object_]:
    known = np.isfinite(profit).any(axis=1)
    place = np.where(np.isfinite(profit), profit, -np.inf).argmax(axis=1)
    chosen = np.array([None, *names], dtype=np.object_)
    return chosen[np.where(known, place + 1, 0)]


def _in_words(names: list[str], profit: Array, index: pd.Index) -> pd.Series:
    """'TypeA $1.41; TypeB $0.20', of the types with comparable households; null without any."""
    said = pd.Series("", index=index, dtype="str")
    for name, column in zip(names, profit.T, strict=True):
        values = pd.Series(column, index=index)
        known = values.notna()
        words = name + " " + values[known].map({value: price(value) for value in values[known].unique()})
        said[known] = said[known].where(said[known] == "", said[known] + "; ") + words
    return said.where(said != "")


def _left_to(other: str, rank: int, worth: float, own_rank: int, own: float) -> str:
    if rank == 2:
        here = f"{price(own)} here" if own_rank == 2 else "a gain not proven here"
        return f"{other} is proven to pay, {price(worth)} a contact, against {here}: leave it to {other}"
    here = "one not priced" if not np.isfinite(own) else price(own)
    gain = f"a test of {other} is worth {price(worth)} per household over its cost"
    return f"{gain}, against {here} here: leave it to {other}"
