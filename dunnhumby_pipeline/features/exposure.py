"""Exposure to promotions: how much of what was bought was on display or in the mailer."""

from __future__ import annotations

from functools import cache

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
    in_window = within(promoted_days_in_windows(), windows)
    totals = in_window.group_by(WINDOW_KEY).agg(
        n_lines=in_window.n_lines.sum(),
        n_display=in_window.n_display.sum(),
        n_mailer=in_window.n_mailer.sum(),
    )
    return totals.select(
        *WINDOW_KEY,
        display_exposure_rate=ratio(totals.n_display, totals.n_lines),
        mailer_exposure_rate=ratio(totals.n_mailer, totals.n_lines),
    ).order_by(WINDOW_KEY)


@cache
def promoted_days_in_windows() -> ir.Table:
    """`promoted_days` of the lines that lie in any window: one expression, which is found again in those made of it."""
    return promoted_days(in_any_window(unbound("transactions"), windows_table()))


def promoted_days(looked_up: ir.Table) -> ir.Table:
    """One row per household and day on which it shopped: n_lines, and of the lines `looked_up` n_display and n_mailer.

    Over the unbound tables `transactions` and `promotions`.
    """
    lines = unbound("transactions")
    days = lines.group_by("household_key", "day").agg(n_lines=lines.count().cast("float64"))
    # Promotions outnumber lines, and most lines have none: only the lines that matter look for theirs, and
    # the others are never carried on.
    promoted = looked_up.join(unbound("promotions"), ["product_id", "store_id", "week_no"])
    found = promoted.group_by("household_key", "day").agg(
        n_display=(promoted.display != NOT_PROMOTED).cast("float64").sum(),
        n_mailer=(promoted.mailer != NOT_PROMOTED).cast("float64").sum(),
    )
    kept = days.left_join(found, ["household_key", "day"]).drop("household_key_right", "day_right")
    return kept.mutate(n_display=kept.n_display.fill_null(0.0), n_mailer=kept.n_mailer.fill_null(0.0))
