"""Who responds more: the models of the effect, and how they score."""

from __future__ import annotations

import pandas as pd

from dunnhumby_pipeline.contracts.names import ALL_FOLDS, CONSTANT
from dunnhumby_pipeline.report.grid import Grid, as_grid, cells
from dunnhumby_pipeline.report.section import Note, Section
from dunnhumby_pipeline.words import numbers, terms


def model_rows(scoreboard: pd.DataFrame) -> Grid:
    """Each calibrated effect model's score over all folds, its part in the stack, and in how many folds it beats the
    constant; models left out come last."""
    folds = scoreboard.loc[scoreboard["fold"] >= 0]
    whole = scoreboard.loc[scoreboard["fold"] == ALL_FOLDS]
    rows = []
    for _, row in whole.loc[whole["reason"].isna()].iterrows():
        own = folds.loc[folds["model"] == row["model"], "gain_over_constant"]
        constant = row["model"] == CONSTANT
        rows.append(
            cells(
                terms.model(row["model"]) + (" (in use)" if row["chosen"] else ""),
                numbers.number(row["r_loss"], 5),
                numbers.NOTHING if constant else numbers.number(row["gain_over_constant"]),
                numbers.NOTHING if constant else numbers.number(row["gain_se"], 2),
                numbers.NOTHING if constant else f"{int((own > 0).sum())} of {len(own)}",
                _factor(row["calibration"]),
                _factor(row["weight"]),
                strong=bool(row["chosen"]),
            )
        )
    headers = "Model|R-loss (lower is better)|Gain over constant|Standard error|Folds better than constant"
    return as_grid(f"{headers}|Calibration|Weight in the stack", rows, {1, 2, 3, 4, 5, 6})


def left_out_note(scoreboard: pd.DataFrame) -> str:
    """Which models are left out, and why; nothing when none is."""
    rows = scoreboard.loc[scoreboard["reason"].notna()]
    said = "; ".join(f"{terms.model(row['model'])} {row['reason']}" for _, row in rows.iterrows())
    return f"Left out: {said}." if said else ""


def _factor(value: float) -> str:
    return numbers.number(value, 2) if numbers.is_number(value) else numbers.NOTHING


PARTS = (
    Section(
        "models",
        "Models of who responds more, scored on households they did not see",
        ("cate_scoreboard",),
        rows=lambda tables, settings: model_rows(tables["cate_scoreboard"]),
    ),
    Section(
        "every_model",
        "The same by every learner, those left to the certificate among them",
        ("certified_learners",),
        "From `dunnhumby certify`. In use is what a study by all of them would use.",
        rows=lambda tables, settings: model_rows(tables["certified_learners"]),
        needs_rows=True,
    ),
    Note("left_out", lambda tables, settings: left_out_note(tables["cate_scoreboard"]), ("cate_scoreboard",)),
)
