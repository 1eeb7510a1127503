"""Tables of the group journey."""

from __future__ import annotations

from dunnhumby_pipeline.contracts import metrics, schema
from dunnhumby_pipeline.contracts.columns import shared
from dunnhumby_pipeline.contracts.table import Column, Table, integer, number, text

# SQL over each canonical table: some are too large to load for their metrics.
_METRICS: dict[str, dict[str, str]] = {
    "transactions": {
        "n_households": "count(DISTINCT household_key)",
        "n_baskets": "count(DISTINCT basket_id)",
        "sales": "sum(sales_value)",
        "first_day": "min(day)",
        "last_day": "max(day)",
    },
    "products": {"n_departments": "count(DISTINCT department)"},
    "promotions": {"first_week": "min(week_no)", "last_week": "max(week_no)"},
    "campaigns": {"n_campaigns": "count(*)", "last_start_day": "max(start_day)"},
    "campaign_targets": {"n_households": "count(DISTINCT household_key)"},
    "coupons": {"n_coupons": "count(DISTINCT coupon_upc)"},
    "coupon_redemptions": {"n_households": "count(DISTINCT household_key)", "last_day": "max(day)"},
    "demographics": {"n_households": "count(*)"},
}


def _canonical(table: schema.Table) -> Table:
    return Table(
        table.name,
        group="journey",
        made_by="load_journey",
        meaning=f"One row per {table.meaning}.",
        row=table.meaning,
        key=table.key,
        columns=tuple(
            Column(c.name, c.type, c.meaning, c.unit, c.nullable, sources=f"raw_{table.name}.{c.raw}")
            for c in table.columns
        ),
        metrics=_METRICS[table.name],
    )


TABLES = (
    *(_canonical(table) for table in schema.TABLES),
    Table(
        "rejects",
        group="journey",
        made_by="load_journey",
        meaning="Rows that broke a rule and values that were repaired, counted, with examples.",
        row="rule, with the rows it rejected, repaired or kept with a remark, and examples",
        key=("table", "rule", "column", "action"),
        columns=(
            *shared("table rule column"),
            text("expected", "what the rule asks for, in words"),
            text("action", "what was done: rejected, repaired, merged, forgotten, or kept with a remark"),
            integer("n", "number of rows", "rows"),
            number("share", "these rows as a share of the file's rows", "0-1"),
            text("example_rows", "the first of these rows, with their place in the file"),
        ),
        metrics={
            "n_rejected": "coalesce(sum(n) FILTER (action = 'rejected'), 0)",
            "n_repaired": "coalesce(sum(n) FILTER (action = 'repaired'), 0)",
        },
        may_be_empty=True,
    ),
    Table(
        "rejected_rows",
        group="journey",
        made_by="load_journey",
        meaning="Rows left out, with the values of their raw file (the first 500,000 of a table).",
        row="row left out, as its file has it",
        key=("table", "row"),
        columns=(
            *shared("table"),
            integer(
                "row", "the row's place in its raw file; the header of a CSV file is row 1, empty lines are not counted"
            ),
            *shared("rule column"),
            text("raw_row", "the row's values in the file as text: JSON by the file's headers"),
        ),
        may_be_empty=True,
        metrics={"n_rows": "count(*)"},
    ),
    Table(
        "household_copies",
        group="journey",
        made_by="household_copies",
        meaning="Households whose lines are those of another: one household under several ids.",
        row="household with a copy",
        key=("household_key",),
        columns=(
            *shared("household_key"),
            integer("cluster", "the lowest id of those that are copies of each other"),
            integer("copy_of", "the household that it shares most of its lines with"),
            integer("n_lines", "its lines", "lines"),
            number("share", "share of the smaller of both histories that is the same day, product and amount", "0-1"),
        ),
        may_be_empty=True,
        metrics=metrics.copies,
        sources={
            "household_key": "transactions",
            **dict.fromkeys(
                ("cluster", "copy_of", "share"), "transactions.day transactions.product_id transactions.sales_value"
            ),
            "n_lines": "transactions.household_key",
        },
    ),
)
