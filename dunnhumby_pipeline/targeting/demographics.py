"""Whether the list decides alike for households that tell different things of themselves."""

from __future__ import annotations

import pandas as pd

from dunnhumby_pipeline.causal.effects.differences import holm
from dunnhumby_pipeline.contracts import schema
from dunnhumby_pipeline.contracts.frames import without_rows
from dunnhumby_pipeline.contracts.names import LEAVE, TARGET, TEST
from dunnhumby_pipeline.contracts.registry import table

KNOWN = "known"
_DECISIONS = (TARGET, TEST, LEAVE)
_ATTRIBUTES = tuple(column.name for column in schema.DEMOGRAPHICS.columns if column is not schema.HOUSEHOLD)


def decisions_by_demographics(listed: pd.DataFrame, demographics: pd.DataFrame, confidence: float) -> pd.DataFrame:
    """A row per attribute, answer and decision: how many households with this answer are so decided, and how that
    differs from those with another answer to the same question.

    `listed`: household_key, decision; `demographics`: the canonical table. Households that have not answered a question
    count for none of its answers; 'known' divides all by whether they answered any. Shares have Wilson's interval,
    differences Newcombe's (1998, method 10); p-values are Fisher's, by Holm (1979) over the table. A question with one
    answer compares nothing and has no row; without demographics the table is empty.
    """
    frame = listed[["household_key", "decision"]].merge(demographics, on="household_key", how="left")
    told = frame[list(_ATTRIBUTES)].notna().any(axis=1)
    frame[KNOWN] = told.map({True: "something known", False: "nothing known"})
    rows = [row for attribute in (KNOWN, *_ATTRIBUTES) for row in _answers(frame, attribute, confidence)]
    if not rows:
        return without_rows(table("decisions_by_demographics"))
    found = pd.DataFrame(rows)
    return found.assign(p_value=holm(found["p_value"]))


def _answers(frame: pd.DataFrame, attribute: str, confidence: float) -> list[dict[str, object]]:
    from scipy.stats import fisher_exact
    from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

    counts = pd.crosstab(frame[attribute], frame["decision"]).reindex(columns=list(_DECISIONS), fill_value=0)
    if len(counts) < 2:
        return []
    sizes, alpha, rows = counts.sum(axis=1), 1 - confidence, []
    for answer in counts.index:
        for decision in _DECISIONS:
            n, size = int(counts.loc[answer, decision]), int(sizes[answer])
            others, rest = int(counts[decision].sum()) - n, int(sizes.sum()) - size
            low, high = proportion_confint(n, size, alpha=alpha, method="wilson")
            below, above = confint_proportions_2indep(n, size, others, rest, method="newcomb", alpha=alpha)
            rows.append(
                {
                    "attribute": attribute,
                    "answer": str(answer),
                    "decision": decision,
                    "n_households": size,
                    "n": n,
                    "share": n / size,
                    "ci_lower": float(low),
                    "ci_upper": float(high),
                    "n_others": rest,
                    "difference": n / size - others / rest,
                    "difference_lower": float(below),
                    "difference_upper": float(above),
                    "p_value": float(fisher_exact([[n, size - n], [others, rest - others]])[1]),
                }
            )
    return rows
