"""Exposure to promotions: how much of what was bought was on display or in the mailer."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from dunnhumby_pipeline.engine.compile import unbound
from dunnhumby_pipeline.features.windows import WINDOW_KEY, in_any_window, ratio, windows_table, within

NOT_PROMOTED = "0"


def promotion_exposure() -> ir.Table:
    """Share of a household's lines in a window bought while on display, and while in the mailer.

    Over the unbound tables `transactions`, `promotions` and `windows`. A line counts when its
    product was promoted in its store and week; `promotions` has one row per product, store and week,
    so that no line counts twice. Weeks without promotion data count as not exposed.
    """
    windows = windows_table()
    lines = unbound("transactions")
    days = lines.group_by("household_key", "day").agg(n_lines=lines.count().cast("float64"))
    # Promotions outnumber lines, and most lines have none: only the lines that matter look for theirs, and
    # the others are never carried on.
    promoted = in_any_window(lines, windows).join(unbound("promotions"), ["product_id", "store_id", "week_no"])
    found = promoted.group_by("household_key", "day").agg(
        n_display=(promoted.display != NOT_PROMOTED).cast("float64").sum(),
        n_mailer=(promoted.mailer != NOT_PROMOTED).cast("float64").sum(),
    )
    in_window = within(days.left_join(found, ["household_key", "day"]), windows)
    totals = in_window.group_by(WINDOW_KEY).agg(
        n_lines=in_window.n_lines.sum(),
        n_display=ibis.coalesce(in_window.n_display, 0.0).sum(),
        n_mailer=ibis.coalesce(in_window.n_mailer, 0.0).sum(),
    )
    return totals.select(
        *WINDOW_KEY,
        display_exposure_rate=ratio(totals.n_display, totals.n_lines),
        mailer_exposure_rate=ratio(totals.n_mailer, totals.n_lines),
    ).order_by(WINDOW_KEY)
