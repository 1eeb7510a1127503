"""What effects found in one half of the households are in the other, over many splits."""

from __future__ import annotations

import pandas as pd

from dunnhumby_pipeline.causal.cate.validation.many_splits import GROUP, SLOPE, TOP_MINUS_BOTTOM, TRAIT
from dunnhumby_pipeline.report.grid import Grid, as_grid, cells
from dunnhumby_pipeline.report.section import Note, Section
from dunnhumby_pipeline.report.tables import StudyTables
from dunnhumby_pipeline.settings import Settings
from dunnhumby_pipeline.words import features, numbers

TRAITS = 5
_NAMES = {
    SLOPE: "Slope of the effect on what was found (BLP)",
    TOP_MINUS_BOTTOM: "Largest less smallest effects",
}


def split_rows(many_splits: pd.DataFrame) -> Grid:
    """Slope, ends and groups over many splits of the households, and the traits that differ most surely."""
    traits = many_splits["quantity"].str.startswith(TRAIT)
    surest = many_splits.loc[traits].sort_values("p_holm", kind="stable").head(TRAITS)
    rows = []
    for _, row in pd.concat([many_splits.loc[~traits], surest]).iterrows():
        is_trait, unit = row["quantity"].startswith(TRAIT), "" if row["quantity"] == SLOPE else "$"
        known, found = numbers.is_number(row["estimate"]), numbers.NOTHING
        if known:
            found = numbers.interval(row["estimate"], row["ci_lower"], row["ci_upper"], "" if is_trait else unit)
        p = row["p_holm"] if is_trait else row["p"]
        rows.append(cells(_split_name(row["quantity"]), found, "below 0.001" if p < 0.001 else numbers.number(p, 2)))
    return as_grid("Judged in the other half|Median (interval)|p", rows, {1, 2})


def _split_name(quantity: str) -> str:
    if quantity.startswith(TRAIT):
        name = features.covariate(quantity.removeprefix(TRAIT))
        return f"{name}: largest less smallest effects"
    if quantity.startswith(GROUP):
        place = quantity.removeprefix(GROUP)
        return f"Effect of group {place}, the smallest effects first"
    return _NAMES[quantity]


def _splits_said(tables: StudyTables, settings: Settings) -> str:
    row = tables["many_splits"].iloc[0]
    kept = "From `dunnhumby certify`. " if row["certified"] else ""
    return (
        f"{kept}The households are divided in halves {numbers.count(row['n_splits'])} times; what the reduced search "
        "finds in one half is judged in the other. Medians, with p-values doubled, so that no lucky split decides; of "
        "traits those that differ most surely, corrected for all covariates (Holm)."
    )


PARTS = (
    Section(
        "many_splits",
        "Found in one half of the households, judged in the other",
        ("many_splits",),
        "",
        rows=lambda tables, settings: split_rows(tables["many_splits"]),
    ),
    Note("splits_said", _splits_said, ("many_splits",)),
)
