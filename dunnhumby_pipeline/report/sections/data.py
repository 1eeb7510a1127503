"""What the numbers rest on: rows left out or repaired, households under several ids, features that moved."""

from __future__ import annotations

from dunnhumby_pipeline.report.grid import Grid, as_grid, cells
from dunnhumby_pipeline.report.section import Fold, Section
from dunnhumby_pipeline.report.tables import StudyTables
from dunnhumby_pipeline.settings import Settings
from dunnhumby_pipeline.words import numbers, terms
from dunnhumby_pipeline.words.features import feature

MOVED = 8
N_COPIES = 12


def reject_rows(tables: StudyTables, settings: Settings) -> Grid:
    """Each rule that rows of a raw file broke, with what was done about them."""
    rows = [
        cells(
            terms.spoken(row.table),
            terms.spoken(row.rule),
            row.column,
            row.action,
            numbers.count(row.n),
            numbers.percent(row.share, 2),
        )
        for row in tables["rejects"].itertuples()
    ]
    return as_grid("Table|Rule|Column|What was done|Rows|Share", rows, {4, 5})


def copy_rows(tables: StudyTables, settings: Settings) -> Grid:
    """The first households that are copies of others."""
    rows = [
        cells(
            str(row.household_key),
            str(row.copy_of),
            str(row.cluster),
            numbers.count(row.n_lines),
            numbers.percent(row.share),
        )
        for row in tables["household_copies"].head(N_COPIES).itertuples()
    ]
    return as_grid("Household|Copy of|Counted as|Lines|Share in common", rows, {3, 4})


def drift_rows(tables: StudyTables, settings: Settings) -> Grid:
    """The features that moved most since the run before."""
    drift = tables["feature_drift"].sort_values("psi", ascending=False, na_position="last").head(MOVED)
    rows = [
        cells(
            feature(row.feature),
            numbers.number(row.psi, 2),
            numbers.number(row.median_before, 3),
            numbers.number(row.median_now, 3),
        )
        for row in drift.itertuples()
    ]
    return as_grid("Feature|Stability index|Median before|Median now", rows, {1, 2, 3})


PARTS = (
    Fold(
        "What the numbers rest on",
        (
            Section(
                "rejects",
                "Rows of the raw files that break a rule",
                ("rejects",),
                "Rejected rows are kept with their values in the table `rejected_rows`.",
                rows=reject_rows,
            ),
            Section(
                "copies_of_households",
                "Households under several ids",
                ("household_copies",),
                "At least 20 lines, and 95% of the smaller history the same day, product and amount. They share a "
                "fold and a cluster of the standard errors; the table `household_copies` has all of them.",
                rows=copy_rows,
            ),
            Section(
                "drift_of_features",
                "Features that moved most since the run before",
                ("feature_drift",),
                "A population stability index above 0.2 is a change to look into. A first run has nothing to compare.",
                rows=drift_rows,
            ),
        ),
    ),
)
