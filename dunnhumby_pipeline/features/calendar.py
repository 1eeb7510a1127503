"""Any expression over lines, on other days: the same purchases, moved and copied by a calendar."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from dunnhumby_pipeline.engine.compile import unbound


def calendar_table() -> ir.Table:
    """The unbound table `calendar`: `day` of the data, `new_day` it is moved to, `copy` (0, 1, ...) it belongs to.

    `n_copies`: more than the largest `copy`, the same in every row.
    """
    return ibis.table({"day": "int32", "new_day": "int32", "copy": "int64", "n_copies": "int64"}, name="calendar")


def on_calendar(expression: ir.Table, *parts: ir.Table) -> ir.Table:
    """`expression` over the lines that `calendar` keeps, each on its new day; a day listed twice counts twice.

    Two copies of a basket are two baskets: their ids are numbers of the household's baskets, which never grow beyond
    what the engine holds. Reads the unbound table `calendar` beside those of `expression`. `parts` of it that have a
    `day`, and are fewer rows or columns than the lines they are made of, are moved in the place of these.
    """
    moved = {part.op(): _moved(part).op() for part in (unbound("transactions"), *parts)}
    return expression.op().replace(moved).to_expr()


def _moved(rows: ir.Table) -> ir.Table:
    calendar = calendar_table()
    if "basket_id" not in rows.columns:
        kept = rows.join(calendar, "day")
        return kept.select(**{name: kept[name] for name in rows.columns} | {"day": kept.new_day})
    baskets = unbound("transactions").select("household_key", "basket_id").distinct()
    place = ibis.row_number().over(ibis.window(group_by="household_key", order_by="basket_id"))
    numbered = baskets.mutate(place=place)
    kept = rows.join(numbered, ["household_key", "basket_id"]).join(calendar, "day")
    columns = {name: kept[name] for name in rows.columns}
    return kept.select(**columns | {"day": kept.new_day, "basket_id": kept.place * kept.n_copies + kept.copy})
