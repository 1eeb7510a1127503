"""Campaigns a household had received, and coupons it had redeemed, before an index day."""

from __future__ import annotations

import ibis.expr.types as ir

from dunnhumby_pipeline.engine.compile import unbound
from dunnhumby_pipeline.features.windows import WINDOW_KEY, windows_table, within
from dunnhumby_pipeline.journey.schema import CAMPAIGN_TYPES


def received_column(campaign_type: str) -> str:
    """Column of campaigns of this type that started before the index day."""
    return f"received_{campaign_type.lower()}"


def running_column(campaign_type: str) -> str:
    """Column of campaigns of this type that had started before the index day and run on it."""
    return f"running_{campaign_type.lower()}"


def campaigns_received() -> ir.Table:
    """Counts of campaigns by type that a household was sent before each window's index day.

    Over the unbound tables `campaign_targets`, `campaigns` and `windows`. One row a window and
    household with at least one; others have received none.
    """
    targets, waves, windows = unbound("campaign_targets"), unbound("campaigns"), windows_table()
    dated = targets.select("household_key", "campaign").join(waves, "campaign")
    earlier = dated.join(windows, [dated.start_day < windows.index_day])
    running = earlier.end_day >= earlier.index_day
    counts = {}
    for campaign_type in CAMPAIGN_TYPES:
        of_type = earlier.description == campaign_type
        counts[received_column(campaign_type)] = of_type.cast("float64").sum()
        counts[running_column(campaign_type)] = (of_type & running).cast("float64").sum()
    return earlier.group_by(WINDOW_KEY).agg(**counts).order_by(WINDOW_KEY)


def coupons_redeemed() -> ir.Table:
    """Coupons redeemed by a household in each window, of any campaign: n_redemptions."""
    redemptions = unbound("coupon_redemptions")
    in_window = within(redemptions, windows_table())
    return in_window.group_by(WINDOW_KEY).agg(n_redemptions=in_window.count()).order_by(WINDOW_KEY)


HISTORY_COLUMNS = (
    *(column(campaign_type) for campaign_type in CAMPAIGN_TYPES for column in (received_column, running_column)),
    "n_redemptions",
)
