"""Campaigns a household had received, and coupons it had redeemed, before an index day."""

from __future__ import annotations

import ibis.expr.types as ir

from dunnhumby_pipeline.contracts.feature import active_column, received_column, redeemed_column
from dunnhumby_pipeline.contracts.schema import CAMPAIGN_TYPES
from dunnhumby_pipeline.engine.compile import unbound
from dunnhumby_pipeline.features.windows import WINDOW_KEY, windows_table, within


def campaigns_received() -> ir.Table:
    """Counts of campaigns by type that a household was sent before each window's index day.

    Over the unbound tables `campaign_targets`, `campaigns` and `windows`. One row per window and
    household with at least one; others have received none.
    """
    targets, campaigns, windows = unbound("campaign_targets"), unbound("campaigns"), windows_table()
    dated = targets.select("household_key", "campaign").join(campaigns, "campaign")
    earlier = dated.join(windows, [dated.start_day < windows.index_day])
    active = earlier.end_day >= earlier.index_day
    counts = {}
    for campaign_type in CAMPAIGN_TYPES:
        of_type = earlier.description == campaign_type
        counts[received_column(campaign_type)] = of_type.cast("float64").sum()
        counts[active_column(campaign_type)] = (of_type & active).cast("float64").sum()
    return earlier.group_by(WINDOW_KEY).agg(**counts).order_by(WINDOW_KEY)


def coupons_redeemed() -> ir.Table:
    """Coupons redeemed by a household in each window: n_redemptions of any campaign, and counts by campaign type.

    Over the unbound tables `coupon_redemptions`, `campaigns` and `windows`. One row per window and household
    with at least one; others have redeemed none.
    """
    redemptions, campaigns = unbound("coupon_redemptions"), unbound("campaigns")
    in_window = within(redemptions, windows_table())
    typed = in_window.left_join(campaigns.select("campaign", "description"), "campaign")
    by_type = {
        redeemed_column(campaign_type): (typed.description == campaign_type).fill_null(False).cast("float64").sum()
        for campaign_type in CAMPAIGN_TYPES
    }
    return typed.group_by(WINDOW_KEY).agg(n_redemptions=typed.count(), **by_type).order_by(WINDOW_KEY)
