"""Exposure to promotions: how much of what was bought was on display or in the mailer."""

from __future__ import annotations

import ibis.expr.types as ir

from dunnhumby_pipeline.engine.compile import unbound
from dunnhumby_pipeline.features.windows import WINDOW_KEY, ratio, windows_table, within

NOT_PROMOTED = "0"


def promotion_exposure() -> ir.Table:
    """Share of a household's lines in a window bought while on display, and while in the mailer.

    Over the unbound tables `transactions`, `promotions` and `windows`. A line counts when its
    product was promoted in its store and week; `promotions` has one row a product, store and week,
    so that no line counts twice. Weeks without promotion data count as not exposed.
    """
    lines = unbound("transactions").select("household_key", "day", "product_id", "store_id", "week_no")
    promotions = unbound("promotions")
    joined = lines.left_join(promotions, ["product_id", "store_id", "week_no"])
    by_day = joined.group_by("household_key", "day").agg(
        n_lines=joined.count(),
        n_display=(joined.display != NOT_PROMOTED).fill_null(False).cast("float64").sum(),
        n_mailer=(joined.mailer != NOT_PROMOTED).fill_null(False).cast("float64").sum(),
    )
    in_window = within(by_day, windows_table())
    totals = in_window.group_by(WINDOW_KEY).agg(
        n_lines=in_window.n_lines.cast("float64").sum(),
        n_display=in_window.n_display.sum(),
        n_mailer=in_window.n_mailer.sum(),
    )
    return totals.select(
        *WINDOW_KEY,
        display_exposure_rate=ratio(totals.n_display, totals.n_lines),
        mailer_exposure_rate=ratio(totals.n_mailer, totals.n_lines),
    ).order_by(WINDOW_KEY)
