"""Who responds more: the models of the effect, and how they score."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from dunnhumby_pipeline.contracts.names import ALL_FOLDS, CONSTANT
from dunnhumby_pipeline.report.answer import chosen_policy, has_ranking, value_text
from dunnhumby_pipeline.report.grid import Grid, as_grid, cells
from dunnhumby_pipeline.report.section import Note, Section
from dunnhumby_pipeline.report.tables import StudyTables
from dunnhumby_pipeline.settings import Settings
from dunnhumby_pipeline.words import numbers, terms

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def model_rows(cate_models: pd.DataFrame) -> Grid:
    """Each effect model's score over all folds, and in how many folds it beats the constant."""
    folds = cate_models.loc[cate_models["fold"] >= 0]
    rows = []
    for _, row in cate_models.loc[cate_models["fold"] == ALL_FOLDS].iterrows():
        own = folds.loc[folds["model"] == row["model"], "gain_over_constant"]
        constant = row["model"] == CONSTANT
        rows.append(
            cells(
                terms.model(row["model"]) + (" (in use)" if row["chosen"] else ""),
                numbers.number(row["r_loss"], 5),
                numbers.NOTHING if constant else numbers.number(row["gain_over_constant"]),
                numbers.NOTHING if constant else numbers.number(row["gain_se"], 2),
                numbers.NOTHING if constant else f"{int((own > 0).sum())} of {len(own)}",
                strong=bool(row["chosen"]),
            )
        )
    headers = "Model|R-loss (lower is better)|Gain over constant|Standard error|Folds better than constant"
    return as_grid(headers, rows, {1, 2, 3, 4})


def _candidates_note(tables: StudyTables, settings: Settings) -> str:
    if has_ranking(tables.get("cate_models")):
        return "How well the order of households by effect does, on households that the models did not see."
    return (
        "Not chosen: there is no ranking, and every share below 100% is a draw by lot. The curve shows what such draws "
        "are expected to be worth."
    )


def _roi(tables: StudyTables, settings: Settings) -> Figure:
    from dunnhumby_pipeline.figures.campaign import targeting

    chosen = chosen_policy(tables.get("policy_value"))
    share = None if chosen is None or not has_ranking(tables.get("cate_models")) else float(chosen["share_targeted"])
    return targeting.roi_curve(tables["roi_curve"], share)


def _roi_alt(tables: StudyTables, settings: Settings) -> str:
    last = tables["roi_curve"].sort_values("share_targeted").iloc[-1]
    return (
        "Value by share of households targeted; at "
        f"{numbers.percent(last['share_targeted'])} it is {value_text(last)} per household."
    )


PARTS = (
    Section(
        "models",
        "Models of who responds more, scored on households they did not see",
        ("cate_models",),
        rows=lambda tables, settings: model_rows(tables["cate_models"]),
    ),
    Note("candidates", _candidates_note, ("roi_curve",), beside=("cate_models",)),
    Section(
        "roi",
        "Value by share of households targeted",
        ("roi_curve",),
        "Where the band includes zero, a gain is not certain. Above the dashed line, the order of households earns "
        "more than targeting as many at random.",
        _roi,
        _roi_alt,
        beside=("policy_value", "cate_models"),
    ),
)
