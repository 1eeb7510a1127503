"""The design: the trial that is emulated, who enters, and what is assumed."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pandas as pd

from dunnhumby_pipeline.causal.design.graph import ASSUMED_ABSENT
from dunnhumby_pipeline.contracts.names import ALL_CAMPAIGNS
from dunnhumby_pipeline.report.grid import Cell, Grid, as_grid, cells
from dunnhumby_pipeline.report.section import Heading, Section
from dunnhumby_pipeline.report.tables import StudyTables
from dunnhumby_pipeline.settings import Settings
from dunnhumby_pipeline.words import dates, numbers, terms

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def protocol_rows(protocol: pd.DataFrame, day_one: date | None = None) -> Grid:
    """The target trial, component by component."""
    rows = [
        (Cell(row["component"].capitalize(), strong=True), Cell(dates.dated(row["specification"], day_one)))
        for _, row in protocol.iterrows()
    ]
    return as_grid("Component|In this study", rows, set())


def _flow(tables: StudyTables, settings: Settings) -> Figure:
    from dunnhumby_pipeline.figures.campaign import design

    return design.trial_flow(tables["trial_flow"])


def _flow_alt(tables: StudyTables, settings: Settings) -> str:
    flow = tables["trial_flow"]
    whole = flow[flow["campaign"] == ALL_CAMPAIGNS].sort_values("step")
    steps = "; ".join(f"{row['stage']} {numbers.count(row['n'])}" for _, row in whole.iterrows())
    return f"Flow of households into the study: {steps}."


def campaign_rows(campaigns: pd.DataFrame, day_one: date | None = None) -> Grid:
    """Every campaign of the type with its days, and why it is left out if it is."""
    rows = [
        cells(
            str(row["campaign"]),
            dates.span(row["start_day"], row["end_day"], day_one),
            dates.span(row["index_day"], row["outcome_end"], day_one),
            numbers.count(row["lookback_days"]),
            "in use" if row["used"] else dates.dated(f"left out: {row['reason']}", day_one),
            strong=bool(row["used"]),
        )
        for _, row in campaigns.iterrows()
    ]
    runs, outcome = ("Runs on days", "Outcome on days") if day_one is None else ("Runs", "Outcome counted")
    return as_grid(f"Campaign|{runs}|{outcome}|Look-back days|In the study", rows, {3})


def trial_rows(cohort: pd.DataFrame, day_one: date | None = None) -> Grid:
    """Trials, arms and days of each campaign."""
    campaigns = cohort.groupby("campaign", sort=False).agg(
        index_day=("index_day", "first"),
        end=("outcome_end", "max"),
        trials=("treated", "size"),
        treated=("treated", "sum"),
    )
    redeemed = cohort.loc[cohort["treated"] == 1].groupby("campaign")["redeemed"].mean()
    totals = (len(cohort), cohort["treated"].sum(), len(cohort) - cohort["treated"].sum())
    share = cohort.loc[cohort["treated"] == 1, "redeemed"].mean()
    rows = [cells(ALL_CAMPAIGNS, "", *map(numbers.count, totals), numbers.percent(share, 1), strong=True)]
    for campaign, row in campaigns.sort_values("index_day", kind="stable").iterrows():
        arms = (row["trials"], row["treated"], row["trials"] - row["treated"])
        days = dates.span(row["index_day"], row["end"], day_one)
        rows.append(cells(str(campaign), days, *map(numbers.count, arms), numbers.percent(redeemed.get(campaign), 1)))
    counted = "Outcome days" if day_one is None else "Outcome counted"
    return as_grid(f"Campaign|{counted}|Trials|Treated|Control|Treated who redeemed", rows, {2, 3, 4, 5})


def _comparison(tables: StudyTables, settings: Settings) -> Figure:
    from dunnhumby_pipeline.figures.campaign import design

    return design.design_comparison(tables["design_comparison"])


def _comparison_alt(tables: StudyTables, settings: Settings) -> str:
    found = "; ".join(
        f"{terms.design(row['design'])} AUC {numbers.number(row['auc'], 2)}, "
        f"{numbers.percent(row['share_in_overlap'])} in overlap"
        for _, row in tables["design_comparison"].iterrows()
    )
    return f"Three designs: {found}."


def comparison_rows(comparison: pd.DataFrame) -> Grid:
    """The designs side by side; the one in use is set in bold."""
    rows = []
    for _, row in comparison.iterrows():
        strong = bool(row["chosen"])
        known = numbers.is_number(row["ato"])
        rows.append(
            cells(
                terms.design(row["design"]) + (" (in use)" if strong else ""),
                numbers.count(row["n_treated"]),
                numbers.count(row["n_control"]),
                numbers.number(row["auc"], 2),
                numbers.percent(row["share_in_overlap"]),
                *(numbers.bounded(row[smd], numbers.number(row[smd], 2)) for smd in ("max_smd", "max_smd_weighted")),
                numbers.count(row["ess_treated"]),
                numbers.dollars(row["naive"]),
                numbers.interval(row["ato"], row["ato_lower"], row["ato_upper"], "$") if known else numbers.NOTHING,
                strong=strong,
            )
        )
    headers = (
        "Design|Treated|Control|Propensity AUC|In overlap|Largest SMD|Weighted|Effective treated|Naive|"
        "Overlap-weighted effect"
    )
    return as_grid(headers, rows, set(range(1, 10)))


def design_note_rows(comparison: pd.DataFrame) -> Grid:
    """What each design does to the comparison, or why it could not be built."""
    rows = [cells(terms.design(row["design"]), row["note"]) for _, row in comparison.iterrows()]
    return as_grid("Design|What it does", rows, set())


def _graph(tables: StudyTables, settings: Settings) -> Figure:
    from dunnhumby_pipeline.figures.campaign import design

    return design.causal_graph(tables["causal_graph"])


def _graph_alt(tables: StudyTables, settings: Settings) -> str:
    graph = tables["causal_graph"]
    absent = graph["meaning"].str.startswith(ASSUMED_ABSENT)
    named = graph["cause"] + " to " + graph["effect"]
    alt = f"Causal graph with the arrows {'; '.join(named[~absent])}."
    return alt + (f" Assumed absent: {'; '.join(named[absent])}." if absent.any() else "")


def identification_rows(identification: pd.DataFrame) -> Grid:
    """What the graph identifies, and under which assumptions."""
    rows = [(Cell(row["item"], strong=True), Cell(row["text"])) for _, row in identification.iterrows()]
    return as_grid("Item|In words", rows, set())


PARTS = (
    Heading("The design"),
    Section(
        "protocol",
        "The trial that is emulated",
        ("trial_protocol",),
        rows=lambda tables, settings: protocol_rows(tables["trial_protocol"], settings.checks.day_one),
    ),
    Section("flow", "From the data to the two arms", ("trial_flow",), draw=_flow, alt=_flow_alt),
    Section(
        "campaigns",
        "Campaigns of the type, in use or left out",
        ("trial_campaigns",),
        rows=lambda tables, settings: campaign_rows(tables["trial_campaigns"], settings.checks.day_one),
    ),
    Section(
        "trials",
        "Trials and arms by campaign",
        ("first_campaign_cohort",),
        rows=lambda tables, settings: trial_rows(tables["first_campaign_cohort"], settings.checks.day_one),
    ),
    Section(
        "comparison",
        "Why this design",
        ("design_comparison",),
        "The same data under three designs. Controls chosen by what they bought later, and look-backs of unequal "
        "length, give the arms away and leave little to compare.",
        _comparison,
        _comparison_alt,
    ),
    Section(
        "designs",
        "Designs side by side",
        ("design_comparison",),
        rows=lambda tables, settings: comparison_rows(tables["design_comparison"]),
    ),
    Section(
        "design_notes",
        "What each design does to the comparison",
        ("design_comparison",),
        rows=lambda tables, settings: design_note_rows(tables["design_comparison"]),
    ),
    Section(
        "graph",
        "What is assumed to cause what",
        ("causal_graph",),
        "Dashed: not observed. The arrow that is assumed absent is what no table can prove.",
        _graph,
        _graph_alt,
    ),
    Section(
        "identification",
        "What the graph identifies",
        ("identification",),
        rows=lambda tables, settings: identification_rows(tables["identification"]),
    ),
)
