"""Who may fall next quarter, who fell in the last, and what is to be expected of either without a campaign."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from dunnhumby_pipeline.contracts.names import ALL_FOLDS, IN_USE
from dunnhumby_pipeline.report.grid import Grid, as_grid, cells
from dunnhumby_pipeline.report.section import Heading, Note, Section
from dunnhumby_pipeline.report.tables import StudyTables
from dunnhumby_pipeline.settings import Settings
from dunnhumby_pipeline.words import numbers, terms

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHOWN = 20
_LISTS = {"at_risk": "At risk", "fallen": "Fallen"}


def in_use(validation: pd.DataFrame) -> pd.Series:
    """The row of the forecast in use, over all quarters that were forecast."""
    return validation[(validation["fold"] == ALL_FOLDS) & (validation["forecast"] == IN_USE)].iloc[0]


def risk_note(tables: StudyTables, settings: Settings) -> str:
    """How many may fall, and how well such falls were told before."""
    listed = tables["at_risk"][tables["at_risk"]["at_risk"]]
    told, fall = in_use(tables["risk_validation"]), numbers.percent(settings.risk.fall)
    if listed.empty:
        return f"Who may fall cannot be told: {told['reason']}."
    found = (
        f"{numbers.count(len(listed))} households of value are listed as at risk: their chance that spend falls by "
        f"{fall} or more in the next quarter is {numbers.percent(listed['probability'].mean())} on average, and "
        f"{numbers.dollars(listed['expected_fall'].sum())} are expected to be lost. For "
        f"{numbers.count(listed['from_peak'].sum())} of them sales at their usual rate would be such a fall already: "
        "their last quarter was a peak, and there is little to save."
    )
    if pd.notna(told["reason"]):
        return f"{found} How good this is cannot be told yet: {told['reason']}."
    return (
        f"{found} In quarters that were not learned from, {numbers.percent(told['share_listed_fell'])} of those listed "
        f"fell, of all households of value {numbers.percent(told['share_fell'])} (area under the ROC curve "
        f"{told['auc']:.2f}, {told['ci_lower']:.2f} to {told['ci_upper']:.2f})."
    )


def risk_rows(tables: StudyTables, settings: Settings) -> Grid:
    """The households with the largest chance of a fall."""
    listed = tables["at_risk"][tables["at_risk"]["at_risk"]].head(SHOWN)
    rows = [
        cells(
            str(found["household_key"]),
            numbers.percent(found["probability"]),
            numbers.whole_dollars(found["quarter_spend"]),
            numbers.whole_dollars(found["usual_spend"]),
            numbers.whole_dollars(found["expected_fall"]),
            numbers.NOTHING if pd.isna(found["reasons"]) else str(found["reasons"]),
            "yes" if found["holdout"] else "no",
        )
        for _, found in listed.iterrows()
    ]
    headers = "Household|Chance|Spend last quarter|Usual spend|Expected fall|Why|Left alone by lot"
    return as_grid(headers, rows, {0, 1, 2, 3, 4})


def quarter_rows(tables: StudyTables, settings: Settings) -> Grid:
    """How each quarter was foreseen by the forecast in use, beside the last change alone."""
    validation = tables["risk_validation"]
    used, naive = (validation[validation["forecast"] == name].set_index("fold") for name in (IN_USE, "last change"))
    candidates = validation[validation["chosen"] & (validation["forecast"] != IN_USE)].set_index("fold")["forecast"]
    rows = []
    for fold, found in used.sort_index(key=lambda folds: folds.where(folds >= 0, len(validation))).iterrows():
        whole = fold == ALL_FOLDS
        when = "All" if whole else f"{int(found['first_day'])} to {int(found['last_day'])}"
        if pd.notna(found["reason"]):
            rows.append(cells(when, *[numbers.NOTHING] * 8))
            continue
        rows.append(
            cells(
                when,
                numbers.NOTHING if whole else terms.spoken(str(candidates[fold])),
                numbers.count(found["n_households"]),
                numbers.percent(found["share_fell"], 1),
                numbers.percent(found["share_listed_fell"], 1),
                f"{found['auc']:.3f} ({found['ci_lower']:.3f} to {found['ci_upper']:.3f})",
                f"{naive.at[fold, 'auc']:.3f}",
                f"{found['slope']:.2f} ({found['slope_lower']:.2f} to {found['slope_upper']:.2f})",
                numbers.percent(found["mean_probability"], 1),
                strong=whole,
            )
        )
    headers = "Days forecast|In use|Households|Fell|Fell of those listed|AUC|AUC of the last change|Slope|Mean chance"
    return as_grid(headers, rows, {2, 3, 4, 5, 6, 7, 8})


def fallen_note(tables: StudyTables, settings: Settings) -> str:
    """How many fell, what they spend less, and how much of it is expected back without a campaign."""
    fallen, told = tables["fallen"], in_use(tables["recovery_validation"])
    if fallen.empty:
        reason = f" {told['reason']}." if pd.notna(told["reason"]) else ""
        return f"No household of value has fallen by as much as is listed.{reason}"
    lost = -float(fallen["change"].sum())
    found = (
        f"{numbers.count(len(fallen))} households of value spent {numbers.percent(settings.risk.fall)} less or still "
        f"less in the last quarter than in the one before: {numbers.dollars(lost)} together."
    )
    if fallen["expected_recovery"].isna().all():
        return f"{found} How much of it will come back by itself cannot be told: {told['reason']}."
    back = float(fallen["expected_recovery"].sum())
    text = (
        f"{found} {numbers.dollars(back)} of that ({numbers.percent(back / lost)}) is expected back in the next "
        "quarter without any campaign: a win-back is what comes back beyond it."
    )
    if pd.notna(told["reason"]):
        return f"{text} How good this is cannot be told yet: {told['reason']}."
    return (
        f"{text} Of those who fell earlier, {numbers.dollars(told['recovery'])} per household came back where "
        f"{numbers.dollars(told['expected_recovery'])} was expected."
    )


def fallen_rows(tables: StudyTables, settings: Settings) -> Grid:
    """The households that lost most."""
    rows = [
        cells(
            str(found["household_key"]),
            numbers.whole_dollars(found["spend_before"]),
            numbers.whole_dollars(found["spend_after"]),
            numbers.whole_dollars(found["change"]),
            numbers.percent(found["change_share"]),
            numbers.count(found["days_since_trip"]),
            numbers.whole_dollars(found["expected_recovery"]),
            "yes" if found["holdout"] else "no",
        )
        for _, found in tables["fallen"].head(SHOWN).iterrows()
    ]
    headers = (
        "Household|Spend before|Spend now|Change|Change (%)|Days since its last trip|Expected back|Left alone by lot"
    )
    return as_grid(headers, rows, {0, 1, 2, 3, 4, 5, 6})


def holdout_rows(tables: StudyTables, settings: Settings) -> Grid:
    """What each list can show, and how many households it would take."""
    rows = [
        cells(
            _LISTS[found["list"]],
            numbers.count(found["n_listed"]),
            numbers.count(found["n_held_out"]),
            numbers.whole_dollars(found["effect_to_find"]),
            numbers.whole_dollars(found["detectable_effect"]),
            numbers.NOTHING if pd.isna(found["n_needed"]) else numbers.count(found["n_needed"]),
            numbers.number(found["n_lists_needed"], 2),
        )
        for _, found in tables["risk_holdout"].iterrows()
    ]
    headers = (
        "List|Households|Left alone by lot|Effect to find ($ per household)|Found by this list|Households needed|"
        "Such lists"
    )
    return as_grid(headers, rows, {1, 2, 3, 4, 5, 6})


def _foreseen(tables: StudyTables, settings: Settings) -> Figure:
    from dunnhumby_pipeline.figures.customers import risk

    return risk.falls_foreseen(tables["risk_calibration"], settings.risk.list_share)


def _foreseen_alt(tables: StudyTables, settings: Settings) -> str:
    top = tables["risk_calibration"]
    top = top[top["forecast"] == IN_USE].sort_values("bin").iloc[-1]
    return (
        f"Of the bin of households with the largest chances, {numbers.percent(top['mean_probability'])} on average, "
        f"{numbers.percent(top['share_fell'])} fell; and the share of all falls by how many households are taken."
    )


def _recovery(tables: StudyTables, settings: Settings) -> Figure:
    from dunnhumby_pipeline.figures.customers import risk

    return risk.fall_and_recovery(tables["fallen"], tables.get("recovery_validation"))


def _recovery_alt(tables: StudyTables, settings: Settings) -> str:
    return (
        f"Spend before and after of {numbers.count(len(tables['fallen']))} households of value that fell, beside what "
        "became of those who fell earlier."
    )


PARTS = (
    Heading("Who may fall"),
    Note("risk_note", risk_note, ("at_risk", "risk_validation")),
    Section(
        "risk_list",
        f"The {SHOWN} households most likely to fall",
        ("at_risk",),
        "A chance, not a verdict: most of those listed will not fall. Do not contact who is left alone by lot: without "
        "them nobody could say what a contact did.",
        rows=risk_rows,
        needs=lambda tables: bool(tables["at_risk"]["at_risk"].any()),
    ),
    Section(
        "falls_foreseen",
        "Are falls foreseen?",
        ("risk_calibration",),
        "Quarters that the forecast had not learned from, together.",
        _foreseen,
        _foreseen_alt,
        needs_rows=True,
    ),
    Section(
        "risk_quarters",
        "Quarter by quarter",
        ("risk_validation",),
        "Each quarter is forecast from those that were over before it began; so are the choice of the forecast and its "
        "calibration. Quarters a step apart share days. A slope of 1 is calibrated.",
        rows=quarter_rows,
        needs=lambda tables: bool(tables["risk_validation"]["auc"].notna().any()),
    ),
    Heading("Who fell"),
    Note("fallen_note", fallen_note, ("fallen", "recovery_validation")),
    Section(
        "fallen_list",
        f"The {SHOWN} households of value that lost most ($ in the quarter)",
        ("fallen",),
        rows=fallen_rows,
        needs_rows=True,
    ),
    Section(
        "fall_and_recovery",
        "Falls, and what came back of earlier ones",
        ("fallen",),
        "Left: households that fell in the last quarter. Right: those who fell earlier, in the quarter after it.",
        _recovery,
        _recovery_alt,
        beside=("recovery_validation",),
    ),
    Section(
        "risk_holdout",
        "What the households left alone can show",
        ("risk_holdout",),
        "The effect to find is a share of the loss expected without a contact (risk.effect_to_find); by the next "
        "quarter's sales, with the power and the confidence of the settings.",
        rows=holdout_rows,
    ),
)
