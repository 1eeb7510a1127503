"""Who is targeted, by what households have told of themselves."""

from __future__ import annotations

import pandas as pd

from dunnhumby_pipeline.contracts.names import TARGET, TEST
from dunnhumby_pipeline.report.grid import Grid, as_grid, cells
from dunnhumby_pipeline.report.section import Fold, Note, Section
from dunnhumby_pipeline.words import numbers
from dunnhumby_pipeline.words.features import QUESTIONS

TABLE = "decisions_by_demographics"
_ASKED = {"known": "Demographics", **QUESTIONS}
_TAIL = 0.05


def fairness_note(decisions: pd.DataFrame, n_listed: int) -> str:
    """Of how many households anything is known, and which groups are decided for otherwise beyond noise."""
    if decisions.empty:
        return "No household on the list has told anything of itself: whom the list favours cannot be seen."
    known = decisions[(decisions["attribute"] == "known") & (decisions["answer"] == "something known")]
    n_known = int(known["n_households"].iloc[0]) if len(known) else n_listed
    said = (
        f"{numbers.count(n_known)} of {numbers.count(n_listed)} households on the list have told something of "
        "themselves; of the others nothing of this can be said."
    )
    apart = decisions[(decisions["p_value"] < _TAIL) & (decisions["attribute"] != "known")]
    if apart.empty:
        return f"{said} No group is targeted, tested or left more often than the others beyond noise."
    # Of equal gaps the one in targets, which stands first.
    worst = apart.loc[apart["difference"].abs().round(9).sort_values(ascending=False, kind="stable").index[0]]
    groups = apart[["attribute", "answer"]].drop_duplicates()
    many = "1 group is" if len(groups) == 1 else f"{len(groups)} groups are"
    more = "more" if worst["difference"] > 0 else "less"
    gap = numbers.percent(abs(worst["difference"]))
    return (
        f"{said} {many} targeted, tested or left more or less often than the others beyond noise; the widest gap: "
        f"{_ASKED[worst['attribute']].lower()} {worst['answer']}, {worst['decision']} {gap} {more} often. What "
        "explains a gap (spend, habit) does not excuse it: weigh it before the list is sent."
    )


def fairness_rows(decisions: pd.DataFrame) -> Grid:
    """Each answer with the shares of its households that are targeted and tested, against all other answers."""
    rows = []
    for (attribute, answer), own in decisions.groupby(["attribute", "answer"], sort=False):
        by_decision = own.set_index("decision")
        target = by_decision.loc[TARGET]
        rows.append(
            cells(
                _ASKED[str(attribute)],
                str(answer),
                numbers.count(target["n_households"]),
                *(_share(by_decision.loc[decision]) for decision in (TARGET, TEST)),
                _gap(target),
                _gap(by_decision.loc[TEST]),
            )
        )
    headers = (
        "Question|Answer|Households|Target|Test|Target, against the others (points)|Test, against the others (points)"
    )
    return as_grid(headers, rows, {2, 3, 4, 5, 6})


def _share(row: pd.Series) -> str:
    return f"{numbers.percent(row['share'])} ({numbers.percent(row['ci_lower'])} to {numbers.percent(row['ci_upper'])})"


def _gap(row: pd.Series) -> str:
    points = [100 * row[name] for name in ("difference", "difference_lower", "difference_upper")]
    told = f"{numbers.signed(points[0])} ({numbers.signed(points[1])} to {numbers.signed(points[2])})"
    return f"{told}, beyond noise" if row["p_value"] < _TAIL else told


PARTS = (
    Note(
        "fairness_note",
        lambda tables, settings: fairness_note(tables[TABLE], len(tables["targeting_list"])),
        (TABLE, "targeting_list"),
    ),
    Fold(
        "Who is targeted, by demographic group",
        (
            Section(
                TABLE,
                "Decisions by what households told of themselves",
                (TABLE,),
                "Shares of those on the list who gave the answer, and how far they lie from those who gave another. "
                "Who is neither targeted nor tested is left. 'Beyond noise' allows for the number of comparisons.",
                rows=lambda tables, settings: fairness_rows(tables[TABLE]),
                needs_rows=True,
            ),
        ),
    ),
)
