"""Who responds more: the models of the effect, and how they score."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from dunnhumby_pipeline.contracts.names import ALL_FOLDS, CONSTANT
from dunnhumby_pipeline.report.grid import Grid, as_grid, cells
from dunnhumby_pipeline.report.section import Section
from dunnhumby_pipeline.words import numbers, terms

if TYPE_CHECKING:
    pass


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


PARTS = (
    Section(
        "models",
        "Models of who responds more, scored on households they did not see",
        ("cate_models",),
        rows=lambda tables, settings: model_rows(tables["cate_models"]),
    ),
)
