"""Whether the effect can have come about as campaigns work: by redeemer, by products, by weeks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from dunnhumby_pipeline.causal.doubts.parts import EVERY, LATER
from dunnhumby_pipeline.causal.doubts.plausibility import (
    COUPON_LINES,
    MULTIPLE,
    ON_REDEMPTION,
    ON_SPEND,
    PER_REDEEMER,
    judged,
)
from dunnhumby_pipeline.report.grid import Grid, as_grid, cells
from dunnhumby_pipeline.report.section import Heading, Note, Section
from dunnhumby_pipeline.report.tables import StudyTables
from dunnhumby_pipeline.settings import Settings
from dunnhumby_pipeline.words import numbers

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_QUANTITIES = {
    ON_SPEND: "Effect on spend, $ per household",
    ON_REDEMPTION: "Effect on redemption, % points",
    PER_REDEEMER: "So each redeemer spent more, $",
    COUPON_LINES: "What redeemers bought on coupon lines, $",
    MULTIPLE: "How many times that",
}


def verdict_note(tables: StudyTables, settings: Settings) -> str:
    """Whether the effect is beyond what redeemers can have spent."""
    found = judged(tables["plausibility"], settings.checks.max_redeemer_multiple)
    begins = "Beyond reason" if found.beyond else "Within reason"
    return f"{begins}: {found.text}."


def quantity_rows(plausibility: pd.DataFrame) -> Grid:
    """The quantities behind the judgement, with their errors."""
    rows = []
    for _, row in plausibility.iterrows():
        scale, sign = (100.0, "") if row["quantity"] == ON_REDEMPTION else (1.0, "$")
        sign = "" if row["quantity"] == MULTIPLE else sign
        estimate, lower, upper = (scale * float(row[name]) for name in ("estimate", "ci_lower", "ci_upper"))
        if not numbers.is_number(estimate):
            told = "not known: redemption did not rise"
        elif numbers.is_number(lower):
            told = numbers.interval(estimate, lower, upper, sign)
        else:
            told = f"{numbers.number(estimate, 3, sign)} (an interval without end)"
        rows.append(cells(_QUANTITIES[row["quantity"]], told, numbers.count(row["n_trials"])))
    return as_grid("Quantity|Estimate (interval)|Trials", rows, {1, 2})


def _parts(tables: StudyTables, settings: Settings) -> Figure:
    from dunnhumby_pipeline.figures.campaign import parts

    return parts.effect_parts(tables["effect_by_part"])


def _parts_alt(tables: StudyTables, settings: Settings) -> str:
    from dunnhumby_pipeline.figures.campaign.parts import PERIOD_WORDS, PRODUCT_WORDS

    known = tables["effect_by_part"].dropna(subset=["estimate"])
    return "Effect on spend by products and weeks: " + "; ".join(
        f"{PRODUCT_WORDS[row['products']].lower()}, {PERIOD_WORDS[row['period']].lower()} "
        f"{numbers.interval(row['estimate'], row['ci_lower'], row['ci_upper'], '$')}"
        for _, row in known.iterrows()
    )


def later_note(tables: StudyTables, settings: Settings) -> str:
    """What the weeks after the window rest on, and what else they hold."""
    parts = tables["effect_by_part"]
    row = parts.loc[(parts["period"] == LATER) & (parts["products"] == EVERY)].iloc[0]
    weeks = settings.sensitivity.weeks_later
    if not numbers.is_number(row["estimate"]):
        return f"The {weeks} weeks after the window could not be estimated: {row['reason']}."
    return (
        f"The {weeks} weeks after the window rest on {numbers.count(row['n_trials'])} trials whose data reach that "
        "far. Purchases that the campaign only pulled forward would be missing there. In these weeks another campaign "
        f"of the type listed {numbers.percent(row['share_reached_treated'])} of the treated and "
        f"{numbers.percent(row['share_reached_control'])} of the controls, so that they show what it did, too."
    )


PARTS = (
    Heading("Is it plausible?"),
    Note("plausible", verdict_note, ("plausibility",)),
    Section(
        "plausibility",
        "What each redeemer would have to have spent",
        ("plausibility",),
        "If coupons are how the campaign works, those who redeemed made the whole effect.",
        rows=lambda tables, settings: quantity_rows(tables["plausibility"]),
    ),
    Section(
        "effect_by_part",
        "The effect by products and weeks",
        ("effect_by_part",),
        "Parts add up to the whole. What works through coupons is to be seen in the products they cover, while the "
        "campaign runs. Below zero in the weeks after the window would be purchases pulled forward.",
        _parts,
        _parts_alt,
    ),
    Note("later_note", later_note, ("effect_by_part",)),
)
