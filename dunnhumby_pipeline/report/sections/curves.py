"""Value by share targeted and by caution, what policies bring in all, and how stable the policy tree is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from dunnhumby_pipeline.report.answer import chosen_policy
from dunnhumby_pipeline.report.grid import Grid, as_grid, cells
from dunnhumby_pipeline.report.section import Fold, Note, Section
from dunnhumby_pipeline.report.tables import StudyTables
from dunnhumby_pipeline.settings import Settings
from dunnhumby_pipeline.words import features, numbers, terms

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_WEIGHTS = 101
_NO_ORDER = (
    "No curve is drawn: under one effect for all there is no order of households, nor anything to be cautious about, "
    "and a share of them, drawn by lot, is worth that share of what all of them are worth."
)


def refits_said(tables: StudyTables, settings: Settings) -> str:
    """How often refits of the tree ask and decide as it does, in a sentence or two."""
    refits = tables["tree_refits"]
    n = len(refits)
    asked = pd.concat([refits[name] for name in ("root", "below_yes", "below_no")], axis=1)
    shares = asked.stack().groupby(level=0).unique().explode().value_counts() / n
    most = "; ".join(
        f"{features.covariate(str(name))} in {numbers.percent(share)}" for name, share in shares.head(3).items()
    )
    churn = 1 - refits["agreement"]
    low, high = churn.quantile([0.025, 0.975])
    asks = f"They ask most often about {most}." if most else "None asks a question."
    often = (
        f"{numbers.percent(churn.mean())} of the others otherwise ({numbers.percent(low)} to {numbers.percent(high)}"
    )
    return (
        f"Searched again in {numbers.count(n)} bootstraps of its households, the tree decides {often} in 95% of them). "
        f"{asks}"
    )


def tree_rows(certified_policies: pd.DataFrame) -> Grid:
    """Each method's value, and what it is above our tree."""
    rows = [
        cells(
            terms.policy(row["policy"]),
            numbers.percent(row["share_targeted"]),
            numbers.interval(row["value"], row["ci_lower"], row["ci_upper"], "$"),
            numbers.interval(row["difference"], row["difference_lower"], row["difference_upper"], "$")
            if numbers.is_number(row["difference"])
            else "reference",
            numbers.percent(row["agreement"]),
        )
        for _, row in certified_policies.iterrows()
    ]
    headers = "Method|Share targeted|Honest value (interval)|Less the policy tree (interval)|Decided alike"
    return as_grid(headers, rows, {1, 2, 3, 4})


def in_all_rows(policy_in_all: pd.DataFrame) -> Grid:
    """Per household and in all, over the trials and carried to the households of today."""
    rows = []
    for _, row in policy_in_all.iterrows():
        onto = "households of today, carried by weights" if row["carried"] else "trials in overlap"
        rows.append(
            cells(
                terms.policy(row["policy"]),
                f"{numbers.count(row['n_households'])} {onto}",
                numbers.interval(row["value"], row["ci_lower"], row["ci_upper"], "$"),
                numbers.interval(row["total"], row["total_lower"], row["total_upper"], "$"),
            )
        )
    return as_grid("Policy|Over|$ per household (interval)|$ in all (interval)", rows, {2, 3})


def carried_said(tables: StudyTables, settings: Settings) -> str:
    """What the carried values rest on; nothing where none is carried."""
    carried = tables["policy_in_all"].loc[lambda frame: frame["carried"].astype(bool)]
    if carried.empty:
        return "Too few households of today have support for values to be carried to them."
    row, n = carried.iloc[0], tables["policy_in_all"]["n_households"].iloc[0]
    worth = f"{numbers.count(row['effective_trials'])} of {numbers.count(n)} trials"
    return (
        "Values carried to today are flagged: households of today differ from those of the trials, and the weights "
        f"that make them alike leave the worth of {worth} and "
        f"differences of up to {numbers.number(row['largest_difference'], 2)} standard deviations. Errors take the "
        "weights as given; no decision rests on them."
    )


