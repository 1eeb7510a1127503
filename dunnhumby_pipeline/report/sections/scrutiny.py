"""What the search for effects that differ could have found here, and what refutes the analysis."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from dunnhumby_pipeline.report.grid import Cell, Grid, as_grid, cells
from dunnhumby_pipeline.report.section import Heading, Note, Section
from dunnhumby_pipeline.report.tables import StudyTables
from dunnhumby_pipeline.report.unseen import unseen
from dunnhumby_pipeline.settings import Settings
from dunnhumby_pipeline.words import numbers, terms

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_REDUCED = "reduced"
_SHAPES = {
    "all": "all shapes",
    "prognostic": "by expected outcome",
    "linear": "linear in three covariates",
    "threshold": "above a threshold",
    "interaction": "above two thresholds",
}
_COVERED = {
    "average": "average effect",
    "average_as_households": "each household's effect, by the average's interval",
}


def detectable_rows(detectable: pd.DataFrame) -> Grid:
    """Size and detectable spread of each test, over all shapes, and of what counts as proven by shape."""
    rows = []
    for _, row in detectable.iterrows():
        if row["shape"] != "all" and row["test"] != "proven":
            continue
        half = 1.96 * row["size_se"]
        size = f"{numbers.percent(row['size'], 1)} (±{numbers.percent(half, 1)})"
        rows.append(
            cells(
                terms.outcome(row["outcome"])[0],
                terms.effect_test(row["test"]),
                _SHAPES.get(row["shape"], row["shape"]),
                size if row["shape"] == "all" else numbers.NOTHING,
                _spread(row),
                strong=row["shape"] == "all" and row["test"] == "proven",
            )
        )
    headers = "Outcome|Test|Planted effects|Size where none differ|Spread found 4 times in 5"
    return as_grid(headers, rows, {3, 4})


def _spread(row: pd.Series) -> str:
    scale, sign = terms.outcome_scale(row["outcome"])
    if not numbers.is_number(row["spread"]):
        largest = terms.outcome_amount(row["outcome"], row["largest_planted"])
        return f"above {largest}, found in {numbers.percent(row['largest_share'])}"
    return numbers.interval(scale * row["spread"], scale * row["spread_lower"], scale * row["spread_upper"], sign)


def coverage_rows(power: pd.DataFrame) -> Grid:
    """How often intervals cover what they are held against, by the spread planted."""
    covered = power.loc[(power["measure"] == "covered") & power["shape"].isin(["all", "none"])]
    rows = [
        cells(
            terms.outcome(row["outcome"])[0],
            _COVERED.get(row["name"], row["name"]),
            terms.outcome_amount(row["outcome"], row["spread"]) if row["spread"] else "none",
            f"{numbers.percent(row['share'], 1)} (±{numbers.percent(1.96 * row['share_se'], 1)})",
            numbers.count(row["n_draws"]),
        )
        for _, row in covered.sort_values(["outcome", "procedure", "name", "spread"]).iterrows()
    ]
    return as_grid("Outcome|Interval held against|Spread planted|Covered|Draws", rows, {2, 3, 4})


def refutation_rows(refutation: pd.DataFrame) -> Grid:
    """Each refutation: the study's own value, what the draws give, and whether it is passed."""
    rows = []
    for _, row in refutation.iterrows():
        effect = row["subject"] == "average effect"
        unit = "$" if effect else ""
        spread = f"{numbers.number(row['draws_mean'], 3, unit)} ({numbers.number(row['draws_sd'], 2)})"
        rows.append(
            (
                *cells(
                    terms.spoken(row["refuter"]) + (" (dowhy)" if row["drawn_by"] == "dowhy" else ""),
                    row["subject"],
                    numbers.number(row["observed"], 3, unit),
                    spread,
                    numbers.NOTHING if effect else numbers.percent(row["share_proven"]),
                    numbers.count(row["n_draws"]),
                    numbers.number(row["p"], 2),
                ),
                Cell("passed" if row["passed"] else "not passed", "pass" if row["passed"] else "warn"),
                Cell(row["meaning"]),
            )
        )
    headers = "Refuter|Of|Study|Mean of draws (SD)|Draws that prove|Draws|p|Rule|What must follow"
    return as_grid(headers, rows, {2, 3, 4, 5, 6})


def _how(tables: StudyTables, settings: Settings) -> str:
    power = tables["study_power"]
    draws = power.loc[(power["measure"] == "found") & power["shape"].isin(["all"]), "n_draws"]
    certified = bool(power["certified"].astype(bool).any())
    kept = "From `dunnhumby certify`. " if certified else ""
    return (
        f"{kept}Effects of known spread are planted in the study's own trials: covariates, propensities and means as "
        "they are, the noise of every household with a sign by lot. A reduced search (two ridge regressions and "
        "boosted stumps, out of fold, stacked and gated as the study's own) looks for them in "
        f"{numbers.count(draws.min())} draws of each spread or more. {unseen(tables.get('detectable_spread'))}"
    ).strip()


def _curves(tables: StudyTables, settings: Settings) -> Figure:
    from dunnhumby_pipeline.figures.campaign import scrutiny

    return scrutiny.power_curves(tables["study_power"], tables["detectable_spread"], _REDUCED)


def _curves_alt(tables: StudyTables, settings: Settings) -> str:
    said = unseen(tables["detectable_spread"])
    return f"Share of draws in which tests find planted effects, rising with their spread. {said}".strip()


def _refutations(tables: StudyTables, settings: Settings) -> Figure:
    from dunnhumby_pipeline.figures.campaign import scrutiny

    return scrutiny.refutations(tables["refutation"], tables["refutation_draws"])


def _refutations_alt(tables: StudyTables, settings: Settings) -> str:
    rows = tables["refutation"]
    passed = int(rows["passed"].astype(bool).sum())
    return f"Draws of each refuter beside the study's own value; {passed} of {len(rows)} are passed."


PARTS = (
    Heading("What could have been found"),
    Note("power_how", _how, ("study_power",), ("detectable_spread",)),
    Section(
        "power",
        "Power of the tests of effects that differ, on these trials",
        ("study_power", "detectable_spread"),
        "Points are shares of draws with two Monte-Carlo standard errors, lines probit curves through them; the dashed "
        "line is 80 %. Proven is what gate and BLP find together. At a spread of zero a test should find something in "
        "5 % of draws at most.",
        _curves,
        _curves_alt,
        lambda tables, settings: detectable_rows(tables["detectable_spread"]),
    ),
    Section(
        "coverage",
        "What intervals cover, on these trials",
        ("study_power",),
        "The interval of an average is not that of a household: where effects differ it covers few of theirs.",
        rows=lambda tables, settings: coverage_rows(tables["study_power"]),
    ),
    Heading("What refutes it"),
    Section(
        "refutation",
        "The analysis done again where the answer is known",
        ("refutation", "refutation_draws"),
        "Hollow marks are draws, the thick bar is their mean, the thin line the study's own value. A few draws show a "
        "gross fault only; `dunnhumby certify` makes 200 of each, and as many of the effect by dowhy's own refuters. "
        "Means and propensities of trials that do not change are the study's; dowhy fits a partially linear model "
        "with ridge regressions anew, by trial.",
        _refutations,
        _refutations_alt,
        lambda tables, settings: refutation_rows(tables["refutation"]),
    ),
)
