"""The economics in force: what a contact costs in every scenario, and what redeemed coupons cost."""

from __future__ import annotations

import pandas as pd

from dunnhumby_pipeline.contracts.frames import in_campaign_order
from dunnhumby_pipeline.report.grid import Grid, as_grid, cells
from dunnhumby_pipeline.report.section import Heading, Note, Section
from dunnhumby_pipeline.report.tables import StudyTables
from dunnhumby_pipeline.settings import Settings
from dunnhumby_pipeline.words import numbers


def break_even_note(tables: StudyTables, settings: Settings) -> str:
    """How the break-even in use follows from cost and margin; nothing when none is in use."""
    economics = tables["economics"]
    used = economics.loc[economics["used"].astype(bool)]
    if used.empty:
        return ""
    row = used.iloc[0]
    return (
        f"Contacting a household pays when it raises that household's gross profit by more than the "
        f"{numbers.price(row['contact_cost'])} that it costs. Without a coupon redeemed, that is "
        f"{numbers.price(row['break_even_effect'])} of sales at a margin of {numbers.percent(row['margin'])}. "
        "Gross profit is the margin on sales before what the retailer matches of coupons, less that match: what "
        "coupons cost is in it, and is not subtracted again."
    )


def said_in(economics: pd.DataFrame) -> str:
    """What the run of this study said in place of the settings, in a sentence; nothing when it said nothing."""
    said = economics["said"].dropna()
    if said.empty:
        return ""
    return (
        f"These economics are not those of the settings: the run of this study had {said.iloc[0]}. The next "
        "dunnhumby run without options returns to the settings."
    )


def economics_rows(economics: pd.DataFrame) -> Grid:
    """Each cost scenario as it is counted: what a contact costs, who pays, and the break-even it implies."""
    rows = []
    for _, row in economics.sort_values("used", ascending=False, kind="stable").iterrows():
        ends = (row["contact_cost_low"], row["contact_cost_high"])
        rows.append(
            cells(
                row["scenario"] + (" (in use)" if row["used"] else ""),
                numbers.price(row["contact_cost"]),
                "" if ends[0] == ends[1] else " to ".join(map(numbers.price, ends)),
                numbers.percent(row["funded_share"]),
                numbers.price(row["one_off_cost"]),
                numbers.percent(row["margin"]),
                numbers.price(row["break_even_effect"]),
                "not subtracted again" if row["stands_for_coupons"] else "in gross profit",
                strong=bool(row["used"]),
            )
        )
    headers = (
        "Scenario|Contact cost|Range|Manufacturers pay|Once per campaign|Margin|Break-even effect on sales|"
        "Match of coupons"
    )
    return as_grid(headers, rows, {1, 2, 3, 4, 5, 6})


def coupon_rows(costs: pd.DataFrame) -> Grid:
    """What redeemed coupons cost, by campaign."""
    rows = [
        cells(
            str(row["campaign"]),
            numbers.count(row["n_targeted"]),
            numbers.price(row["retailer_cost"]),
            numbers.price(row["manufacturer_cost"]),
        )
        for _, row in in_campaign_order(costs).iterrows()
    ]
    return as_grid("Campaign|Targeted|Retailer pays|Manufacturer pays", rows, {1, 2, 3})


PARTS = (
    Heading("Economics"),
    Note("said_in", lambda tables, settings: said_in(tables["economics"]), ("economics",)),
    Note("break_even_note", break_even_note, ("economics",)),
    Section(
        "economics",
        "Cost of a contact and the break-even it implies",
        ("economics",),
        rows=lambda tables, settings: economics_rows(tables["economics"]),
    ),
    Section(
        "coupon_costs",
        "What redeemed coupons cost",
        ("coupon_costs",),
        "Per targeted household. Gross profit counts what the retailer pays; manufacturers reimburse their part.",
        rows=lambda tables, settings: coupon_rows(tables["coupon_costs"]),
    ),
)