def _note(tables: StudyTables, settings: Settings) -> str:
    if tables["roi_curve"].empty:
        return _NO_ORDER
    free = "" if _has(tables, "roi") else " Contacts cost nothing here, so that there is no return on what is spent."
    return (
        "How well the order of households by effect does, on households that the models did not see. The pale band "
        f"holds for all shares at once.{free}"
    )


def _has(tables: StudyTables, curve: str) -> bool:
    return bool((tables["roi_curve"]["curve"] == curve).any())


def _draw(tables: StudyTables, curve: str) -> Figure:
    from dunnhumby_pipeline.figures.campaign import targeting

    chosen = chosen_policy(tables.get("policy_value"))
    share = None if chosen is None else float(chosen["share_targeted"])
    return targeting.roi_curve(tables["roi_curve"], curve, share)


def _alt(tables: StudyTables, curve: str) -> str:
    rows = tables["roi_curve"].query("curve == @curve").sort_values("share_targeted")
    best, last = rows.loc[rows["value"].idxmax()], rows.iloc[-1]
    said = [
        f"{numbers.percent(row['share_targeted'])} "
        f"{numbers.interval(row['value'], row['band_lower'], row['band_upper'], '$')}"
        for row in (best, last)
    ]
    return f"Highest at {said[0]}, by the band for all shares; at {said[1]}."


def frontier(policy_value: pd.DataFrame) -> pd.DataFrame:
    """The policies that compete, with `best_from`: the least weight, 0 to 1, from which (1 - weight) x value + weight x
    lower end of its interval is the highest of all; null of a policy that never is. Of equals the first is.
    """
    rivals = policy_value.loc[policy_value["share_best"].notna()].reset_index(drop=True)
    weights = np.linspace(0, 1, _WEIGHTS)
    value, lower = rivals["value"].to_numpy(dtype=float), rivals["ci_lower"].to_numpy(dtype=float)
    winners = (np.outer(1 - weights, value) + np.outer(weights, lower)).argmax(axis=1)
    first = {int(place): float(weights[np.argmax(winners == place)]) for place in np.unique(winners)}
    return rivals.assign(best_from=pd.Series(rivals.index.map(first), dtype="float64"))


def _frontier(tables: StudyTables, settings: Settings) -> Figure:
    from dunnhumby_pipeline.figures.campaign import targeting

    return targeting.risk_frontier(frontier(tables["policy_value"]))


def _frontier_alt(tables: StudyTables, settings: Settings) -> str:
    best = frontier(tables["policy_value"]).dropna(subset=["best_from"]).sort_values("best_from")
    return "Best by the weight of the lower end of the value's interval: " + "; ".join(
        f"from {numbers.number(row['best_from'], 2)} {terms.policy(row['policy'])}, "
        f"{numbers.interval(row['value'], row['ci_lower'], row['ci_upper'], '$')}"
        for _, row in best.iterrows()
    )


def _curve(name: str, curve: str, title: str, caption: str) -> Section:
    return Section(
        name,
        title,
        ("roi_curve",),
        caption,
        lambda tables, settings: _draw(tables, curve),
        lambda tables, settings: _alt(tables, curve),
        beside=("policy_value",),
        needs_rows=True,
        needs=lambda tables: _has(tables, curve),
    )


CURVES = Fold(
    "By share of households targeted, and by caution",
    (
        Note("roi_note", _note, ("roi_curve",)),
        _curve(
            "roi",
            "profit",
            "Value by share of households targeted",
            "Where the band includes zero, a gain is not certain. Above the dashed line, the order of households earns "
            "more than targeting as many at random.",
        ),
        _curve(
            "qini_with_costs",
            "qini",
            "Gross profit by what is spent on contacts",
            "The Qini curve with costs: above the solid line contacts bring more than they cost.",
        ),
        _curve(
            "return_on_contacts",
            "roi",
            "Return by share of households targeted",
            "Profit per $ spent on contacts; of a few households it is hardly known.",
        ),
        Section(
            "risk_frontier",
            "What caution costs",
            ("roi_curve", "policy_value"),
            "Policies that are best when the lower end of the value's interval counts as much as the weight says: 0 is "
            "the value alone, 1 its lower end. Grey: policies that another beats at every weight.",
            _frontier,
            _frontier_alt,
            needs_rows=True,
        ),
    ),
)
